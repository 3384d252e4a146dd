"""What a column of words is: its type and its levels."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import DataError
from ..names import natural_key, one_line
from .column import Column, ColumnType
from .numbers import to_numbers
from .numeric import EXACT, ID_NAME
from .table import Table

if TYPE_CHECKING:
    import polars as pl

MOST_LEVELS = 50
OTHER = "other"


def word_type(text: pl.Series) -> ColumnType:
    """The type of a column with at least two different words."""
    seen = text.drop_nulls()
    levels = seen.n_unique()
    if levels == 2:
        return "binary"
    distinct = levels / len(seen)
    words = seen.str.count_matches(r"\S+").mean() or 0
    if levels > MOST_LEVELS and distinct > 0.5 and (words >= 5 or (seen.str.len_chars().mean() or 0) >= 50):  # pyright: ignore[reportOperatorIssue]
        return "text"
    named = bool(ID_NAME.match(text.name)) and len(seen) >= 5
    return "identifier" if distinct >= 0.9 and (named or len(seen) >= 20) else "categorical"


def is_code(seen: pl.Series) -> bool:
    """Whether cells are digits that are no number: of one length and some starting with 0, such as 00501."""
    if not seen.str.contains(r"^[0-9]{2,}$").all():
        return False
    return seen.str.len_bytes().n_unique() == 1 and bool(seen.str.starts_with("0").any())


def prefix_of(cells: pl.Series) -> str:
    """The blanks that stand before most cells."""
    some = [cell for cell in cells.head(1000).to_list() if cell and not cell.isspace()]
    counts = Counter(cell[: len(cell) - len(cell.lstrip(" \t"))] for cell in some)
    return counts.most_common(1)[0][0] if some else ""


def describe_levels(table: Table, text: pl.Series, column: Column, *, numeric: bool) -> Column:
    """The column with its levels, in their natural order; rare ones of more than 50 are one, the last.

    Raises: DataError where a binary column has more than two.
    """
    counts = text.drop_nulls().value_counts(sort=True)
    ranked: list[str] = counts.to_series(0).to_list()
    if numeric:
        ranked = _one_text_a_number(counts.to_series(0), column.convention)
    if column.type == "binary" and len(ranked) > 2:
        raise DataError(
            f"{table.source}: expected two values in the binary column '{one_line(text.name, 40)}', found "
            f"{len(ranked)} such as {', '.join(one_line(level, 20) for level in ranked[:3])}"
        )
    grouped = column.type == "categorical" and len(ranked) > MOST_LEVELS
    if grouped:
        ranked = [level for level in ranked if level != OTHER][: MOST_LEVELS - 1]
    levels = _in_order(ranked, column.convention if numeric else None)
    return replace(column, categories=(*levels, OTHER) if grouped else tuple(levels), other=grouped)


def _one_text_a_number(texts: pl.Series, convention: str) -> list[str]:
    """The commonest way in which each number is written; numbers that floats would merge are texts."""
    first: dict[float | str, str] = {}
    for text, number in zip(texts.to_list(), to_numbers(texts, convention).to_list(), strict=True):
        first.setdefault(number if abs(number) < EXACT else text, text)
    return list(first.values())


def _in_order(levels: list[str], convention: str | None) -> list[str]:
    import polars as pl

    if convention is None:
        return sorted(levels, key=natural_key)
    numbers = to_numbers(pl.Series(levels), convention).to_list()
    return [level for _, level in sorted(zip(numbers, levels, strict=True))]


def codes(table: Table, text: pl.Series, column: Column, convention: str | None) -> pl.Series:
    """The place of each cell among the column's levels, null where it is missing.

    Cells that are numbers are compared as such.

    Raises: DataError naming a level that the column does not have, and the nearest it has.
    """
    import polars as pl

    places = {level: float(i) for i, level in enumerate(column.categories)}
    found = text.replace_strict(places, default=None, return_dtype=pl.Float64)
    open_ = found.is_null() & text.is_not_null()
    if open_.any() and convention is not None:
        numbers = to_numbers(pl.Series(column.categories, dtype=pl.String), column.convention)
        known = {
            number: float(i)
            for i, number in enumerate(numbers.to_list())
            if number is not None and abs(number) < EXACT
        }
        as_numbers = to_numbers(text, convention).replace_strict(known, default=None, return_dtype=pl.Float64)
        found = found.fill_null(as_numbers)
        open_ = found.is_null() & text.is_not_null()
    if open_.any():
        if not column.other:
            raise _unseen(table, text, int(open_.arg_max() or 0), column)
        found = found.set(open_, len(column.categories) - 1.0)
    return found


def _unseen(table: Table, text: pl.Series, row: int, column: Column) -> DataError:
    near = difflib.get_close_matches(str(text[row]), column.categories, n=3, cutoff=0.0)
    return DataError(
        f"{table.source}: expected a category that was there in fitting, such as "
        f"{', '.join(one_line(level, 40) for level in near)}, found '{one_line(text[row], 40)}' in "
        f"{table.where(row, column.name)}"
    )
