"""Tables in Parquet, one file or a folder of them: stretches of rows as numbers, by polars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from ..names import reason
from ..options import Options
from ..tables import Schema, Table, infer, recode
from ..tables.files import parquet_files
from ..tables.modelling import described
from ..tables.table import as_text, unique_names
from .frames import Striking, numbers_of
from .stream import Stream

if TYPE_CHECKING:
    import polars as pl

# A slice of a file costs polars some milliseconds, however short: as much as some thousand rows.
PAGE_ROWS, GAP_ROWS = 1 << 16, 1 << 12
# Cells that are looked at as text, to find the columns' types.
TYPED_CELLS = 1 << 20


def open_parquet(path: Path, options: Options) -> ParquetStream | None:
    """The rows of a file or folder; None where they are pixels or have labels.

    Raises: DataError.
    """
    return ParquetStream(path, options) if options.size is None and options.labels is None else None


class ParquetStream(Stream):
    """Rows of a table. `schema` is given, or found in the survey; until then `shape` counts all columns."""

    def __init__(self, path: Path, options: Options) -> None:
        self.path, self._options, self.schema = path, options, options.schema
        self._files = parquet_files(path)
        counts = [self._count(file) for file in self._files]
        self._starts = np.cumsum([0, *counts])
        self.n = min(int(self._starts[-1]), options.limit or int(self._starts[-1]))
        self.page, self.gap = PAGE_ROWS, GAP_ROWS
        first = self.frame(0, 1)
        self._names = unique_names(first.columns, str(path))
        if not self.n or not self._names:
            raise DataError(
                f"{path}: expected at least one row and one column, found {self.n} rows and "
                f"{len(self._names)} columns"
            )
        self.shape = (len(self._names) if self.schema is None else len(self.schema.modelled),)
        self._striking = Striking()

    @property
    def ready(self) -> bool:
        """Whether the columns' types are known."""
        return self.schema is not None

    def frame(self, start: int, stop: int) -> pl.DataFrame:
        """The table's own rows.

        Raises: DataError where a file is damaged, has changed, or is gone.
        """
        import polars as pl

        found = []
        for file, begin, end in zip(self._files, self._starts[:-1], self._starts[1:], strict=True):
            one, last = max(start, int(begin)), min(stop, int(end))
            if one < last:
                found.append(self._slice(file, one - int(begin), last - one))
        try:
            return pl.concat(found) if found else self._slice(self._files[0], 0, 0)
        except pl.exceptions.PolarsError as e:
            raise DataError(f"{self.path}: expected files with the same columns ({reason(e)})") from e

    def rows(self, start: int, stop: int, *, cells: bool = False) -> Dataset:
        """By the schema."""
        assert self.schema is not None
        frame = self.frame(start, stop)
        if not cells and {column.name for column in self.schema} == set(self._names):
            return self._dataset(frame, (), start)
        table = self._table(frame, start)
        rows = Dataset(np.empty((table.n, 0)), (0,), source=str(self.path), table=table)
        return recode(rows, self.schema, impute_missing=self._options.impute_missing)

    def values(self, start: int, stop: int) -> np.ndarray:
        """The numbers of the modelled columns; columns of numbers are not turned into text on their way."""
        return self._encoded(self.frame(start, stop), start)

    def part(self, start: int, stop: int) -> pl.DataFrame:
        """The table's own rows."""
        return self.frame(start, stop)

    def picked(self, part: pl.DataFrame, indices: np.ndarray) -> pl.DataFrame:
        """Some rows."""
        return part[indices]

    def numbers(self, part: Any) -> None:  # noqa: ARG002
        """None: scales of typed columns are those of the sample."""
        return

    def striking(self, part: pl.DataFrame) -> pl.DataFrame | None:
        """Rows with a level not seen before, or a number beyond all before."""
        return None if self.schema is not None else self._striking.of(part)

    def joined(
        self, groups: Sequence[Sequence[pl.DataFrame]], striking: Sequence[pl.DataFrame]
    ) -> list[Dataset]:
        """By the given schema, or one found in the first group and the striking rows."""
        import polars as pl

        frames, notices = [pl.concat(group) for group in groups], ()
        if self.schema is None:
            some = frames[0][np.linspace(0, len(frames[0]) - 1, self._typed_rows(frames[0])).astype(int)]
            self.schema = infer(self._table(pl.concat([some, *striking]), 0), self._options.types)
            self.shape, notices = (len(self.schema.modelled),), tuple(described(self.schema))
        return [self._dataset(frame, notices) for frame in frames]

    def _typed_rows(self, frame: pl.DataFrame) -> int:
        return min(len(frame), max(1, TYPED_CELLS // frame.width))

    def _dataset(self, frame: pl.DataFrame, notices: tuple[str, ...], first: int = 0) -> Dataset:
        schema: Schema = self.schema  # pyright: ignore[reportAssignmentType]
        values = self._encoded(frame, first)
        columns = tuple(column.name for column in schema.modelled)
        return Dataset(
            values, (values.shape[1],), columns=columns, source=str(self.path), notices=notices, schema=schema
        )

    def _encoded(self, frame: pl.DataFrame, first: int) -> np.ndarray:
        assert self.schema is not None
        frame.columns = self._names
        return numbers_of(frame, self.schema, str(self.path), first)

    def _table(self, frame: pl.DataFrame, first: int) -> Table:
        frame.columns = self._names
        try:
            return Table(as_text(frame), str(self.path), first=first)
        except DataError as e:
            raise DataError(f"{self.path}: {e}") from e

    def _slice(self, file: Path, start: int, count: int) -> pl.DataFrame:
        import polars as pl

        try:
            found = pl.scan_parquet(file, glob=False).slice(start, count).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
            raise _unreadable(file, e) from e
        if len(found) != count:
            raise DataError(f"{file}: expected as many rows as before, found fewer; put the whole file back")
        return found

    def _count(self, file: Path) -> int:
        import polars as pl

        try:
            return int(pl.scan_parquet(file, glob=False).select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
            raise _unreadable(file, e) from e


def _unreadable(file: Path, error: BaseException) -> DataError:
    if not file.exists():
        return DataError(f"{file} is gone; put it back")
    return DataError(f"{file}: expected a parquet table, found a damaged or foreign file ({reason(error)})")
