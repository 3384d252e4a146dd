"""What a run makes of rows beyond memory, block by block, is what it makes of all of them at once."""

import json
import resource
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vaefit import evaluate, fit, generate, load, row_blocks
from vaefit.cli.main import run as command
from vaefit.data.streams import parquet, stream, taking
from vaefit.data.streams.parquet import ParquetStream
from vaefit.display import Silent
from vaefit.reading import held_against
from vaefit.scoring import score

PER_ROW = (
    *("log_likelihood", "log_likelihood_se", "log_likelihood_growth", "elbo", "rate", "distortion"),
    "reconstruction_mse",
)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> tuple[Path, Path]:
    """A run whose rows were read block by block, and the rows."""
    folder = tmp_path_factory.mktemp("blocks")
    rng = np.random.default_rng(0)
    np.save(folder / "x.npy", rng.normal(size=(700, 3)).astype(np.float32))
    small = {"latent_dim": 2, "encoder_layers": (4,), "decoder_layers": (4,), "epochs": 1}
    fit(folder / "x.npy", out=folder / "run", stream=True, **small)
    return folder / "run", folder / "x.npy"


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    monkeypatch.setattr(stream, "BLOCK_CELLS", 600)
    monkeypatch.setattr("vaefit.data.streams.npy.PAGE_BYTES", 600)
    monkeypatch.setattr(parquet, "PAGE_ROWS", 16)


def test_latents_of_blocks_are_those_of_all_rows(numbers, tmp_path: Path, small_blocks):
    run, rows = numbers
    for ending in ("parquet", "csv"):
        out = tmp_path / f"z.{ending}"
        assert command(["encode", str(run), str(rows), "--out", str(out), "--quiet"]) == 0
        found = (pl.read_parquet if ending == "parquet" else pl.read_csv)(out).to_numpy()
        np.testing.assert_allclose(found, np.hstack(load(run).encode(np.load(rows))), rtol=1e-4, atol=1e-6)


def test_scores_of_blocks_have_draws_of_their_own(numbers, tmp_path: Path, small_blocks):
    run, rows = numbers
    out = tmp_path / "scores.parquet"
    assert command(["score", str(run), str(rows), "--samples", "200", "--out", str(out), "--quiet"]) == 0
    found, whole = pl.read_parquet(out), score(load(run), rows, draws=200)
    assert found["row"].to_list() == list(range(1, 701))
    error = np.hypot(found["standard_error"], whole.standard_error)
    apart = (found["score"].to_numpy() - whole.score) / np.maximum(error, 1e-6)
    assert np.abs(apart).max() < 6
    assert (found["score"][:200] == whole.score[:200]).all() and (
        found["score"][200:] != whole.score[200:]
    ).any()


def test_numbers_of_blocks_are_those_of_all_rows_at_once(numbers, monkeypatch, small_blocks, capsys):
    run, rows = load(numbers[0]), numbers[1]
    there = np.load(rows)
    whole = evaluate(run, there, samples=20, train=there).to_dict()
    # What takes rows together is of a sample.
    for name in ("SAMPLE_CELLS", "FEWEST_ROWS"):
        monkeypatch.setattr(f"vaefit.data.streams.survey.{name}", 100)
    blocks = row_blocks.rows_of(run, rows, Silent())
    assert isinstance(blocks, row_blocks.Blocks) and len(list(blocks.read())) == 4
    found = evaluate(run, rows, samples=20, train=there).to_dict()
    assert (found["n"], found["latents"]["rows"], found["sample_quality"]["pca"]["rows"]) == (700, 100, 100)
    for key in (*PER_ROW, "coverage"):
        assert found[key] == pytest.approx(whole[key], rel=1e-5, abs=1e-6), key
    for name, expected in whole["baselines"].items():
        for key in ("log_likelihood", "log_likelihood_se"):
            assert found["baselines"][name][key] == pytest.approx(expected[key], rel=1e-5), (name, key)
    errors = [one["baselines"]["ppca"]["reconstruction_mse"] for one in (found, whole)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-5)


