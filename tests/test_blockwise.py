"""What a run makes of rows beyond memory, block by block, is what it makes of all of them at once."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vaefit import fit, load
from vaefit.cli.main import run as command
from vaefit.data.streams import parquet, stream, taking
from vaefit.scoring import score


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


def test_rows_beyond_memory_are_evaluated_on_some_of_them(numbers, monkeypatch, small_blocks, capsys):
    run, rows = numbers
    for name in ("SAMPLE_CELLS", "FEWEST_ROWS"):
        monkeypatch.setattr(f"vaefit.data.streams.survey.{name}", 100)
    monkeypatch.setattr(taking, "SHARE", 0.0)
    assert command(["evaluate", str(run), str(rows), "--samples", "5", "--no-baselines"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("100 rows, K = 5") and "100 of 700 rows were looked at" in shown.err


def test_cells_are_imputed_block_by_block_and_the_others_stay(tmp_path: Path, small_blocks):
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


def test_a_disk_that_is_full_leaves_no_half_file(numbers, tmp_path: Path, monkeypatch, capsys, small_blocks):
    run, rows = numbers

    def full(self, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    out = tmp_path / "z.parquet"
    assert command(["encode", str(run), str(rows), "--out", str(out), "--quiet"]) == 2
    assert "No space left on device" in capsys.readouterr().err and not list(tmp_path.iterdir())
