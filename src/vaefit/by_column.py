"""The rows of a table column by column: each cell given the others, by a model and by baselines."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from vaefit import baselines, generate
from vaefit.baselines import TypedBaseline
from vaefit.data import Column, Dataset, Schema, spread
from vaefit.data.tables import Cells
from vaefit.display import Display
from vaefit.errors import VaefitError
from vaefit.evaluation import visited
from vaefit.evaluation.left_out import left_out
from vaefit.networks import shown
from vaefit.run import Run

CELLS, FEWEST, MOST = 20_000, 100, 1000
DRAWS = 400


@dataclass(frozen=True)
class CellScore:
    """A column's mean log p(cell | the row's other cells), nats, and the error of the others' guess of it.

    Densities are per unit of the column's numbers; categories and counts have masses. The error is a share
    of wrong categories, or the RMSE of numbers in standard deviations.
    """

    log_likelihood: float
    error: float


@dataclass(frozen=True)
class ColumnScore:
    """One column: its type, on how many cells it was scored, by the model and by each baseline."""

    type: str
    cells: int
    model: CellScore
    baselines: dict[str, CellScore] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: the model's own numbers, and those of the baselines beside them."""
        return {
            "type": self.type,
            "cells": self.cells,
            **vars(self.model),
            "baselines": {name: vars(score) for name, score in self.baselines.items()},
        }


@dataclass(frozen=True, eq=False)
class TableRows:
    """Rows of a table as evaluation sees them: at network scale, in the table's numbers, and as they are."""

    transform: Cells
    x: Float[np.ndarray, "rows columns"]
    numbers: Float[np.ndarray, "rows columns"]  # dequantised, as x is
    values: Float[np.ndarray, "rows columns"]

    @classmethod
    def of(cls, run: Run, dataset: Dataset, seed: int) -> "TableRows":
        """The rows of a data set read under the run's schema."""
        transform = run.transform
        assert isinstance(transform, Cells)
        values = dataset.values.astype(np.float64)
        x = visited(transform.forward(values), transform.visit, seed)
        return cls(transform, x, transform.inverse(x), values)

    @property
    def schema(self) -> Schema:
        """The table's columns."""
        return self.transform.schema

    def take(self, rows: list[int]) -> "TableRows":
        """Some of them."""
        return TableRows(self.transform, self.x[rows], self.numbers[rows], self.values[rows])


def fit_baselines(
    train: TableRows, seed: int, display: Display, notices: list[str]
) -> dict[str, TypedBaseline]:
    """The baselines of tables, fitted to training rows; why one is left out is told in `notices`."""
    found, kinds = {}, baselines.for_tables()
    for number, (name, kind) in enumerate(kinds.items()):
        display.working(f"baseline {name}", number, len(kinds))
        try:
            found[name] = kind.fit(train.numbers, train.schema.modelled, seed)
        except VaefitError as problem:
            notices.append(f"baseline left out: {problem}")
    return found


def by_column(
    run: Run, rows: TableRows, made: dict[str, TypedBaseline], seed: int, display: Display
) -> dict[str, ColumnScore]:
    """Each column's score, on at most 1000 rows (20 000 cells), spread evenly."""
    columns = rows.schema.modelled
    few = int(np.clip(CELLS // max(len(columns), 1), FEWEST, MOST))
    some = rows.take(list(spread(len(rows.x), few)))
    levels = tuple(variable.levels for variable in run.transform.variables)
    progress = partial(display.working, "columns")
    log_density, guess = left_out(run.model, some.x, levels, draws=DRAWS, seed=seed, progress=progress)
    log_density = log_density + some.transform.cell_log_jacobian(some.x)
    own = _scores(some, log_density, some.transform.inverse(guess))
    beside = {name: _scores(some, *one.each(some.numbers)) for name, one in made.items()}
    cells = (~np.isnan(some.values)).sum(axis=0)
    return {
        column.name: ColumnScore(
            column.type, int(cells[d]), own[d], {name: found[d] for name, found in beside.items()}
        )
        for d, column in enumerate(columns)
        if cells[d]
    }


def _scores(rows: TableRows, log_density: np.ndarray, guess: np.ndarray) -> list[CellScore | Any]:
    return [
        _score(column, log_density[there, d], guess[there, d], rows.values[:, d]) if there.any() else None
        for d, column in enumerate(rows.schema.modelled)
        for there in [~np.isnan(rows.values[:, d])]
    ]


def _score(column: Column, log_density: np.ndarray, guess: np.ndarray, values: np.ndarray) -> CellScore:
    v = values[~np.isnan(values)]
    if column.categories:
        error = float((np.round(guess) != v).mean())
    else:
        error = float(np.sqrt(((guess - v) ** 2).mean()) / (v.std() or 1.0))
    return CellScore(float(log_density.mean()), error)


def drawn_and_real(
    run: Run, rows: TableRows, n: int, seed: int
) -> tuple[Float[np.ndarray, "n shown"], Float[np.ndarray, "n shown"]]:
    """New rows beside real ones in one space: numbers standardised, categories one by one.

    What is missing in a real row is taken from the new row beside it, too.
    """
    real = rows.take(list(spread(len(rows.x), n))).x
    drawn = generate.sample(run.model, len(real), seed=seed, dropout=False, noise=True)
    seen, variables = ~np.isnan(real), run.transform.variables
    generated, held_out = (
        np.asarray(shown(jnp.asarray(x), jnp.asarray(seen), variables), np.float64) for x in (drawn, real)
    )
    return generated, held_out
