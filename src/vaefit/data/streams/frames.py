"""Stretches of typed columns: their numbers, and rows that types of columns should know of."""

from __future__ import annotations

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
    values = np.empty((len(frame), len(schema.modelled)))
    as_words = []
    for i, column in enumerate(schema.modelled):
        found = _plain(frame, column)
        if found is None:
            as_words.append(i)
        else:
            values[:, i] = found
    if as_words:
        columns = tuple(schema.modelled[i] for i in as_words)
        some = frame.select([column.name for column in columns if column.name in frame.columns])
        values[:, as_words] = encode(Table(as_text(some), source, first=first), Schema(columns))
    return values


def _plain(frame: pl.DataFrame, column: Column) -> np.ndarray | None:
    """A column's numbers, NaN where missing; None where only the cells' texts tell, or tell what is wrong."""
    import polars as pl

    cells = frame[column.name] if column.name in frame.columns else None
    if cells is None or not cells.dtype.is_numeric() or column.type in CODED or column.type == "date":
        return None
    if cells.dtype == pl.Float32 and column.step:
        # 0.1 is the float64 nearest to 0.1, as in text, so that it lies on the column's grid.
        cells = cells.cast(pl.String)
    found = cells.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    seen = found[~np.isnan(found)]
    within = {
        "real": np.isfinite(seen),
        "positive": (seen > 0) & np.isfinite(seen),
        "count": (seen >= 0) & (seen == np.floor(seen)),
        "proportion": (seen >= 0) & (seen <= 1),
    }[column.type]
    return found if within.all() and (not seen.size or np.abs(seen).max() < EXACT) else None


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
        at = (cells.arg_min(), cells.arg_max())
        if at[0] is None or at[1] is None:
            return set()
        least, most = float(cells[at[0]]), float(cells[at[1]])
        self._ends[cells.name] = min(low, least), max(high, most)
        return {int(row) for row, new in zip(at, (least < low, most > high), strict=True) if new}

    def _new(self, cells: pl.Series) -> set[int]:
        seen = self._levels.setdefault(cells.name, set())
        if len(seen) > MOST_LEVELS:
            return set()
        found = cells.unique().drop_nulls().head(MOST_LEVELS + 1).to_list()
        new = [value for value in found if value not in seen]
        seen.update(new)
        return {int(cells.index_of(value) or 0) for value in new}
