"""Pages of a run of small images and of a table, both with names that would be markup if they could."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from pages import EVIL, QUOTED, SMALL
from vaefit.run import Run, load


@pytest.fixture(scope="session")
def image_run(digits: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run fitted to 60 digits, each file's name an element of HTML, with a page at its end."""
    from vaefit import fit

    folder = tmp_path_factory.mktemp("report") / "digits"
    for number, image in enumerate(digits[:60]):
        path = folder / f"{EVIL}{number % 3}" / f"{EVIL}{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return fit(folder, out=folder.parent / "run", report=True, **SMALL)


@pytest.fixture(scope="session")
def image_page(image_run: Run) -> Path:
    """The page that the fit of `image_run` wrote."""
    assert image_run.folder is not None
    return image_run.folder / "report.html"


@pytest.fixture(scope="session")
def table() -> pl.DataFrame:
    """A table of three columns with missing cells; names and categories have all that HTML knows."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 80)
    number = np.round(kind + rng.normal(size=80), 2)
    return pl.DataFrame(
        {
            "<b>x</b> & 'y'": [None if i % 9 == 0 else v for i, v in enumerate(number.tolist())],
            "kind": [QUOTED if k else "plain" for k in kind],
            "count": rng.poisson(2 + kind).tolist(),
        }
    )


@pytest.fixture(scope="session")
def table_run(table: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run fitted to the table."""
    from vaefit import fit

    folder = tmp_path_factory.mktemp("report-table")
    table.write_csv(folder / "table.csv")
    fit(folder / "table.csv", out=folder / "run", **SMALL)
    return load(folder / "run")


@pytest.fixture(scope="session")
def table_page(table_run: Run) -> Path:
    """The page on `table_run`, as `vaefit report` writes it."""
    from vaefit.report import write

    assert table_run.folder is not None
    return write(table_run, out=table_run.folder / "report.html")
