"""`vaefit info`: what a run folder says, quickly, and what it says when it is damaged."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def about(vaefit, fitted):
    """What `vaefit info --json` says of the shared run."""
    said = vaefit("info", fitted, "--json")
    assert (said.code, said.err) == (0, "")
    return said.json


@pytest.fixture
def copy(fitted, tmp_path):
    """A copy of the shared run, to be spoiled."""
    return shutil.copytree(fitted, tmp_path / "run")


def test_what_was_fitted_to_what(about, fitted, folder):
    assert about["run"] == str(fitted)
    assert about["data"] == {
        "path": str(folder.resolve()),
        "rows": 54,
        "validation_rows": 6,
        "shape": [8, 8],
        "transform": "pixels",
    }
    model = about["model"]
    assert (model["likelihood"], model["posterior"], model["prior"]) == ("gaussian", "gaussian", "normal")
    assert (model["latent_dim"], model["encoder_layers"], model["decoder_layers"]) == (2, [8], [8])


def test_settings_are_those_that_differ(about):
    given = {"latent_dim": 2, "encoder_layers": [8], "decoder_layers": [8], "epochs": 2, "batch_size": 25}
    settled = {"likelihood": "gaussian", "schedule_epochs": 2, "mirror": True}
    settled |= {"objective": "elbo", "early_stopping": 20, "cell_dropout": 0.0, "stream": False}
    assert about["settings"] == given | settled


def test_numbers_are_those_of_the_fit(about, fit_said, fitted):
    summary = fit_said.json
    history = [json.loads(line) for line in (fitted / "history.jsonl").read_text().splitlines()]
    model = about["model"]
    assert model["parameters"] == summary["parameters"]
    # 64 -> 8 -> 2 x 2, and 2 -> 8 -> 2 x 64, each with biases; beside each a linear path.
    assert model["encoder_parameters"] == 64 * 8 + 8 + 8 * 4 + 4 + 64 * 4 + 4
    assert model["decoder_parameters"] == 2 * 8 + 8 + 8 * 128 + 128 + 2 * 128 + 128
    assert (about["epochs"], about["best_epoch"]) == (2, summary["best_epoch"])
    assert about["last"]["validation"].items() <= history[-1]["validation"].items()
    assert about["last"]["train"]["elbo"] == history[-1]["elbo"]
    best = about["best"]["validation"]
    assert best == pytest.approx({name: summary["validation"][name] for name in best})


def test_files_and_resuming(about, fitted):
    files = about["files"]
    assert files["model.safetensors"] == (fitted / "model.safetensors").stat().st_size
    assert files["checkpoint/"] == sum(p.stat().st_size for p in (fitted / "checkpoint").iterdir())
    assert set(files) == {p.name + "/" * p.is_dir() for p in fitted.iterdir()}
    assert about["resume"]["possible"] is True
    assert about["resume"]["epoch"] == 2
    assert f"vaefit fit --resume {fitted} " in about["resume"]["how"]


def test_text_for_a_person(vaefit, fitted, about):
    said = vaefit("info", fitted)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == str(fitted)
    for piece in (
        "54 training rows, 6 validation rows of 8x8 pixels",
        f"{about['model']['parameters']:,} parameters",
        "encoder_layers=8",
        "2 of 2 in ",
        f"kept epoch {about['best_epoch']}",
        f"elbo {about['last']['validation']['elbo']:.2f}",
        "goes on after epoch 2",
        "model.safetensors",
    ):
        assert piece in said.out, piece


def test_jax_is_not_imported(fitted):
    program = (
        "import sys; from vaefit.cli.main import run; code = run(sys.argv[1:]);"
        "print('heavy:', sorted({'jax', 'equinox', 'matplotlib', 'polars'} & set(sys.modules)), code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "info", fitted], capture_output=True, text=True, check=True
    )
    assert "heavy: [] 0" in done.stdout, done.stdout[-200:]


def test_a_run_that_cannot_be_resumed_says_why(vaefit, copy, tmp_path):
    def why():
        resume = vaefit("info", copy, "--json").json["resume"]
        assert resume["possible"] is False
        assert f"not possible: {resume['why']}" in vaefit("info", copy).out
        return resume["why"]

    (arrays,) = (copy / "checkpoint").glob("state-*")
    arrays.rename(tmp_path / "elsewhere")
    assert f"{arrays.name} is not there" in why()
    (copy / "checkpoint" / "progress.json").write_text("{")
    assert "is damaged" in why()
    shutil.rmtree(copy / "checkpoint")
    settings = (copy / "settings.toml").read_text()
    data = next(line for line in settings.splitlines() if line.startswith("path = "))
    (copy / "settings.toml").write_text(settings.replace(data, 'path = "/gone"'))
    assert why() == "the data, /gone, are not there"
    (copy / "settings.toml").write_text(settings.replace(data, 'path = "array"'))
    assert "fitted to an array" in why()


def test_a_run_killed_at_its_start_is_described(vaefit, copy):
    shutil.rmtree(copy / "checkpoint")
    (copy / "history.jsonl").write_text('{"epoch": 0, "st')
    about = vaefit("info", copy, "--json").json
    assert (about["epochs"], about["best_epoch"], about["last"]) == (0, None, None)
    assert about["resume"]["possible"] is True
    assert vaefit("info", copy).code == 0


def test_a_run_without_validation_kept_its_last_epoch(vaefit, small, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(50, 3)))
    fit = vaefit("fit", tmp_path / "x.npy", "--validation", "0", "--out", tmp_path / "run", "-q", *small)
    assert fit.code == 0, fit.err
    about = vaefit("info", tmp_path / "run", "--json").json
    assert about["best_epoch"] == 2
    assert about["last"]["validation"] is None
    assert "of 3 columns (standardise)" in vaefit("info", tmp_path / "run").out


DAMAGE = {
    "settings": ("settings.toml", b"[[", "settings.toml is damaged"),
    "newer": ("settings.toml", b"format = 99\n[settings]\n", "install a newer vaefit"),
    "unknown": ("settings.toml", b"format = 1\n[settings]\nlatent_dims = 1\n", "unknown setting"),
    "no likelihood": ("settings.toml", b"format = 1\n[settings]\n", "does not suit this vaefit"),
    "data": ("settings.toml", b"format = 1\ndata = 3\n[settings]\n", "expected [data] to be a table"),
    "transform": ("transform.json", b"[]", "transform.json is damaged"),
    "weights": ("model.safetensors", b"\0" * 20, "model.safetensors is damaged"),
    "history": ("history.jsonl", b'{"epoch": 1, "elbo": "x", "validation": 3, "seconds": []}\n[1]\n', ""),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_named_in_one_line(vaefit, copy, case):
    name, content, message = DAMAGE[case]
    (copy / name).write_bytes(content)
    said = vaefit("info", copy)
    assert said.code == (2 if message else 0), said
    assert message in said.err
    assert said.err.count("\n") <= 1


def test_no_run(vaefit, tmp_path):
    for path in (tmp_path, tmp_path / "gone"):
        said = vaefit("info", path)
        assert said.code == 2
        assert "is not a run folder" in said.err


def test_help_has_an_example(vaefit):
    assert "  vaefit info runs/faces" in vaefit("info", "--help").out
