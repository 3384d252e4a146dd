"""From the cells of a table to numbers, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError, ShapeError
from .column import CODED, Column, Schema
from .conventions import Texts, read_texts
from .dates import to_days, write_day
from .numbers import to_numbers, written
from .numeric import require_type
from .table import Table
from .words import codes

if TYPE_CHECKING:
    import polars as pl


def encode(table: Table, schema: Schema) -> np.ndarray:
    """Numbers (rows, modelled columns) in float64; NaN where a cell is missing.

    Numbers are themselves, levels their place among the column's categories, dates days since 1970-01-01.

    Raises: DataError naming the cell that its column cannot have.
    """
    hints = {column.name: column.convention for column in schema.modelled}
    coded = [column for column in schema.modelled if column.type in CODED]
    numbers = [column.name for column in schema.modelled if column not in coded]
    texts = read_texts(table, numbers, hints) | _level_texts(table, coded)
    values = np.empty((table.n, len(schema.modelled)))
    for i, column in enumerate(schema.modelled):
        values[:, i] = _numbers(table, texts[column.name], column).fill_null(float("nan")).to_numpy()
    return values


def _level_texts(table: Table, coded: list[Column]) -> dict[str, Texts]:
    """Levels are compared as numbers only where they are plain ones."""
    from .numbers import observed, shapes

    texts = {column.name: observed(table.cells[column.name]) for column in coded}
    return {
        column.name: Texts(texts[column.name], next(iter(shapes(texts[column.name]).fitting), None))
        for column in coded
    }


def _numbers(table: Table, found: Texts, column: Column) -> pl.Series:
    if column.type in CODED:
        return codes(table, found.text, column, found.convention)
    if column.type == "date":
        return _days(table, found.text, column)
    require_type(table, found.text, found.convention, column.type)
    return to_numbers(found.text, found.convention or "plain")


def _days(table: Table, text: pl.Series, column: Column) -> pl.Series:
    from ...errors import DataError
    from ..names import one_line

    days = to_days(text, column.date_format)
    bad = days.is_null() & text.is_not_null()
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"{table.source}: expected a date like {write_day(column.low, column.date_format)}, found "
            f"'{one_line(text[row], 40)}' in {table.where(row, column.name)}"
        )
    return days


def decode(values: np.ndarray, schema: Schema) -> pl.DataFrame:
    """Cells of text, as the source wrote them, from numbers (rows, modelled columns); null for NaN.

    Numbers are brought into their column's support and to its digits, codes to the nearest level.
    Identifiers and texts are left empty.

    Raises: ShapeError.
    """
    import polars as pl

    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] != len(schema.modelled):
        raise ShapeError(
            f"expected rows of {len(schema.modelled)} numbers, one for each modelled column, found an array "
            f"of shape {values.shape}"
        )
    places = {column.name: i for i, column in enumerate(schema.modelled)}
    cells = {
        column.name: pl.Series(
            column.name,
            _cells(values[:, places[column.name]], column)
            if column.modelled
            else [column.prefix + column.constant if column.constant else None] * len(values),
            dtype=pl.String,
        )
        for column in schema
    }
    return pl.DataFrame(cells)


def _cells(values: np.ndarray, column: Column) -> list[str | None]:
    known = np.isfinite(values)
    write = _writer(column)
    fitted = into_support(np.where(known, values, column.low), column).tolist()
    return [column.prefix + write(v) if k else None for v, k in zip(fitted, known.tolist(), strict=True)]


def _writer(column: Column) -> Callable[[float], str]:
    if column.type in CODED:
        return lambda value: column.categories[int(value)]
    if column.type == "date":
        return lambda value: write_day(value, column.date_format)
    return lambda value: written(value, column.decimals, trim=column.trim, convention=column.convention)


def completed(table: Table, values: np.ndarray, missing: np.ndarray, schema: Schema) -> pl.DataFrame:
    """The table's cells as they are, but for those missing: of values (rows, modelled columns)."""
    import polars as pl

    written_cells = decode(values, schema)
    holes = {column.name: missing[:, place] for place, column in enumerate(schema.modelled)}
    return pl.DataFrame(
        [
            pl.select(
                pl.when(pl.Series(holes[name])).then(written_cells[name]).otherwise(cells).alias(name)
            ).to_series()
            if name in holes
            else cells
            for name, cells in zip(table.names, table.cells.iter_columns(), strict=True)
        ]
    )


def number_of(text: str, column: Column) -> float | None:
    """The number that a cell of this text would be in its column; None where it could not be there."""
    import polars as pl

    cells = pl.DataFrame({column.name: [text]}, schema={column.name: pl.String})
    try:
        found = float(encode(Table(cells), Schema((column,)))[0, 0])
    except DataError:
        return None
    return None if np.isnan(found) else found


def within_seen(values: np.ndarray, schema: Schema) -> np.ndarray:
    """Numbers (..., modelled columns) within what was seen in fitting; codes as they are.

    Tails of the families go on where the data never were: a table of people of 180 years helps nobody, and a
    mean of draws must not follow one that is far out.
    """
    ends = [(-np.inf, np.inf) if c.type in CODED else (c.low, c.high) for c in schema.modelled]
    return np.clip(values, *np.array(ends).T)


def into_support(values: np.ndarray, column: Column) -> np.ndarray:
    """The nearest values that the column can have: levels, whole numbers, on its grid, within its support."""
    if column.type in CODED:
        return np.clip(np.round(values), 0, len(column.categories) - 1)
    values = values if column.decimals is None else np.round(values, column.decimals)
    if column.step and column.type != "date":
        values = column.low + np.round((values - column.low) / column.step) * column.step
    if column.type == "positive":
        least = column.step or (column.low if column.decimals is None else 10.0**-column.decimals)
        return np.maximum(values, min(least, column.low))
    low, high = {"count": (0.0, np.inf), "proportion": (0.0, 1.0)}.get(column.type, (-np.inf, np.inf))
    return np.clip(values, low, high)
