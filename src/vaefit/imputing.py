"""`impute`: missing cells from those that are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from vaefit.data import Variable, schema_of
from vaefit.data.tables import within_seen
from vaefit.display import Display, Silent
from vaefit.errors import SettingsError
from vaefit.evaluation import completions
from vaefit.run import Run


@dataclass(frozen=True, eq=False)
class Imputation:
    """Completed rows in the data's own numbers and codes; what was there is as it was.

    `best` has the conditional mean of numbers (of counts, rounded) and the likeliest category; `low` and
    `high` bound the central interval (categories: the same as best); `completed` holds whole tables, each
    drawn from p(missing | observed).
    """

    best: Float[np.ndarray, "rows variables"]
    low: Float[np.ndarray, "rows variables"]
    high: Float[np.ndarray, "rows variables"]
    completed: Float[np.ndarray, "tables rows variables"]
    missing: Bool[np.ndarray, "rows variables"]


def impute(
    run: Run,
    rows: object,
    *,
    multiple: int = 0,
    draws: int = 1000,
    level: float = 0.9,
    seed: int = 0,
    display: Display | None = None,
) -> Imputation:
    r"""Complete rows by importance-weighted draws of $p(x_{mis}|x_{obs})$; `multiple` whole tables too.

    Raises:
        SettingsError: the run's likelihood does not take missing cells, or draws or level are impossible.
        DataError: the rows do not suit the run.

    Source: Mattei & Frellsen 2019, arXiv:1812.02633.

    >>> import polars as pl
    >>> from vaefit import fit, impute
    >>> table = pl.DataFrame({"x": [0.5, 1.5, None, 2.25] * 10, "kind": ["a", "b", "a", None] * 10})
    >>> run = fit(table, epochs=1, latent_dim=1, encoder_layers=(), decoder_layers=())
    >>> found = impute(run, table.head(4), multiple=2, draws=50)
    >>> found.missing.sum(axis=0).tolist(), found.completed.shape, bool(np.isnan(found.best).any())
    ([1, 1], (2, 4, 2), False)
    """
    if not run.model.likelihood.typed:
        raise SettingsError(
            f"likelihood {run.settings.likelihood} takes no missing cells; fit a table (likelihood columns)"
        )
    if draws < max(multiple, 1) or not 0 < level < 1:
        raise SettingsError(
            f"expected draws of at least {max(multiple, 1)} and a level between 0 and 1, found {draws} and "
            f"{level:g}"
        )
    display = display or Silent()
    dataset = run.dataset(rows)
    x, values = run.inputs(dataset), dataset.values.astype(np.float64)
    missing, variables = np.isnan(values), run.transform.variables
    best, low, high = values.copy(), values.copy(), values.copy()
    schema = schema_of(run.transform)
    completed = np.repeat(values[None], multiple, axis=0)
    some = np.flatnonzero(missing.any(axis=1))
    progress = partial(display.working, "imputing")
    for block, drawn in completions(run.model, x[some], draws=draws, seed=seed, progress=progress):
        at = some[block]
        cells = run.transform.inverse(drawn)
        cells = cells if schema is None else within_seen(cells, schema)
        for table in range(multiple):
            completed[table, at] = np.where(missing[at], cells[table], values[at])
        for column in np.flatnonzero(missing[at].any(axis=0)):
            holes = at[missing[at, column]]
            there = cells[:, missing[at, column], column]
            found = _summary(there, variables[column], level)
            best[holes, column], low[holes, column], high[holes, column] = found
    return Imputation(best, low, high, completed, missing)


def _summary(
    drawn: Float[np.ndarray, "draws cells"], variable: Variable, level: float
) -> tuple[Any, Any, Any]:
    """Mean or mode, and the ends of the central interval, of each cell's draws."""
    best = _centre(drawn, variable)
    if variable.levels:
        return best, best, best
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return best, low, high


def centres(
    drawn: Float[np.ndarray, "draws rows variables"], variables: Sequence[Variable]
) -> Float[np.ndarray, "rows variables"]:
    """The mean of each cell's draws; of categories, the one drawn most often.

    >>> drawn = np.array([[[1.0, 2.0]], [[2.0, 0.0]], [[6.0, 2.0]]])
    >>> centres(drawn, [Variable("real"), Variable("ordinal", 3)])
    array([[3., 2.]])
    """
    found = [_centre(drawn[..., at], variable) for at, variable in enumerate(variables)]
    return np.stack(found, axis=-1)


def _centre(drawn: Float[np.ndarray, "draws cells"], variable: Variable) -> Float[np.ndarray, " cells"]:
    if not variable.levels:
        return drawn.mean(axis=0, dtype=np.float64)
    return np.array([np.bincount(cell).argmax() for cell in drawn.astype(np.int64).T], np.float64)
