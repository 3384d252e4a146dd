"""A table as it stands in its source: named columns of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DataError, ShapeError
from ..names import one_line

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Table:
    """Names of columns and their cells as text, exactly as in the source (null: a null of the source).

    `named` is whether the source has names for its columns, which are c0, c1, ... otherwise. `numeric`: the
    source is an array of floats, whose columns are real numbers however few values they have. `first` is the
    number of the first row among all of a source that is read block by block.

    >>> table = Table.of([[1.5, 2.0], [3.0, 4.0]])
    >>> table.names, table.cells.rows()
    (('c0', 'c1'), [('1.5', '2.0'), ('3.0', '4.0')])
    """

    cells: pl.DataFrame
    source: str = "table"
    named: bool = True
    numeric: bool = False
    first: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(self.cells.columns)

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.cells.height

    def take(self, indices: Sequence[int] | np.ndarray) -> Table:
        """The rows at `indices`, in that order."""
        index = np.asarray(indices, dtype=np.int64)
        return replace(self, cells=self.cells[index])

    def where(self, row: int, column: str) -> str:
        """How errors call a cell; rows are counted from 1."""
        below = " below the header" if self.named else ""
        return f"row {self.first + row + 1}{below}, column '{one_line(column, 40)}'"

    @classmethod
    def of(cls, rows: object, *, header: bool | None = None, source: str = "table") -> Table:
        """The table in a pandas or polars frame or a 2-d array; with `header` an array's first row are names.

        Raises: DataError, ShapeError where there is none.
        """
        import polars as pl

        if isinstance(rows, Table):
            return rows
        if hasattr(rows, "columns"):
            frame = rows if isinstance(rows, pl.DataFrame) else _from_pandas(rows, source)
            return checked(cls(as_text(frame), source))
        columns = _columns(rows, source)
        names = [column[0] for column in columns] if header else []
        cells = [column[1:] if header else column for column in columns]
        floats = isinstance(rows, np.ndarray) and rows.dtype.kind == "f"
        return replace(named_table(names, cells, source), numeric=floats)


def named_table(names: Sequence[str | None], cells: Sequence[Sequence[str | None]], source: str) -> Table:
    """A table from its columns; without names they are c0, c1, ..."""
    import polars as pl

    known = unique_names([name or "" for name in names], source) if names else numbered(len(cells))
    columns = [pl.Series(name, column, dtype=pl.String) for name, column in zip(known, cells, strict=True)]
    return checked(Table(pl.DataFrame(columns), source, bool(names)))


def numbered(count: int) -> list[str]:
    """The names of columns that have none."""
    return [f"c{i}" for i in range(count)]


def unique_names(names: Sequence[str], source: str) -> list[str]:
    """The names in a header, without blanks around them; the place of those that are empty.

    Raises: DataError for one that is there twice, or that polars would take for a pattern of names.
    """
    stripped = [one_line(name) or f"c{i}" for i, name in enumerate(names)]
    for i, name in enumerate(stripped):
        if name.startswith("^") and name.endswith("$"):
            raise DataError(
                f"{source}: expected a column name that is no pattern (^...$), found '{one_line(name, 40)}' "
                f"for column {i + 1}; rename it"
            )
        if name in stripped[:i]:
            raise DataError(
                f"{source}: expected another name for every column, found '{one_line(name, 40)}' for columns "
                f"{stripped.index(name) + 1} and {i + 1}; rename one (or say --no-header if it has none)"
            )
    return stripped


def checked(table: Table) -> Table:
    """The table, if it has rows and columns.

    Raises: DataError.
    """
    if not table.n or not table.names:
        raise DataError(
            f"{table.source}: expected at least one row and one column, found {table.n} rows"
            f"{' below the header' if table.named else ''} and {len(table.names)} columns"
        )
    return table


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """All columns as text; nulls stay, whole times of day are left out of dates.

    Raises: DataError for a column of lists or the like.
    """
    return frame.select([_as_text(column) for column in frame.iter_columns()])


def _as_text(column: pl.Series) -> pl.Series:
    import polars as pl

    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        return _moments(column, kind.time_zone)
    if kind.is_numeric() or kind in (pl.Null, pl.String, pl.Boolean, pl.Date, pl.Time):
        return column.cast(pl.String)
    if isinstance(kind, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if kind == pl.Object:
        return pl.Series(column.name, list(map(_cell, column.to_list())), dtype=pl.String)
    raise DataError(f"expected cells of numbers, text or dates, found column '{column.name}' of type {kind}")


def _moments(column: pl.Series, zone: str | None) -> pl.Series:
    import polars as pl

    naive = column if zone is None else column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    micro = naive.cast(pl.Datetime("us"))
    ticks = micro.drop_nulls().cast(pl.Int64)
    if (ticks % 86_400_000_000 == 0).all():
        return micro.dt.strftime("%Y-%m-%d")
    whole = (ticks % 1_000_000 == 0).all()
    return micro.dt.strftime("%Y-%m-%d %H:%M:%S" if whole else "%Y-%m-%d %H:%M:%S%.6f")


def _from_pandas(frame: Any, source: str) -> pl.DataFrame:
    """Column by column through NumPy, which needs no pyarrow."""
    import polars as pl

    try:
        names = unique_names([str(name) for name in frame.columns], source)
        columns = [frame.iloc[:, i].to_numpy() for i in range(len(names))]
    except (AttributeError, TypeError, ValueError):
        raise DataError(
            f"{source}: expected a pandas or polars frame, found {type(frame).__name__}"
        ) from None
    return pl.DataFrame(
        [pl.Series(name, _plain(column)) for name, column in zip(names, columns, strict=True)]
    )


def _plain(column: np.ndarray) -> Any:
    return list(map(_cell, column.tolist())) if column.dtype.kind in "OUS" else column


def _columns(rows: object, source: str) -> list[list[str | None]]:
    try:
        array = rows if isinstance(rows, np.ndarray) else np.array(rows, dtype=object)
    except ValueError:
        array = np.empty(0)
    if array.ndim != 2:
        raise ShapeError(
            f"{source}: expected a table of rows of equal length, found an array of shape {array.shape}"
        )
    columns: Any = array.T.tolist()
    return [list(map(_cell, column)) for column in columns]


def _cell(value: object) -> str | None:
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return None if missing or (isinstance(value, float) and math.isnan(value)) else str(value)


def is_frame(rows: object) -> bool:
    """Whether rows are a pandas or polars frame."""
    return type(rows).__module__.split(".")[0] in ("pandas", "polars") and hasattr(rows, "columns")
