"""How a text file is laid out: its encoding, separator, and whether it has a header."""

from __future__ import annotations

import codecs
import csv
import re
from typing import NamedTuple

from .dates import looks_like_date
from .numbers import MISSING, PATTERNS

SAMPLE_LINES = 200
SEPARATORS = ("\t", ";", ",", "|")
BLANKS = " "  # any run of blanks and tabs
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NUMBER = re.compile("|".join(f"(?:{pattern})" for pattern in PATTERNS.values()))


class Layout(NamedTuple):
    """The separator (" " is any blank space) and whether the first line is a header."""

    separator: str
    header: bool


def decode_text(data: bytes) -> str | None:
    """The text in UTF-8, UTF-16 or else a Western one-byte encoding; None where it is no text."""
    encoding = next((name for mark, name in BOMS if data.startswith(mark)), None) or _utf16(data)
    for name in (encoding,) if encoding else ("utf-8", "cp1252", "latin-1"):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        return None if re.search("[\x00-\x08\x0e-\x1f]", text) else text.removeprefix("\ufeff")
    return None


def _utf16(data: bytes) -> str | None:
    """UTF-16 without a mark: text of our alphabets has a zero in every other byte."""
    head = data[:1024]
    if len(head) < 4 or len(data) % 2:
        return None
    low, high = head[0::2].count(0), head[1::2].count(0)
    if high > 0.4 * len(head) and low == 0:
        return "utf-16-le"
    return "utf-16-be" if low > 0.4 * len(head) and high == 0 else None


def find_layout(text: str, *, tabs: bool = False, header: bool | None = None) -> Layout:
    """The layout of a text that is not empty; `tabs`: its name says that tabs separate."""
    lines = text[: 1 << 20].splitlines()[:SAMPLE_LINES]
    separator = "\t" if tabs else _separator(lines)
    rows = split_lines(lines, separator)
    return Layout(separator, _has_header(rows) if header is None else header)


def split_lines(lines: list[str], separator: str) -> list[list[str]]:
    """The cells of each line, as they are."""
    if separator == BLANKS:
        return [line.split() for line in lines]
    return list(csv.reader((f"{line}\n" for line in lines), delimiter=separator))


def _separator(lines: list[str]) -> str:
    """The first that gives all lines equally many cells, more than one; else one in the first line."""
    for separator in (*SEPARATORS, BLANKS):
        widths = {len(row) for row in split_lines(lines, separator) if row}
        if len(widths) == 1 and widths != {1}:
            return separator
    there = next((s for s in (";", ",", "\t", "|") if s in lines[0]), None)
    return there or (BLANKS if _numbers_apart(lines) else ",")


def _numbers_apart(lines: list[str]) -> bool:
    """Whether blanks stand between numbers, as against between words."""
    return any(len(row) > 1 and all(map(is_number, row)) for row in split_lines(lines, BLANKS))


def is_number(cell: str) -> bool:
    """Whether a cell is a number as any of the conventions writes it, or not a number in Python's way.

    >>> is_number("1e-3"), is_number("1.234,5"), is_number("c0")
    (True, True, False)
    """
    cell = cell.strip()
    return (bool(_NUMBER.match(cell)) and any(map(str.isdigit, cell))) or cell.lower() in ("inf", "-inf")


def _has_header(rows: list[list[str]]) -> bool:
    """Words above numbers; or among words only, names that are not in the column below."""
    first, *below = ([cell.strip() for cell in row] for row in rows)
    named = [i for i, cell in enumerate(first) if not _is_value(cell)]
    if not named:
        return False
    columns = {
        i: [row[i] for row in below if i < len(row) and not _is_missing(row[i])] for i in range(len(first))
    }
    if any(columns[i] and all(map(_is_value, columns[i])) for i in named):
        return True
    if any(map(_is_value, filter(None, first))):
        return False
    if any(cells and all(map(_is_value, cells)) for cells in columns.values()):
        return True
    return len(set(first)) == len(first) and not any(first[i] in columns[i] for i in named)


def _is_value(cell: str) -> bool:
    return is_number(cell) or looks_like_date(cell) or _is_missing(cell)


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING
