"""Tables from and to files: .csv, .tsv, .txt (plain or gzipped), .parquet and .arrow."""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError, SettingsError
from ..names import natural_key, reason
from .column import Column, Schema
from .layout import BLANKS, decode_text, find_layout
from .numbers import observed, to_numbers
from .table import Table, as_text, checked, numbered, unique_names

if TYPE_CHECKING:
    import polars as pl

TEXTS = tuple(f"{suffix}{packed}" for suffix in (".csv", ".tsv", ".txt") for packed in ("", ".gz"))
PARQUET, ARROW = (".parquet", ".pq"), (".arrow", ".feather", ".ipc")
WRITTEN = (".csv", ".tsv", ".parquet", ".arrow")


def read_text_table(path: Path, *, header: bool | None = None, limit: int | None = None) -> Table:
    """A text table; separator, encoding and header are found.

    Raises: DataError.
    """
    data = _content(path)
    return parse_text_table(data, str(path), tabs=".tsv" in path.name.lower(), header=header, limit=limit)


def parse_text_table(
    data: bytes, source: str, *, tabs: bool = False, header: bool | None = None, limit: int | None = None
) -> Table:
    """The table in a text's bytes; `source` is what errors call it, `tabs` says that tabs separate.

    Raises: DataError.
    """
    text = _text(data, source)
    layout = find_layout(text, tabs=tabs, header=header)
    if layout.separator == BLANKS:
        text = re.sub(r"[ \t]+", "\t", re.sub(r"(?m)^[ \t]+|[ \t]+$", "", text))
    separator = "\t" if layout.separator == BLANKS else layout.separator
    last = None if limit is None else limit + layout.header
    frame = (_quoted if '"' in text else _plain)(text, separator, source, last)
    if not layout.header:
        return checked(
            Table(frame.rename(dict(zip(frame.columns, numbered(frame.width), strict=True))), source, False)
        )
    names = unique_names([cell or "" for cell in frame.row(0)], source)
    return checked(Table(frame[1:].rename(dict(zip(frame.columns, names, strict=True))), source))


