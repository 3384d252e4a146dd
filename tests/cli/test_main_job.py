"""Fit, reconstruct, sample, encode, recipes: what a person types and what comes back."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

FILES = {
    "model.safetensors",
    "transform.json",
    "settings.toml",
    "history.jsonl",
    "README.md",
    "curves.png",
    "reconstructions.png",
    "samples.png",
}


def test_run_folder_holds_all_files(fitted):
    assert {p.name for p in fitted.iterdir()} >= FILES
    assert not [p for p in fitted.iterdir() if p.name.startswith(".")], "temporary files are left"


def test_pictures_are_pictures(fitted):
    for name in ("curves", "reconstructions", "samples"):
        with Image.open(fitted / f"{name}.png") as picture:
            assert min(picture.size) > 100
            assert np.asarray(picture.convert("L")).std() > 5, f"{name}.png is empty"


def test_fit_json_is_one_object_and_progress_goes_to_stderr(fit_said):
    summary = fit_said.json
    assert {"run", "epochs", "best_epoch", "seconds", "train", "validation"} <= set(summary)
    for bound in (summary["train"], summary["validation"]):
        assert {"elbo", "rate", "distortion"} <= set(bound)
        assert bound["elbo"] == pytest.approx(-bound["rate"] - bound["distortion"], rel=1e-5)
    assert summary["epochs"] == 2
    assert "note: likelihood: gaussian" in fit_said.err
    assert "epoch 2/2" in fit_said.err


def test_history_has_a_line_an_epoch(fitted):
    records = [json.loads(line) for line in (fitted / "history.jsonl").read_text().splitlines()]
    assert [r["epoch"] for r in records] == [0, 1, 2]
    assert all({"elbo", "rate", "distortion"} <= set(r["validation"]) for r in records)
    assert {"loss", "elbo", "rate", "distortion", "learning_rate", "rows_per_second"} <= set(records[-1])


def test_readme_names_data_and_numbers(fitted, fit_said, folder):
    text = (fitted / "README.md").read_text()
    assert str(folder) in text
    assert "54 training rows and 6 validation rows of 8x8 pixels" in text
    assert f"{fit_said.json['validation']['elbo']:.2f}" in text
    assert "- `latent_dim`: 2" in text


def test_plain_summary_and_quiet(vaefit, folder, small, tmp_path):
    said = vaefit("fit", folder, "--out", tmp_path / "run", "--quiet", *small, "--validation", 0)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == str(tmp_path / "run")
    assert "elbo" in said.out
    assert "validation" not in said.out


def test_reconstruct_npz_in_the_data_s_units(vaefit, fitted, folder, tmp_path):
    out = tmp_path / "all.npz"
    said = vaefit("reconstruct", fitted, folder, "--samples", 3, "--out", out, "--json")
    assert said.code == 0, said.err
    with np.load(out) as found:
        assert found["input"].shape == found["mean"].shape == found["sd"].shape == (60, 8, 8)
        assert found["samples"].shape == (60, 3, 8, 8)
        np.testing.assert_allclose(found["mean"], found["samples"].mean(axis=1), rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(found["sd"], found["samples"].std(axis=1), rtol=1e-4, atol=1e-3)
        first = np.asarray(Image.open(folder / found["name"][0]))
        np.testing.assert_array_equal(found["input"][0], first)
        assert 50 < found["mean"].max() < 400, "means are not in 0..255"
        assert set(found["label"]) == {"digit-0", "digit-1", "digit-2"}
        assert said.json["mse"] == pytest.approx(
            np.mean((found["input"] - found["mean"]) ** 2) / 256**2, rel=1e-4
        )


def test_reconstruct_draws_the_rows_asked_for(vaefit, fitted, folder, tmp_path):
    said = vaefit(
        "reconstruct",
        fitted,
        folder,
        "--row",
        5,
        "--row",
        2,
        "--samples",
        2,
        "--out",
        tmp_path / "x.png",
        "--json",
    )
    assert said.code == 0, said.err
    assert said.json["rows"] == [5, 2]
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size[0] > picture.size[1], "two rows of four tiles are wider than high"


def test_reconstruct_prints_its_file(vaefit, fitted, folder, tmp_path):
    said = vaefit("reconstruct", fitted, folder, "--limit", 3, "--out", tmp_path / "new" / "x.svg", "--quiet")
    assert (said.code, said.out, said.err) == (0, f"{tmp_path / 'new' / 'x.svg'}\n", "")


def test_samples_as_array_and_picture(vaefit, fitted, tmp_path):
    for name in ("s.npy", "s.npz", "s.png"):
        said = vaefit("sample", fitted, "-n", 5, "--seed", 3, "--out", tmp_path / name)
        assert (said.code, said.out) == (0, f"{tmp_path / name}\n"), said.err
    rows = np.load(tmp_path / "s.npy")
    assert rows.shape == (5, 8, 8)
    np.testing.assert_array_equal(rows, np.load(tmp_path / "s.npz")["samples"])
    vaefit("sample", fitted, "-n", 5, "--seed", 4, "--out", tmp_path / "other.npy")
    assert not np.array_equal(rows, np.load(tmp_path / "other.npy"))


def test_noise_is_added_only_when_asked(vaefit, fitted, tmp_path):
    for name, flags in {"mean.npy": (), "noisy.npy": ("--noise",)}.items():
        assert vaefit("sample", fitted, "-n", 5, "--out", tmp_path / name, *flags).code == 0
    difference = np.load(tmp_path / "noisy.npy") - np.load(tmp_path / "mean.npy")
    assert 1 < difference.std() < 256


def test_encode_gives_the_same_numbers_in_every_format(vaefit, fitted, folder, tmp_path):
    for kind in ("csv", "parquet", "npz"):
        said = vaefit("encode", fitted, folder, "--out", tmp_path / f"z.{kind}", "--json")
        assert said.json == {"out": str(tmp_path / f"z.{kind}"), "n": 60, "latent_dim": 2}
    csv, parquet = pl.read_csv(tmp_path / "z.csv"), pl.read_parquet(tmp_path / "z.parquet")
    assert csv.columns == parquet.columns == ["name", "label", "mean_0", "mean_1", "sd_0", "sd_1"]
    with np.load(tmp_path / "z.npz") as found:
        for frame in (csv, parquet):
            np.testing.assert_allclose(frame["mean_1"], found["mean"][:, 1], rtol=1e-5)
            np.testing.assert_allclose(frame["sd_0"], found["sd"][:, 0], rtol=1e-5)
            assert frame["name"].to_list() == found["name"].tolist()
            assert frame["label"].to_list() == found["label"].tolist()
        assert found["name"][0].startswith("digit-0/")
        assert (found["sd"] > 0).all()


def test_recipes_are_listed(vaefit):
    said = vaefit("recipes")
    assert said.code == 0
    for name in ("default", "faces-2016", "faces-2016-annealed", "kingma-welling-2013"):
        assert f"{name}: " in said.out
    assert "1312.6114" in said.out
    listed = {r["name"]: r for r in vaefit("recipes", "--json").json["recipes"]}
    assert listed["default"]["differs"] == {}
    assert listed["faces-2016"]["differs"]["likelihood"] == "gaussian-moments"
    annealed = listed["faces-2016-annealed"]
    assert annealed["base"] == "faces-2016"
    assert annealed["differs"] == {**listed["faces-2016"]["differs"], **annealed["differs"]}


def test_a_recipe_of_ones_own_is_shown_with_all_it_starts_from(vaefit, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('latent_dim = 3\n[recipe]\nbase = "imputation"\n')
    (listed,) = vaefit("recipes", own, "--json").json["recipes"]
    (base,) = vaefit("recipes", "imputation", "--json").json["recipes"]
    assert listed["differs"] == {**base["differs"], "latent_dim": 3}
    said = vaefit("recipes", own).out
    assert "own: imputation, with settings of its own" in said
    assert "base: imputation\n    differs: latent_dim=3, encoder_layers=128,128,128" in said


def test_default_folder_is_the_next_free_one(vaefit, folder, small, tmp_path, monkeypatch):
    from vaefit.cli.commands.fit import next_free

    monkeypatch.chdir(tmp_path)
    said = vaefit("fit", folder, "-q", *small, "--epochs", 1)
    assert said.out.splitlines()[0] == "runs/digits"
    assert str(next_free(str(folder))) == "runs/digits-2"
    assert str(next_free("faces.tar.gz")) == "runs/faces"
    assert str(next_free(".")) == f"runs/{tmp_path.name}"
    assert str(next_free("some/folder/")) == "runs/folder"
