"""Rows read block by block are the rows: each once an epoch, in an order of seed and epoch; their moments."""

import tarfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from vaefit import data, reading
from vaefit.data import streams
from vaefit.data.streams import npy, parquet, stream, survey, taking, windows
from vaefit.display import Silent
from vaefit.errors import DataError
from vaefit.settings import Settings


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


def test_rows_of_images_are_read_as_those_fitted_and_strange_ones_named(tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 256, size=(9, 4, 4)).astype(np.float32)
    images[5] = 1  # alone it might be anything
    np.save(tmp_path / "x.npy", images)
    stream = data.open_stream(tmp_path / "x.npy")
    assert stream is not None and stream.rows(5, 6).levels is None
    stream.be_like(256)
    assert (stream.rows(5, 6).levels, stream.rows(5, 6).values.dtype) == (256, np.uint8)
    images[7, 3, 3] = 256
    np.save(tmp_path / "x.npy", images)
    with pytest.raises(DataError, match=r"found 256 in image 8"):
        stream.rows(4, 9)


def test_a_bad_cell_is_named_by_its_row_among_all(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_CELLS", 100)
    monkeypatch.setattr(npy, "PAGE_BYTES", 160)
    x = np.ones((300, 2))
    x[217, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(DataError, match="found nan in row 218, column 2"):
        taken(tmp_path / "x.npy")


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """A folder of two Parquet files: numbers, whole numbers, words that come once, missing cells."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "a": rng.normal(size=1000),
            "b": rng.normal(size=1000).astype(np.float32),
            "tenths": (rng.integers(0, 30, size=1000) / 10).astype(np.float32),
            "n": rng.poisson(2.0, size=1000),
            "day": [date(2020, 1, 1) + timedelta(int(i)) for i in rng.integers(0, 900, 1000)],
            "kind": [["x", "y", None][i % 3] if i != 700 else "rare" for i in range(1000)],
        }
    )
    folder = tmp_path_factory.mktemp("table")
    frame[:430].write_parquet(folder / "part-2.parquet")
    frame[430:].write_parquet(folder / "part-10.parquet")
    return folder


def test_a_folder_of_parquet_streams_as_it_is_read(table: Path):
    whole = data.read(table)
    kept, held = data.split(whole, 0.2, "block", 0)
    sample, held_out = taken(table, 0.2)
    assert sample.schema == held_out.schema == whole.schema and sample.columns == whole.columns
    assert sample.notices == whole.notices
    for found, rows in (sample, kept), (held_out, held):
        np.testing.assert_allclose(found.values, whole.values[rows], rtol=1e-7)
    assert sample.whole is not None
    np.testing.assert_allclose(sample.whole.stream.values(425, 440), whole.values[425:440], rtol=1e-7)
    found, wanted = sample.whole.stream.rows(425, 440, cells=True).table, whole.table
    assert found is not None and wanted is not None
    assert found.cells.equals(wanted.cells[425:440])


def test_columns_may_have_names_that_polars_takes_for_all_of_them(tmp_path: Path):
    rng = np.random.default_rng(0)
    names = ["*", "^a", "ab", "b$"]
    frame = pl.DataFrame(rng.normal(size=(300, 4)), schema=names).with_columns(
        pl.Series("k.*$", ["x", "y", "z"] * 100)
    )
    frame.write_parquet(tmp_path / "x.parquet")
    whole, (sample, _) = data.read(tmp_path / "x.parquet"), taken(tmp_path / "x.parquet")
    assert whole.columns == sample.columns == (*names, "k.*$")
    np.testing.assert_array_equal(sample.values, whole.values)
    np.testing.assert_allclose(whole.values[:, :4], frame[names].to_numpy())
    frame.rename({"k.*$": "k", "*": "one", "ab": "*"}).write_csv(tmp_path / "labelled.csv")
    labelled = data.read_labelled(tmp_path / "labelled.csv", "*")
    assert labelled.columns == ("one", "^a", "b$", "k") and labelled.labels is not None
    # Its own functions on one column fail by this name.
    frame.rename({"k.*$": "^k.*$"}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(
        DataError, match=r"no pattern \(\^\.\.\.\$\), found '\^k\.\*\$' for column 5; rename it"
    ):
        data.read(tmp_path / "x.parquet")


def test_levels_and_ends_outside_the_sample_are_known(table: Path, small_samples, monkeypatch):
    monkeypatch.setattr(parquet, "TYPED_CELLS", 600)
    sample, _ = taken(table)
    assert sample.n == 400 and sample.schema is not None
    whole = data.read(table).schema
    assert whole is not None
    for mine, theirs in zip(sample.schema, whole, strict=True):
        assert (mine.name, mine.type, mine.categories) == (theirs.name, theirs.type, theirs.categories)
        assert (mine.low, mine.high) == (theirs.low, theirs.high)


def test_a_cell_that_its_column_cannot_have_is_named_by_its_row_among_all(table: Path, tmp_path: Path):
    schema = data.read(table).schema
    pl.read_parquet(table / "part-2.parquet").write_parquet(tmp_path / "x.parquet")
    bad = pl.read_parquet(tmp_path / "x.parquet").with_columns(
        kind=pl.when(pl.int_range(pl.len()) == 217).then(pl.lit("new")).otherwise("kind")
    )
    bad.write_parquet(tmp_path / "x.parquet")
    stream = data.open_stream(tmp_path / "x.parquet", schema=schema)
    assert stream is not None
    with pytest.raises(DataError, match="found 'new' in row 218"):
        stream.values(200, 300)


@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv"])
def test_tables_are_written_block_by_block_as_they_are_at_once(table: Path, tmp_path: Path, ending: str):
    whole = data.read(table)
    assert whole.table is not None and whole.schema is not None
    cells = whole.table.cells
    count = streams.write_blocks(
        iter([cells[:1], cells[1:400], cells[400:]]), tmp_path / f"x.{ending}", whole.schema
    )
    data.write_table(cells, tmp_path / f"y.{ending}", whole.schema)
    read = {"parquet": pl.read_parquet, "arrow": pl.read_ipc, "csv": pl.read_csv}[ending]
    assert count == 1000 and read(tmp_path / f"x.{ending}").equals(read(tmp_path / f"y.{ending}"))


def images(folder: Path, damaged: int) -> Path:
    folder.mkdir()
    for i in range(100):
        pixels = np.random.default_rng(i).integers(0, 255, size=(6, 5), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    for i in range(damaged):
        path = folder / f"{7 * i + 3}.png"
        path.write_bytes(path.read_bytes()[:50])
    return folder


def test_images_are_decoded_once_into_the_cache_without_the_damaged_ones(tmp_path: Path, monkeypatch):
    folder = images(tmp_path / "images", 2)
    whole = data.read(folder)
    assert whole.n == 98 and "skipped 2 damaged images, first: " in whole.notices[-1]
    stream = data.open_stream(folder, cache=tmp_path / "cache")
    assert stream is not None
    for _ in range(2):
        sample = taking.take(stream, None, "block", 0).sample
        assert (sample.names, sample.shape, sample.notices) == (whole.names, whole.shape, whole.notices)
        assert (sample.values == whole.values).all()
        # The second time nothing is decoded.
        monkeypatch.setattr("vaefit.data.streams.images.collect", None)


def packed(folder: Path, to: Path, times: int = 1) -> Path:
    """An archive of a folder's images, each of them so many times."""
    with tarfile.open(to, "w:gz") as tar:
        for path in folder.iterdir():
            for i in range(times):
                tar.add(path, f"{i}/{path.name}" if i else path.name)
    return to


@pytest.mark.parametrize("stream", [None, True])
def test_a_tar_is_read_once_whether_its_rows_stream_or_not(tmp_path: Path, monkeypatch, stream):
    folder = images(tmp_path / "images", 2)
    archive, opened = packed(folder, tmp_path / "images.tgz"), []
    monkeypatch.setattr(
        tarfile, "open", lambda *a, plain=tarfile.open, **k: opened.append(a) or plain(*a, **k)
    )
    found = reading.opened(archive, Settings.of(stream=stream), Silent())
    rows = found if stream is None else taking.take(found, None, "block", 0).sample
    assert len(opened) == 1
    whole = data.read(folder)
    assert rows.names == whole.names and (rows.values == whole.values).all()


def test_a_limit_far_below_a_tars_images_is_streamed_too(tmp_path: Path):
    archive = packed(images(tmp_path / "images", 0), tmp_path / "images.tar", times=12)
    stream = data.open_stream(archive, limit=3)
    assert stream is not None and (stream.n, stream.shape) == (3, (6, 5))
    found, whole = stream.prepared().rows(0, 3), data.read(archive, limit=3)
    assert found.names == whole.names and (found.values == whole.values).all()


def test_many_damaged_images_are_a_mistake(tmp_path: Path):
    folder = images(tmp_path / "images", 11)
    with pytest.raises(DataError, match=r"3\.png.*--skip-bad.*11 damaged ones.*at most 10% of 100"):
        data.read(folder)
    assert data.read(folder, skip_bad=True).n == 89
    with pytest.raises(DataError, match=r"3\.png.*--skip-bad leaves such files out$"):
        data.read(folder, skip_bad=False)
