"""Everything the page says of one row."""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from vaefit.data import Dataset, schema_of
from vaefit.data.tables import decode
from vaefit.evaluation import why_undefined
from vaefit.explore.dropped import Row
from vaefit.explore.known import DRAWS, Known, cost, leaves_out, score
from vaefit.explore.pictures import odd_picture, pictures, spread_picture
from vaefit.imputing import impute
from vaefit.run import Run

NEAREST, SAMPLES = 6, 6
# Draws of what a cell would be.
GUESSES = 200
_GIVEN_OTHERS = {
    "odd_by": "-log p(cell | the row's other cells), nats beyond that column's mean",
    "interval": "given the row's other cells, with a 90 % interval",
}
_RECONSTRUCTED = {
    "odd_by": "-E log p(cell | z), nats beyond that column's mean",
    "interval": "mean of the reconstructions, with 2 sd of them either way",
}


def look(run: Run, known: Known | None, row: Row) -> dict[str, Any]:
    """What the model makes of a row, how likely it is, what is odd about it, and which rows are like it."""
    dataset = row.dataset
    value, error = score(run, dataset, block=1)
    mean, sd = run.encode(dataset)
    return {
        "notes": list(row.notes),
        "measure": "log-likelihood" if why_undefined(run.model) is None else "ELBO",
        "nats": value[0],
        "standard_error": None if error is None else error[0],
        "draws": run.settings.samples if error is None else DRAWS,
        "percentile": None if known is None else known.percentile(value[0]),
        "among": 0 if known is None else known.done,
        "what": None if known is None else known.what,
        "mean": mean[0],
        "sd": sd[0],
        **(_image(run, known, dataset) if run.image_size else _cells(run, known, dataset)),
        **({} if known is None else _like_it(run, known, dataset, mean[0])),
    }


def shown_row(run: Run, rows: Dataset, at: int, number: int) -> dict[str, Any]:
    """A row of the data: what it is called, its label, and its picture or cells."""
    one = rows.take([at])
    found: dict[str, Any] = {
        "row": at,
        "name": called(rows, at, number),
        "label": rows.labels[at] if rows.labels else None,
    }
    if run.image_size:
        values = one.values.astype(np.float32).reshape(1, *run.transform.shape)
        return found | {"picture": pictures(values, run.transform, values[0])[0]}
    return found | {"cells": texts(run, one.values)}


def called(rows: Dataset, at: int, number: int) -> str:
    """The name of a row, or its number in the data, from 1."""
    return rows.names[at] if rows.names else f"row {number + 1}"


def columns_of(run: Run) -> list[str]:
    """The names of a table's columns, as rows list their cells; none for images."""
    if run.image_size:
        return []
    schema = schema_of(run.transform)
    if schema is not None:
        return [column.name for column in schema.modelled]
    return [f"column {i + 1}" for i in range(run.transform.dim)]


def _like_it(run: Run, known: Known, row: Dataset, mean: Float[np.ndarray, " latent"]) -> dict[str, Any]:
    near = [
        {**shown_row(run, known.rows, at, int(known.numbers[at])), "distance": distance}
        for at, distance in known.nearest(mean, NEAREST)
    ]
    same = known.equal_to(row)
    return {"nearest": near, "same": None if same is None else int(known.numbers[same])}


def _image(run: Run, known: Known | None, row: Dataset) -> dict[str, Any]:
    made = run.reconstruct(row, samples=SAMPLES)
    drawn = [made.input[0], made.mean[0], *made.samples[0]]
    first, mean, *samples = pictures(np.stack(drawn), run.transform, made.input[0])
    found: dict[str, Any] = {
        "input": first,
        "reconstruction": mean,
        "spread": spread_picture(made.sd[0]),
        "samples": samples,
    }
    excess = _excess(run, known, row)
    if excess is None:
        return found
    excess = excess.reshape(*run.transform.shape[:2], -1).sum(axis=-1)
    picture, full = odd_picture(excess)
    return found | {"odd": picture, "odd_full": full, "excess": float(excess.sum())}


def _excess(run: Run, known: Known | None, row: Dataset) -> Float[np.ndarray, " variables"] | None:
    """What each variable costs beyond its mean over the run's own rows, nats."""
    if known is None or known.usual is None:
        return None
    return cost(run, row)[0] - known.usual


def _cells(run: Run, known: Known | None, row: Dataset) -> dict[str, Any]:
    """Each cell beside what the model would have it be."""
    odd = _excess(run, known, row)
    if leaves_out(run):
        return {**_GIVEN_OTHERS, "cells": _lines(run, row, _guessed(run, row), odd)}
    made = run.reconstruct(row, samples=50)
    mean, sd = made.mean[0].astype(np.float64), made.sd[0].astype(np.float64)
    written = [texts(run, v[None]) for v in (row.values[0], mean, mean - 2 * sd, mean + 2 * sd)]
    return {**_RECONSTRUCTED, "cells": _lines(run, row, written, odd)}


def _guessed(run: Run, row: Dataset) -> list[list[str | None]]:
    """The row, and each cell given the others: the best guess and the ends of an interval."""
    values = np.repeat(row.values, row.dim, axis=0)
    np.fill_diagonal(values, np.nan)
    table = None if row.table is None else row.table.take([0] * row.dim)
    guess = impute(run, replace(row, values=values, table=table), draws=GUESSES)
    ends = [np.diag(found)[None] for found in (guess.best, guess.low, guess.high)]
    return [texts(run, v) for v in (row.values, *ends)]


def _lines(
    run: Run, row: Dataset, texts: list[list[str | None]], odd: Float[np.ndarray, " variables"] | None
) -> list[dict[str, Any]]:
    value, guess, low, high = texts
    names = columns_of(run)
    levels = [variable.levels for variable in run.transform.variables] or [0] * row.dim
    return [
        {
            "name": name,
            "value": value[i],
            "guess": guess[i],
            "low": None if levels[i] else low[i],
            "high": None if levels[i] else high[i],
            "odd": None if odd is None else odd[i],
        }
        for i, name in enumerate(names)
    ]


def texts(run: Run, values: Float[np.ndarray, "1 variables"]) -> list[str | None]:
    """The cells of a row as its table writes them."""
    schema = schema_of(run.transform)
    if schema is None:
        return [f"{value:.4g}" for value in np.asarray(values, np.float64)[0]]
    cells = decode(np.asarray(values, np.float64), schema)
    return [cells[column.name][0] for column in schema.modelled]
