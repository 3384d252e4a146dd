"""What a column of numbers is: its type, its grid, its bounds."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError
from ..names import one_line
from .column import Column, ColumnType
from .numbers import digits, to_numbers
from .table import Table

if TYPE_CHECKING:
    import polars as pl

EXACT = 2.0**53
FEW_LEVELS = 10
LARGEST_COUNT = 1000
MOST_DECIMALS = 6  # of a grid that people chose, as against digits left by a computation
ID_NAME = re.compile(
    r"^(id|.*[_\s-]id|.*[a-z]I[dD]|index|key|uuid|guid|row|row[_ ]?(number|num|id)|unnamed.*)$", re.I
)
PLACE_NAME = re.compile(r"^c[0-9]+$")


def to_checked_numbers(table: Table, text: pl.Series, convention: str) -> pl.Series:
    """The numbers in the cells; null where they are missing.

    Raises: DataError for an infinity, or a whole number that floats would change, where not an identifier.
    """
    numbers = to_numbers(text, convention)
    infinite = np.isinf(numbers.to_numpy())
    if infinite.any():
        raise _unfit(table, text, int(infinite.argmax()), "a finite number")
    return numbers


def number_type(numbers: pl.Series, text: pl.Series, named: bool) -> ColumnType:
    """The type of a column of observed, finite numbers of at least two values."""
    values = numbers.to_numpy()
    levels = np.unique(values)
    whole = bool((levels == np.floor(levels)).all())
    if whole and _is_identifier(values, levels, text, named):
        return "identifier"
    if len(levels) == 2 and (len(values) >= 10 or set(levels) == {0.0, 1.0}):
        return "binary"
    if whole:
        return _whole_type(values, levels)
    if _is_proportion(levels):
        return "proportion"
    return "positive" if _wants_log(values) else "real"


def _is_identifier(values: np.ndarray, levels: np.ndarray, text: pl.Series, named: bool) -> bool:
    """Nearly all distinct, and called so, or too long for a number, or without a name and counting rows."""
    # Counted in the text, because floats may merge long ones.
    if text.drop_nulls().n_unique() < 0.9 * len(values) or len(values) < 5:
        return False
    nameless = named and PLACE_NAME.match(text.name)
    counts = bool(nameless) and bool((np.diff(values) == 1).all())
    return (
        bool(ID_NAME.match(text.name)) or counts or bool(np.abs(levels).max() >= EXACT and _all_digits(text))
    )


def _all_digits(text: pl.Series) -> bool:
    return bool(text.drop_nulls().str.contains(r"^[+-]?[0-9]+$").all())


def _are_grades(values: np.ndarray, levels: np.ndarray) -> bool:
    """Few, close, and each seen again and again."""
    close = levels[-1] - levels[0] <= 2 * len(levels)
    return len(levels) <= FEW_LEVELS and bool(close) and len(values) >= 10 * len(levels)


def _whole_type(values: np.ndarray, levels: np.ndarray) -> ColumnType:
    grades = _are_grades(values, levels)
    if _are_counts(values, levels) and not (grades and levels[0] > 0):
        return "count"
    if grades:
        return "ordinal"
    return "positive" if _wants_log(values) else "real"


def _are_counts(values: np.ndarray, levels: np.ndarray) -> bool:
    """From 0 or 1 on, skewed, and most of the small numbers are there (as against 1, 7, 28, 365)."""
    middle = float(np.median(values))
    small = levels[levels <= middle]
    filled = 2 * len(small) > small[-1] - small[0]
    near_zero = 0 <= levels[0] <= 1 and levels[-1] <= LARGEST_COUNT and middle <= 0.25 * levels[-1]
    return bool(near_zero and filled and _skewness(values) >= 0.75)


def _is_proportion(levels: np.ndarray) -> bool:
    """Strictly between 0 and 1, and from one end to the other."""
    inside = levels[0] > 0 and levels[-1] < 1
    return bool(inside and len(levels) > FEW_LEVELS and levels[0] < 0.25 and levels[-1] > 0.75)


def _wants_log(values: np.ndarray) -> bool:
    """Above zero, skewed, over some range, and clearly less skewed as a logarithm."""
    if values.min() <= 0 or len(values) < 20:
        return False
    low, high = np.quantile(values, [0.01, 0.99])
    skewness = _skewness(values)
    return bool(high >= 4 * low and skewness >= 1 and abs(_skewness(np.log(values))) <= 0.75 * skewness)


def _skewness(values: np.ndarray) -> float:
    # Divided by the largest first, so that no power overflows.
    scaled = values / max(np.abs(values).max(), 1e-300)
    centred = scaled - scaled.mean()
    spread = np.sqrt(np.mean(centred**2))
    return float(np.mean((centred / spread) ** 3)) if spread > 0 else 0.0


def describe_numbers(text: pl.Series, column: Column) -> Column:
    """The column with its bounds, its grid and how many digits are written."""
    values = to_numbers(text, column.convention).drop_nulls().to_numpy()
    decimals, trim = digits(text, column.convention)
    return replace(
        column,
        low=float(values.min()),
        high=float(values.max()),
        step=grid(values, decimals),
        decimals=decimals,
        trim=trim,
    )


def grid(values: np.ndarray, decimals: int | None) -> float:
    """The distance between neighbouring values, 0 where they are continuous.

    Whole numbers have one; other values where less than half of them are distinct: the grid of nearly all of
    their decimals, or else the gap of which all others are multiples, or else a small gap.

    >>> grid(np.array([1.0, 3.0, 7.0]), 0), grid(np.array([0.5, 0.25, 0.5, 0.25, 0.5, 0.25, 1.0]), 2)
    (1.0, 0.25)
    """
    levels = np.unique(values)
    if (levels == np.floor(levels)).all():
        return 1.0
    if 2 * len(levels) >= len(values) or len(levels) == 1:
        return 0.0
    if decimals is not None and decimals <= MOST_DECIMALS and np.abs(levels).max() * 10.0**decimals < EXACT:
        scaled = np.round(levels * 10.0**decimals)
        common = np.gcd.reduce(np.diff(np.unique(scaled)).astype(np.int64))
        return max(int(common), 1) / 10.0**decimals
    gaps = np.diff(levels)
    least = float(np.quantile(gaps, 0.1))
    smallest = float(gaps.min())
    multiples = gaps / smallest
    even = np.abs(multiples - np.round(multiples)) <= 1e-3 * np.maximum(multiples, 1)
    return smallest if even.all() else least


def require_type(table: Table, text: pl.Series, convention: str | None, kind: str) -> None:
    """Refuse cells that a column of this type cannot have.

    Raises: DataError naming the first.
    """
    values = to_checked_numbers(table, text, convention or "plain").to_numpy()
    observed = text.is_not_null().to_numpy()
    # A cell that is no number is NaN, which is on no side of a bound.
    within, wanted = {
        "real": (~np.isnan(values), "a number"),
        "positive": (values > 0, "a number above 0"),
        "count": ((values >= 0) & (values == np.floor(values)), "a whole number of at least 0"),
        "proportion": ((values >= 0) & (values <= 1), "a number from 0 to 1"),
    }[kind]
    if (observed & ~within).any():
        raise _unfit(table, text, int((observed & ~within).argmax()), wanted)
    if observed.any() and np.nanmax(np.abs(values)) >= EXACT:
        _require_exact(table, text)


def _require_exact(table: Table, text: pl.Series) -> None:
    long = text.str.contains(r"^[+-]?[0-9]{16,}$").fill_null(False)
    if long.any():
        row = int(long.arg_max() or 0)
        advice = "; say --column NAME=identifier to leave it out"
        raise _unfit(table, text, row, "whole numbers of at most 15 digits", advice)


def _unfit(table: Table, text: pl.Series, row: int, wanted: str, advice: str = "") -> DataError:
    return DataError(
        f"{table.source}: expected {wanted}, found '{one_line(text[row], 40)}' in "
        f"{table.where(row, text.name)}{advice}"
    )
