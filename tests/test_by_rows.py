"""What the number of rows and the missing cells of a table settle."""

import numpy as np
import polars as pl
import pytest

from vaefit.data import Dataset
from vaefit.settings import Settings
from vaefit.settle import settle

RNG = np.random.default_rng(0)


def table(rows: int, missing: float = 0.0) -> Dataset:
    """Three columns of numbers and one of words, some cells of the first missing."""
    cells = pl.DataFrame(RNG.normal(size=(rows, 3)).round(4), schema=["a", "b", "c"])
    hole = pl.Series(RNG.random(rows) < 4 * missing)
    words = pl.Series("kind", RNG.choice(["x", "y", "z"], rows))
    return Dataset.from_table(cells.with_columns(words, a=pl.when(~hole).then(pl.col("a"))))


@pytest.mark.parametrize(
    ("rows", "batch", "steps", "epochs"),
    [
        (150, 100, 10_000, 1000),
        (2550, 100, 10_000, 385),
        (2500, 50, 10_000, 200),
        (50_000, 100, 10_000, 50),
        (1030, 64, 20_000, 1176),
    ],
)
def test_epochs_of_a_table_make_steps(rows: int, batch: int, steps: int, epochs: int) -> None:
    settings = Settings.of(batch_size=batch, table_steps=steps)
    found = settle(settings, table(rows), set())
    assert found.settings.epochs == found.settings.schedule_epochs == epochs
    assert found.settings.early_stopping == max(20, epochs // 5)
    assert any(f"epochs: {epochs}, so that there are" in notice for notice in found.notices)
    array = settle(settings, Dataset.from_array(RNG.normal(size=(rows, 2))), set())
    assert array.settings.epochs == epochs and array.settings.get("keep_prob") == 0.8


def test_what_people_and_images_ask_for_stays() -> None:
    asked = Settings.of(
        epochs=7, early_stopping=0, keep_prob=0.5, cell_dropout=0.1, objective="elbo", samples=3
    )
    found = settle(asked, table(200, missing=0.2), set()).settings
    assert found.given().items() >= asked.given().items()
    assert (found.objective, found.samples, found.schedule_epochs) == ("elbo", 3, 7)
    pixels = Dataset.from_array(RNG.integers(0, 256, (30, 4, 4)).astype(np.uint8))
    image = settle(Settings.of(), pixels, set()).settings
    assert (image.epochs, image.early_stopping, image.objective, image.cell_dropout) == (100, 20, "elbo", 0.0)
    assert image.get("keep_prob") == 0.8


@pytest.mark.parametrize(("missing", "objective", "samples"), [(0.0, "elbo", 1), (0.2, "iwae", 10)])
def test_many_missing_cells_ask_for_many_draws(missing: float, objective: str, samples: int) -> None:
    found = settle(Settings.of(), table(1000, missing), set())
    assert (found.settings.objective, found.settings.samples) == (objective, samples)
    share = found.settings.cell_dropout
    assert share is not None and share == pytest.approx(0.5 - missing, abs=0.02)
    assert found.settings.get("keep_prob") == 1.0
    assert any("cells are missing" in notice for notice in found.notices) == (objective == "iwae")
    # A weight of the KL term is the ELBO's alone.
    beta = settle(Settings.of(beta=2.0), table(1000, missing), {"beta"}).settings
    assert (beta.objective, beta.samples) == ("elbo", 1)
