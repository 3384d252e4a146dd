"""Tables written block by block: Parquet in row groups, text line by line; no more than a block in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DataError
from ..names import one_line
from ..tables import Column, Schema
from ..tables.files import typed
from ..tables.numbers import to_numbers

if TYPE_CHECKING:
    import polars as pl


def write_blocks(frames: Iterable[pl.DataFrame], path: Path, schema: Schema | None = None) -> int:
    """Write frames of the same columns one below the other, by the ending: .parquet, .arrow, .csv or .tsv.

    In .parquet and .arrow a `schema`'s columns of numbers and dates are written as such. Returns how many
    rows there were.

    Raises: DataError where a column is of numbers at first and of text later.
    """
    from polars.io.plugins import register_io_source

    suffix = path.suffix.lower()
    as_text = schema is None or suffix in (".csv", ".tsv")
    found = (frame for frame in frames if len(frame))
    found = found if as_text or schema is None else _typed(found, schema)
    first, rows = next(found), 0

    def blocks(*_: Any) -> Iterator[pl.DataFrame]:
        nonlocal rows
        frame: pl.DataFrame | None = first
        while frame is not None:
            rows += len(frame)
            yield _like(frame, first)
            frame = next(found, None)

    source = register_io_source(blocks, schema=first.schema)
    if suffix == ".parquet":
        source.sink_parquet(path)
    elif suffix == ".arrow":
        source.sink_ipc(path)
    else:
        source.sink_csv(path, separator="\t" if suffix == ".tsv" else ",")
    return rows


def _typed(frames: Iterator[pl.DataFrame], schema: Schema) -> Iterator[pl.DataFrame]:
    """Numbers as numbers; whole ones as floats where others of the column may not be whole."""
    import polars as pl

    numbers = Schema(tuple(column for column in schema if not _has_words(column)))
    broken = [c.name for c in numbers.modelled if c.type not in ("count", "date") and c.decimals != 0]
    for frame in frames:
        found = typed(frame, numbers)
        yield found.with_columns(
            [pl.col(name).cast(pl.Float64) for name in broken if found.schema.get(name) == pl.Int64]
        )


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
