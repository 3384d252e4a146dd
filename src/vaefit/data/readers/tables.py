"""Tables of numbers: .csv, .tsv, .txt (plain or gzipped) and .parquet, by polars."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from ..labels import words
from ..names import one_line, reason
from ..options import Options
from . import reader

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "?", "na", "n/a", "nan", "null", "none", "-")
LATER = "tables with text or missing cells come in a later version"


class Layout(NamedTuple):
    """How a text file is laid out: its separator (" " is any blank space) and whether it has a header."""

    separator: str
    header: bool


TEXTS = tuple(f"{suffix}{packed}" for suffix in (".csv", ".tsv", ".txt") for packed in ("", ".gz"))


@reader("a table (.csv, .tsv, .txt)", *TEXTS, uses=("labels",))
def read_text(path: Path, options: Options) -> Dataset:
    """A text table; its header is told by the first row being no numbers."""
    data = _content(path)
    layout = _layout(data, path)
    frame = _parse(data, layout, path, options.limit)
    names = (
        [name.strip() for name in frame.columns] if layout.header else [f"c{i}" for i in range(frame.width)]
    )
    frame, names, labels = _without_labels(frame, names, path, options)
    values = _numbers(frame, names, path, layout.header)
    return Dataset.from_array(values, size=options.size, columns=names, labels=labels, source=str(path))


@reader("a table (.parquet)", ".parquet", ".pq", sniff=lambda _, head: head[:4] == b"PAR1", uses=("labels",))
def read_parquet(path: Path, options: Options) -> Dataset:
    """A table whose columns are all numbers or truth values."""
    import polars as pl

    try:
        frame = pl.read_parquet(path, n_rows=options.limit, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
        raise DataError(
            f"{path}: expected a parquet table, found a damaged or foreign file ({reason(e)})"
        ) from e
    frame, names, labels = _without_labels(frame, frame.columns, path, options)
    for column in frame.iter_columns():
        _require_numeric(column, path)
    _require_complete(frame, names, path, below="")
    if set(frame.dtypes) != {pl.Float32}:
        frame = frame.select(pl.all().cast(pl.Float64))
    return Dataset.from_array(
        frame.to_numpy(), size=options.size, columns=names, labels=labels, source=str(path)
    )


def _without_labels(
    frame: pl.DataFrame, names: list[str], path: Path, options: Options
) -> tuple[pl.DataFrame, list[str], tuple[str, ...] | None]:
    """The columns that are data, their names, and the labels."""
    wanted = options.labels
    if wanted is None:
        return frame, names, None
    if wanted not in names:
        raise DataError(
            f"{path}: expected labels in a column called '{one_line(wanted, 40)}', found "
            f"{one_line(', '.join(names), 200)}"
        )
    place = names.index(wanted)
    labels = words(frame.to_series(place).to_list(), f"{path}, column '{wanted}'")
    return frame.drop(frame.columns[place]), [*names[:place], *names[place + 1 :]], labels


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (OSError, EOFError, ValueError) as e:
        raise DataError(f"{path}: expected a table, found a file that cannot be read ({reason(e)})") from e
    data = re.sub(rb"(?m)^[ \t\r]*\n", b"", data.removeprefix(b"\xef\xbb\xbf"))
    if b"\0" in data[:4096] or not _is_utf8(data):
        raise DataError(f"{path}: expected a table of text in UTF-8, found binary data or another encoding")
    if not data.strip():
        raise DataError(f"{path}: expected a table, found an empty file")
    return data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _layout(data: bytes, path: Path) -> Layout:
    lines = [line for line in data[: 1 << 20].decode("utf-8", "replace").splitlines() if line.strip()][:2]
    separator = "\t" if ".tsv" in path.name.lower() else _separator(lines[0])
    first, *second = [_cells(line, separator) for line in lines]
    return Layout(separator, _is_header(first, second[0] if second else []))


def _separator(line: str) -> str:
    return next((s for s in (";", ",") if s in line), "\t" if re.search(r"\S\t\S", line) else " ")


def _cells(line: str, separator: str) -> list[str]:
    cells = line.split() if separator == " " else next(csv.reader([line], delimiter=separator))
    return [cell.strip() for cell in cells]


def _is_header(first: list[str], second: list[str]) -> bool:
    """No numbers at all, or text above numbers (a column called 2019 among named ones)."""
    words = [i for i, cell in enumerate(first) if not _is_number(cell) and cell.lower() not in MISSING]
    if not words:
        return False
    below = [second[i] for i in words if i < len(second)]
    return not any(map(_is_number, first)) or (bool(below) and all(map(_is_number, below)))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _parse(data: bytes, layout: Layout, path: Path, limit: int | None) -> pl.DataFrame:
    """All cells as text, so that a bad one can be shown as it stands in the file."""
    import polars as pl

    separator = "\t" if layout.separator == " " else layout.separator
    if layout.separator == " ":
        data = re.sub(rb"[ \t]+", b"\t", re.sub(rb"(?m)^[ \t]+|[ \t\r]+$", b"", data))
    try:
        return pl.read_csv(
            BytesIO(data), separator=separator, has_header=layout.header, infer_schema=False, n_rows=limit
        )
    except pl.exceptions.PolarsError as e:
        raise DataError(f"{path}: {_ragged(data, separator) or reason(e)}") from e


def _ragged(data: bytes, separator: str) -> str | None:
    rows = csv.reader(data.decode("utf-8", "replace").splitlines(), delimiter=separator)
    width = len(next(rows))
    for number, row in enumerate(rows, 2):
        if row and len(row) != width:
            return f"expected {width} cells in every line, found {len(row)} in line {number}"
    return None


def _numbers(frame: pl.DataFrame, names: list[str], path: Path, header: bool) -> np.ndarray:
    import polars as pl

    below = " below the header" if header else ""
    text = frame.select(pl.all().str.strip_chars())
    _require_complete(text, names, path, below)
    numbers = text.select(pl.all().cast(pl.Float64, strict=False))
    for row, column in _first_null(numbers):
        cell, name = one_line(text[row, column], 40), one_line(names[column], 40)
        raise DataError(
            f"{path}: expected numbers, found '{cell}' in row {row + 1}{below}, column '{name}'; {LATER}"
        )
    return numbers.to_numpy()


def _require_complete(frame: pl.DataFrame, names: list[str], path: Path, below: str) -> None:
    for row, column in _first_null(frame):
        raise DataError(
            f"{path}: expected a number in every cell, found an empty one in row {row + 1}{below}, column "
            f"'{names[column]}'; {LATER}"
        )


def _first_null(frame: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """The row and column of the first empty cell, if there is one."""
    nulls = [
        (mask.arg_max() or 0, i) for i, s in enumerate(frame.iter_columns()) if (mask := s.is_null()).any()
    ]
    if nulls:
        yield min(nulls)


def _require_numeric(column: pl.Series, path: Path) -> None:
    import polars as pl

    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        found = f" such as '{one_line(column[0], 40)}'" if len(column) else ""
        raise DataError(
            f"{path}: expected columns of numbers, found column '{column.name}' of type "
            f"{column.dtype}{found}; {LATER}"
        )