def test_evaluate_looks_at_all_rows_beyond_memory_or_at_as_many_as_it_is_told(numbers, small_blocks, capsys):
    asked = ["evaluate", *map(str, numbers), "--samples", "5", "--no-baselines"]
    assert command(asked) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("700 rows, K = 5") and "700 rows are looked at block by block" in shown.err
    assert command([*asked, "--rows", "50"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("50 rows, K = 5") and "50 of 700 rows were looked at" in shown.err


def test_some_rows_of_the_runs_own_data_are_known_as_its_own(numbers, small_blocks):
    run = load(numbers[0])
    blocks = row_blocks.rows_of(run, numbers[1], Silent())
    assert isinstance(blocks, row_blocks.Blocks)
    # Else the doctor would take training rows for held-out ones.
    found = held_against(run, row_blocks.sampled(blocks, most=100), Silent())
    assert found.own and found.train is not None and found.held_out is not None
    assert found.train.total + found.held_out.n == 700


def test_arrays_and_pictures_of_rows_beyond_memory(
    numbers, tmp_path: Path, monkeypatch, capsys, small_blocks
):
    run, rows = load(numbers[0]), np.load(numbers[1])
    given = [str(path) for path in numbers]
    out = tmp_path / "means.npy"
    assert command(["reconstruct", *given, "--samples", "2", "--out", str(out), "--json"]) == 0
    said, means = json.loads(capsys.readouterr().out), np.load(out)
    assert said["mse"] == pytest.approx(
        (((means - rows) / run.transform.inverse_scale(np.ones(3))) ** 2).mean()
    )
    np.testing.assert_allclose(means[:200], run.reconstruct(rows[:200], samples=2).mean, atol=1e-6)
    picture = ["--row", "650", "--row", "3", "--out", str(tmp_path / "x.png"), "--json"]
    assert command(["reconstruct", *given, *picture]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [650, 3]
    assert command(["figure", given[0], "reconstructions", given[1], *picture]) == 0
    monkeypatch.setattr(generate, "BATCH_NUMBERS", 3)
    for ending in ("npy", "npz"):
        assert command(["sample", given[0], "-n", "600", "--out", str(tmp_path / f"new.{ending}")]) == 0
    new = np.load(tmp_path / "new.npy")
    assert new.shape == (600, 3) and len(np.unique(new, axis=0)) == 600 and (new == run.sample(600)).all()
    assert (np.load(tmp_path / "new.npz")["samples"] == new).all()
    monkeypatch.setattr(taking, "SHARE", 0.0)
    capsys.readouterr()
    assert command(["encode", *given, "--out", str(tmp_path / "z.npz")]) == 2
    assert "700 rows do not fit in memory, and a .npz is written at once" in capsys.readouterr().err


def test_cells_are_imputed_block_by_block_and_the_others_stay(tmp_path: Path, small_blocks, monkeypatch):
    rng = np.random.default_rng(1)
    kind = [["a", "b", None][i % 3] for i in range(90)]
    frame = pl.DataFrame({"id": [f"no {i}" for i in range(90)], "x": rng.normal(size=90), "kind": kind})
    frame = frame.with_columns(x=pl.when(pl.int_range(90) % 7 == 0).then(None).otherwise("x"))
    frame.write_parquet(tmp_path / "x.parquet")
    rows, run, out = (str(tmp_path / name) for name in ("x.parquet", "run", "full.parquet"))
    none = {"encoder_layers": (), "decoder_layers": (), "latent_dim": 1, "epochs": 1}
    fit(rows, out=run, stream=True, **none)
    assert command(["impute", run, rows, "--samples", "20", "--out", out, "--quiet"]) == 0
    full = pl.read_parquet(out)
    assert full.null_count().sum_horizontal().item() == 0 and full["id"].equals(frame["id"])
    there = frame["x"].is_not_null()
    assert full["x"].dtype == pl.Float64 and full["x"].filter(there).equals(frame["x"].filter(there))
    assert full["kind"].filter(frame["kind"].is_not_null()).equals(frame["kind"].drop_nulls())
    assert set(full["kind"]) == {"a", "b"}
    # Several tables in one pass, each drawn; what was there stays.
    read = ParquetStream.frame
    monkeypatch.setattr(ParquetStream, "frame", lambda *at: passes.append(at[1:]) or read(*at))
    passes: list[tuple[int, int]] = []
    for ending in ("parquet", "csv"):
        several = ["--multiple", "3", "--samples", "20", "--out", str(tmp_path / f"drawn.{ending}")]
        assert command(["impute", run, rows, *several, "--quiet"]) == 0
    assert {*Counter(passes).values()} == {2}
    drawn = [pl.read_parquet(tmp_path / f"drawn-{i}.parquet") for i in (1, 2, 3)]
    for one in drawn:
        assert one.columns == full.columns and one["id"].equals(frame["id"])
        assert one["x"].filter(there).equals(frame["x"].filter(there)) and not one["x"].null_count()
    assert not drawn[0]["x"].equals(drawn[1]["x"]) and not drawn[1]["x"].equals(drawn[2]["x"])
    assert pl.read_csv(tmp_path / "drawn-3.csv")["x"].equals(drawn[2]["x"])


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_write_that_fails_leaves_no_half_file(numbers, tmp_path: Path, capsys, small_blocks, ending: str):
    run, rows = numbers
    out, most = tmp_path / f"z.{ending}", resource.getrlimit(resource.RLIMIT_FSIZE)
    # As a disk that is full: the system itself refuses to write more.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most[1]))
    try:
        assert command(["encode", str(run), str(rows), "--out", str(out), "--quiet"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    said = capsys.readouterr().err
    assert said == f"vaefit: cannot write {out}: File too large\n" and not list(tmp_path.iterdir())
