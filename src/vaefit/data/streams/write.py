"""Tables written block by block: Parquet in row groups, text line by line; no more than a block in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DataError
from ..names import one_line
from ..tables import Column, Schema
from ..tables.files import system_errors, typed
from ..tables.numbers import to_numbers

if TYPE_CHECKING:
    import polars as pl


def write_blocks(frames: Iterable[pl.DataFrame], path: Path, schema: Schema | None = None) -> int:
    """Write frames of the same columns one below the other; see `write_tables`. Returns how many rows."""
    return write_tables(([frame] for frame in frames), [path], schema)


def write_tables(
    groups: Iterable[Sequence[pl.DataFrame]], paths: Sequence[Path], schema: Schema | None = None
) -> int:
    """Write tables of the same columns side by side, of which each group has the next rows, in one folder.

    By the ending: .parquet, .arrow, .csv or .tsv. In .parquet and .arrow a `schema`'s columns of numbers and
    dates are written as such. Returns how many rows each has.

    Raises: DataError where a column is of numbers at first and of text later.
    """
    from polars.io.plugins import register_io_source

    suffix = paths[0].suffix.lower()
    numbered = ((i, frame) for group in groups for i, frame in enumerate(group) if len(frame))
    found = numbered if schema is None or suffix in (".csv", ".tsv") else _typed(numbered, schema)
    start = next(found)
    first, rows = start[1], 0

    def blocks(*_: Any) -> Iterator[pl.DataFrame]:
        nonlocal rows
        for table, frame in chain([start], found):
            rows += 0 if table else len(frame)
            yield _marked(_like(frame, first), table, len(paths))

    source = register_io_source(blocks, schema=_marked(first, 0, len(paths)).schema)
    target = paths[0] if len(paths) == 1 else _each(paths, source.collect_schema().names()[-1])
    with system_errors():
        if suffix == ".parquet":
            source.sink_parquet(target)
        elif suffix == ".arrow":
            source.sink_ipc(target)
        else:
            source.sink_csv(target, separator="\t" if suffix == ".tsv" else ",")
    return rows


def _marked(frame: pl.DataFrame, table: int, tables: int) -> pl.DataFrame:
    """Rows with the number of their table in a last column, where there are several."""
    import polars as pl

    name = max(frame.columns, key=len) + "#"
    return frame if tables == 1 else frame.with_columns(pl.lit(table, pl.Int32).alias(name))


def _each(paths: Sequence[Path], key: str) -> pl.PartitionBy:
    """Rows to the paths by the numbers in their column `key`, which is not written."""
    import polars as pl

    return pl.PartitionBy(
        paths[0].parent,
        key=key,
        include_key=False,
        file_path_provider=lambda found: paths[found.partition_keys.item()].name,
        approximate_bytes_per_file=None,
    )


def _typed(
    numbered: Iterator[tuple[int, pl.DataFrame]], schema: Schema
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Numbers as numbers; whole ones as floats where others of the column may not be whole."""
    import polars as pl

    numbers = Schema(tuple(column for column in schema if not _has_words(column)))
    broken = [c.name for c in numbers.modelled if c.type not in ("count", "date") and c.decimals != 0]
    for table, frame in numbered:
        found = typed(frame, numbers)
        whole = [name for name in broken if found.schema.get(name) == pl.Int64]
        yield table, found.with_columns(found[name].cast(pl.Float64) for name in whole)


def _has_words(column: Column) -> bool:
    """Whether some category is no number, so that the column is text in every block."""
    import polars as pl

    levels = pl.Series(column.categories, dtype=pl.String).str.strip_chars()
    return bool(column.categories) and to_numbers(levels, column.convention).null_count() > 0


def _like(frame: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    try:
        return frame if frame.schema == first.schema else frame.cast(first.schema)
    except pl.exceptions.PolarsError:
        name = next(n for n, kind in frame.schema.items() if kind != first.schema[n])
        raise DataError(
            f"column '{one_line(name, 40)}' was written as {first.schema[name]}, as in the first rows, found "
            "other cells later; let --out end in .csv"
        ) from None
