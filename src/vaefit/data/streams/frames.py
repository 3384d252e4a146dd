"""Stretches of typed columns: their numbers, and rows that types of columns should know of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tables import Column, Schema, Table, encode
from ..tables.column import CODED
from ..tables.numeric import EXACT
from ..tables.table import as_text

if TYPE_CHECKING:
    import polars as pl

# Columns of more distinct values are no categories of which each must be seen.
MOST_LEVELS = 1000


def numbers_of(frame: pl.DataFrame, schema: Schema, source: str, first: int) -> np.ndarray:
    """Numbers (rows, modelled columns) as `encode` finds them in the cells' texts; `first` row of the source.

    Columns of numbers that are numbers in the frame are taken as they are.

    Raises: DataError naming the cell that its column cannot have.
    """
    modelled = schema.modelled
    plain = _plain(frame, modelled)
    numbers = dict(zip(plain, _as_numbers(frame, [modelled[i] for i in plain]), strict=True))
    as_words = [i for i, c in enumerate(modelled) if i not in numbers or not _possible(c.type, numbers[i])]
    values = np.empty((len(frame), len(modelled)), order="F")
    for i in numbers.keys() - as_words:
        values[:, i] = numbers[i]
    if as_words:
        columns = tuple(modelled[i] for i in as_words)
        some = frame[[column.name for column in columns if column.name in frame.columns]]
        values[:, as_words] = encode(Table(as_text(some), source, first=first), Schema(columns))
    return values


def _plain(frame: pl.DataFrame, columns: Sequence[Column]) -> list[int]:
    """Which columns' numbers are those of the frame, and not what its cells' texts tell."""
    numbers = {name for name, dtype in frame.schema.items() if dtype.is_numeric()}
    found = ((i, column) for i, column in enumerate(columns) if column.type not in (*CODED, "date"))
    return [i for i, column in found if column.name in numbers]


def _as_numbers(frame: pl.DataFrame, columns: Sequence[Column]) -> list[np.ndarray]:
    """Their numbers, NaN where missing; in one go, as a call of polars takes as long as a thousand cells."""
    import polars as pl

    # Not by their names: to polars * is every column, and ^a.*$ all that begin with a.
    numbered = pl.DataFrame([frame[column.name].alias(str(i)) for i, column in enumerate(columns)])
    types = numbered.dtypes

    def number(i: int, column: Column) -> pl.Expr:
        cells = pl.col(str(i))
        if types[i] == pl.Float32 and column.step:
            # 0.1 is the float64 nearest to 0.1, as in text, so that it lies on the column's grid.
            cells = cells.cast(pl.String)
        return cells.cast(pl.Float64).fill_null(float("nan"))

    found = numbered.select(number(i, column) for i, column in enumerate(columns))
    return [cells.to_numpy() for cells in found.iter_columns()]


def _possible(kind: str, numbers: np.ndarray) -> bool:
    """Whether a column can have these numbers; if not, its cells' texts tell what is wrong."""
    least, most = np.fmin.reduce(numbers, initial=np.inf), np.fmax.reduce(numbers, initial=-np.inf)
    if least > most:
        return True  # all are missing
    within = {
        "real": True,
        "positive": least > 0,
        "count": least >= 0 and np.array_equal(numbers, np.floor(numbers), equal_nan=True),
        "proportion": least >= 0 and most <= 1,
    }[kind]
    return bool(within and max(-least, most) < EXACT)


class Striking:
    """Remembers levels and ends of columns, and picks the rows that bring new ones."""

    def __init__(self) -> None:
        self._levels: dict[str, set[object]] = {}
        self._ends: dict[str, tuple[float, float]] = {}

    def of(self, frame: pl.DataFrame) -> pl.DataFrame | None:
        """Rows with a level not seen before, or a number beyond all before."""
        rows: set[int] = set()
        for cells in frame.iter_columns():
            rows |= self._beyond(cells) if cells.dtype.is_numeric() else set()
            rows |= set() if cells.dtype.is_float() else self._new(cells)
        return frame[sorted(rows)] if rows else None

    def _beyond(self, cells: pl.Series) -> set[int]:
        low, high = self._ends.get(cells.name, (np.inf, -np.inf))
        first, last = cells.arg_min(), cells.arg_max()
        if first is None or last is None:
            return set()
        least, most = float(cells[first]), float(cells[last])
        self._ends[cells.name] = min(low, least), max(high, most)
        return ({first} if least < low else set()) | ({last} if most > high else set())

    def _new(self, cells: pl.Series) -> set[int]:
        seen = self._levels.setdefault(cells.name, set())
        if len(seen) > MOST_LEVELS:
            return set()
        found = cells.unique().drop_nulls().head(MOST_LEVELS + 1).to_list()
        new = [value for value in found if value not in seen]
        seen.update(new)
        return {int(cells.index_of(value) or 0) for value in new}
