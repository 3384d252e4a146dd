"""Tiny runs on images and on a table, and their pages."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from explorer import TINY, Opened, opened
from vaefit import fit
from vaefit.run import Run


@pytest.fixture(scope="session")
def run_of_images(digits: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 8x8 digits."""
    folder = tmp_path_factory.mktemp("explore")
    np.save(folder / "digits.npy", digits[:60])
    return fit(str(folder / "digits.npy"), out=folder / "digits", **TINY)


@pytest.fixture(scope="session")
def run_of_table(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on a table of two numbers and a category, one of each missing."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=80).round(2)
    kind = np.where(x + 0.3 * rng.normal(size=80) > 0, "up", "<script>")
    y = (2 * x + 0.1 * rng.normal(size=80)).round(2)
    table = pl.DataFrame({"x": x, "y": y, "kind": kind}).with_columns(
        pl.when(pl.int_range(80) == 3).then(None).otherwise(pl.col("x")).alias("x")
    )
    path = tmp_path_factory.mktemp("explore") / "people.csv"
    table.write_csv(path)
    return fit(str(path), out=path.with_name("people"), **TINY)


@pytest.fixture(scope="session")
def images(run_of_images: Run) -> Iterator[Opened]:
    """The page of the run on digits."""
    found = opened(run_of_images)
    yield found
    found.explorer.worker.stop()


@pytest.fixture(scope="session")
def table(run_of_table: Run) -> Iterator[Opened]:
    """The page of the run on a table."""
    found = opened(run_of_table)
    yield found
    found.explorer.worker.stop()