def read_binary_table(path: Path, *, limit: int | None = None) -> Table:
    """A table in Parquet or Arrow's format.

    Raises: DataError.
    """
    import polars as pl

    arrow = path.suffix.lower() in ARROW
    try:
        if arrow:
            frame = pl.read_ipc(path.read_bytes(), n_rows=limit)
        else:
            frame = pl.read_parquet(parquet_files(path), n_rows=limit, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
        what = "an Arrow" if arrow else "a parquet"
        raise DataError(
            f"{path}: expected {what} table, found a damaged or foreign file ({reason(e)})"
        ) from e
    names = unique_names(frame.columns, str(path))
    try:
        cells = as_text(frame)
    except DataError as e:
        raise DataError(f"{path}: {e}") from e
    return checked(Table(cells.rename(dict(zip(frame.columns, names, strict=True))), str(path)))


def is_parquet_folder(path: Path) -> bool:
    """Whether a folder holds .parquet files, right in it."""
    return path.is_dir() and any(file.suffix.lower() in PARQUET for file in path.iterdir())


def parquet_files(path: Path) -> list[Path]:
    """The file, or the files in the folder, in natural order."""
    if not path.is_dir():
        return [path]
    found = [file for file in path.iterdir() if file.suffix.lower() in PARQUET and file.is_file()]
    return sorted(found, key=lambda file: natural_key(file.name))


def write_table(frame: pl.DataFrame, path: str | Path, schema: Schema | None = None) -> None:
    """Write cells of text as a table, in the format of the file's ending.

    In .parquet and .arrow the schema's columns of numbers and dates are written as such.

    Raises: SettingsError for another ending; DataError where the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        raise SettingsError(f"expected a table to end in {', '.join(WRITTEN)}, found '{path.name}'")
    cells = frame if schema is None or suffix in (".csv", ".tsv") else typed(frame, schema)
    writers: dict[str, Callable[[], object]] = {
        ".csv": lambda: cells.write_csv(path),
        ".tsv": lambda: cells.write_csv(path, separator="\t"),
        ".parquet": lambda: cells.write_parquet(path),
        ".arrow": lambda: cells.write_ipc(path),
    }
    try:
        with system_errors():
            writers[suffix]()
    except OSError as e:
        raise DataError(f"{path}: cannot be written: {e.strerror or reason(e)}") from e


@contextmanager
def system_errors() -> Iterator[None]:
    """Let polars say what the system said while a file was written: the disk is full, the file too large."""
    import polars as pl

    try:
        yield
    except (pl.exceptions.ComputeError, OSError) as e:
        found = re.search(r"\(os error (\d+)\)", str(e))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from e


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (OSError, EOFError, ValueError) as e:
        raise DataError(f"{path}: expected a table, found a file that cannot be read ({reason(e)})") from e


def _text(data: bytes, source: str) -> str:
    """The text, every line of it ended, without empty ones."""
    text = decode_text(data)
    if text is None:
        raise DataError(f"{source}: expected a table of text, found binary data or an unknown encoding")
    text = re.sub(r"(?m)^[ \t]*\n", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        raise DataError(f"{source}: expected a table, found an empty file")
    return text if text.endswith("\n") else text + "\n"


def _plain(text: str, separator: str, source: str, limit: int | None) -> pl.DataFrame:
    """A text without quotes, in which every separator is one."""
    import polars as pl

    data = text.encode()
    _require_even(np.frombuffer(data, np.uint8), separator, source)
    try:
        found = pl.read_csv(
            BytesIO(data),
            separator=separator,
            has_header=False,
            infer_schema=False,
            n_rows=limit,
            quote_char=None,
        )
    except pl.exceptions.PolarsError as e:
        raise DataError(f"{source}: expected a table of text ({reason(e)})") from e
    return found.with_columns(pl.all().fill_null(""))


def _require_even(data: np.ndarray, separator: str, source: str) -> None:
    ends = np.flatnonzero(data == ord("\n"))
    widths = np.diff(np.searchsorted(np.flatnonzero(data == ord(separator)), ends), prepend=0) + 1
    if (widths != widths[0]).any():
        raise _ragged(source, int(widths[0]), widths.tolist())


def _quoted(text: str, separator: str, source: str, limit: int | None) -> pl.DataFrame:
    import polars as pl

    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    try:
        rows = [row for row, _ in zip(reader, range(limit or 1 << 62), strict=False)]
    except csv.Error as e:
        raise DataError(f"{source}: expected a table, found in line {reader.line_num}: {reason(e)}") from e
    if any(len(row) != len(rows[0]) for row in rows):
        raise _ragged(source, len(rows[0]), [len(row) for row in rows])
    columns = list(zip(*rows, strict=True))
    return pl.DataFrame([pl.Series(f"{i}", column, dtype=pl.String) for i, column in enumerate(columns)])


def _ragged(source: str, width: int, widths: list[int]) -> DataError:
    line = next(i for i, found in enumerate(widths) if found != width)
    return DataError(
        f"{source}: expected {width} cells in every line, found {widths[line]} in line {line + 1} (empty "
        "lines not counted)"
    )


def typed(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    known = {column.name: column for column in schema}
    return frame.select(
        [_typed_column(cells, known[cells.name]) if cells.name in known else cells for cells in frame]
    )


def _typed_column(cells: pl.Series, column: Column) -> pl.Series:
    """Numbers as numbers and dates as dates, if all cells are."""
    import polars as pl

    text = observed(cells)
    if column.type == "date":
        timed = "%H" in column.date_format
        found = (
            text.str.to_datetime(column.date_format, strict=False)
            if timed
            else text.str.to_date(column.date_format, strict=False)
        )
    elif column.type == "text":
        return cells
    else:
        found = to_numbers(text, column.convention)
        if (found.drop_nulls() == found.drop_nulls().floor()).all() and not column.decimals:
            whole = found.cast(pl.Int64, strict=False)
            found = whole if whole.null_count() == found.null_count() else found
    return found if found.null_count() == text.null_count() else cells
