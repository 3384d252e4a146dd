"""Rows read block by block are the rows: each once an epoch, in an order of seed and epoch; their moments."""

from pathlib import Path

import numpy as np
import pytest

from vaefit import data
from vaefit.data.streams import npy, stream, survey, taking, windows
from vaefit.errors import DataError


@pytest.fixture
def small_samples(monkeypatch) -> None:
    monkeypatch.setattr(survey, "SAMPLE_CELLS", 0)
    monkeypatch.setattr(survey, "FEWEST_ROWS", 400)
    monkeypatch.setattr(taking, "FEWEST_ROWS", 60)
    monkeypatch.setattr(taking, "HELD_OUT_CELLS", 0)


def taken(path: Path, share: float = 0.0, seed: int = 0) -> tuple[data.Dataset, data.Dataset]:
    stream = data.open_stream(path)
    assert stream is not None
    sample, held_out = taking.take(stream, share, "block", seed)
    return sample, held_out or sample.take([])


def order(epoch: int, first: int = 0, **how) -> list[list[int]]:
    stretches = np.array([[0, 37], [45, 46], [60, 100]])
    how = {"shuffle": True, "seed": 3, **how}
    found = windows(stretches, 4, 20, epoch=epoch, first=first, **how)
    return [w.numbers()[w.order()].tolist() for w in found]


def test_every_row_comes_once_in_whole_windows():
    rows = [*range(37), 45, *range(60, 100)]
    found = order(0)
    assert [len(w) for w in found] == [20, 20, 20, 18]
    assert sorted(row for w in found for row in w) == rows
    assert [row for w in order(0, shuffle=False) for row in w] == rows


def test_the_order_is_a_function_of_seed_and_epoch():
    assert order(1) == order(1) != order(0)
    assert order(1, seed=4) != order(1)
    assert order(1, first=2) == order(1)[2:]


def test_rows_far_apart_meet_in_a_window():
    spans = [max(w) - min(w) for epoch in range(20) for w in order(epoch)[:3]]
    assert min(spans) > 20 and np.mean(spans) > 60


def test_moments_are_those_of_all_training_rows(tmp_path: Path, monkeypatch, small_samples):
    monkeypatch.setattr(stream, "BLOCK_CELLS", 700)
    rng = np.random.default_rng(0)
    x = (1e6 + 1e-1 * rng.normal(size=(5000, 3)) * [1, 10, 100]).astype(np.float64)
    np.save(tmp_path / "x.npy", x)
    sample, held_out = taken(tmp_path / "x.npy", 0.1)
    at = np.isin(x[:, 0], held_out.values[:, 0])
    assert (sample.n, sample.total, held_out.n) == (400, 4940, 60)
    assert np.isin(sample.values[:, 0], x[~at, 0]).all()
    transform = data.choose_transform(sample)
    np.testing.assert_allclose(transform.mean, x[~at].mean(0), rtol=1e-14)
    np.testing.assert_allclose(transform.scale, x[~at].std(0), rtol=1e-9)


def test_held_out_rows_are_those_of_a_split_in_memory(tmp_path: Path):
    x = np.arange(600.0).reshape(300, 2)
    np.save(tmp_path / "x.npy", x)
    sample, held_out = taken(tmp_path / "x.npy", 0.2, seed=7)
    kept, held = data.split(data.Dataset.from_array(x), 0.2, "block", 7)
    assert (sample.values == x[kept]).all() and (held_out.values == x[held]).all()


def test_a_sample_is_drawn_evenly(tmp_path: Path, small_samples):
    np.save(tmp_path / "x.npy", np.arange(20_000.0).reshape(-1, 2))
    drawn = taken(tmp_path / "x.npy")[0].values[:, 0]
    counts = np.histogram(drawn, bins=4, range=(0, 20_000))[0]
    assert counts.sum() == 400 and (abs(counts - 100) < 40).all()


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
def test_images_have_the_depth_that_a_reader_of_all_rows_finds(tmp_path: Path, dtype: str):
    images = np.random.default_rng(0).integers(0, 200, size=(300, 4, 4)).astype(dtype)
    np.save(tmp_path / "x.npy", images)
    whole = data.read(tmp_path / "x.npy")
    found = taken(tmp_path / "x.npy")[0]
    assert (found.shape, found.levels, found.notices) == (whole.shape, whole.levels, whole.notices)
    assert found.values.dtype == whole.values.dtype and (found.values == whole.values).all()


def test_a_bad_cell_is_named_by_its_row_among_all(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_CELLS", 100)
    monkeypatch.setattr(npy, "PAGE_BYTES", 160)
    x = np.ones((300, 2))
    x[217, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(DataError, match="found nan in row 218, column 2"):
        taken(tmp_path / "x.npy")
