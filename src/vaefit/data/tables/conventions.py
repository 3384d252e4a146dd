"""How each column of a table writes numbers, or that it has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ...errors import DataError
from ..names import one_line
from .dates import date_format
from .numbers import STRANGE, Shapes, all_observed, all_shapes, matching, shapes
from .table import Table

if TYPE_CHECKING:
    import polars as pl

FEW = 10
MOSTLY = 0.5


class Texts(NamedTuple):
    """A column's observed cells (null: missing), and how they write numbers (None: they are no numbers)."""

    text: pl.Series
    convention: str | None


def read_texts(
    table: Table, names: Iterable[str], hints: Mapping[str, str] | None = None
) -> dict[str, Texts]:
    """The cells of these columns, and how they write numbers.

    A column that may be read in two ways (1,234) is read as the others of its table are, else as `hints`.

    Raises: DataError where that leaves it open, or columns of one table disagree.
    """
    names = list(names)
    if not names:
        return {}
    frame = all_observed(table.cells[names])
    texts = {text.name: text for text in frame.iter_columns()}
    found = all_shapes(frame)
    sure = {name: shape.fitting[0] for name, shape in found.items() if len(shape.fitting) == 1}
    _require_agreement(table, sure)
    marks = set(sure.values()) - {"plain"}
    return {
        name: Texts(texts[name], _choose(table, texts[name], shape, marks, (hints or {}).get(name)))
        for name, shape in found.items()
    }


def _choose(table: Table, text: pl.Series, shape: Shapes, marks: set[str], hint: str | None) -> str | None:
    if len(shape.fitting) < 2:
        return (
            _plain_or_grouped(table, text, marks)
            if shape.fitting == ("plain",)
            else next(iter(shape.fitting), None)
        )
    chosen = next(iter(marks), hint if hint in shape.fitting else None)
    if chosen is None:
        row = _first(text.is_not_null() & ~matching(text, "plain"))
        cell, digits = one_line(text[row], 40), str(text[row])
        raise DataError(
            f"{table.source}: expected numbers that can be read in one way, found '{cell}' in "
            f"{table.where(row, text.name)}, which may be {digits.replace(',', '')} or "
            f"{digits.replace(',', '.')}; write it as either"
        )
    return chosen


def _plain_or_grouped(table: Table, text: pl.Series, marks: set[str]) -> str:
    """In a table with decimal commas points are between thousands, or wrong."""
    if marks != {"comma"} or not text.str.contains(".", literal=True).any():
        return "plain"
    if shapes_under(text, "comma"):
        return "comma"
    row = _first(text.str.contains(".", literal=True))
    raise DataError(
        f"{table.source}: expected decimal commas as in other columns, found '{one_line(text[row], 40)}' in "
        f"{table.where(row, text.name)}; write all numbers with points or all with commas"
    )


def shapes_under(text: pl.Series, convention: str) -> bool:
    """Whether all observed cells are numbers under a convention."""
    return bool(matching(text.drop_nulls(), convention).all())


def _require_agreement(table: Table, sure: Mapping[str, str]) -> None:
    grouped, comma = (
        next((n for n, found in sure.items() if found == c), None) for c in ("grouped", "comma")
    )
    if grouped is not None and comma is not None:
        raise DataError(
            f"{table.source}: expected commas to mean one thing, found them between thousands in column "
            f"'{one_line(grouped, 40)}' and before decimals in column '{one_line(comma, 40)}'; write numbers "
            "alike"
        )


def require_one_kind(table: Table, text: pl.Series) -> None:
    """Refuse a column of words in which most cells are numbers, but for few levels (1, 2, 3+).

    Raises: DataError naming the first cell that is none.
    """
    seen = text.drop_nulls()
    levels = seen.n_unique()
    share = shapes(seen).best
    if share < MOSTLY:
        share = float(seen.str.contains(STRANGE).sum()) / len(seen)
        if share >= MOSTLY:
            row = _first(text.str.contains(STRANGE))
            raise _mixed(table, text, row, "plain numbers, without units or blanks")
        return
    others = round((1 - share) * len(seen))
    if (levels <= FEW and len(seen) >= 5 * levels and others > 1) or (share < 0.9 and len(seen) < FEW):
        return
    raise _mixed(
        table, text, _first(text.is_not_null() & ~_best_match(text)), f"numbers as in {share:.0%} of the rows"
    )


def _best_match(text: pl.Series) -> pl.Series:
    found = shapes(text)
    return matching(text, max(found.share, key=lambda name: found.share[name]))


def _mixed(table: Table, text: pl.Series, row: int, expected: str) -> DataError:
    return DataError(
        f"{table.source}: expected {expected}, found '{one_line(text[row], 40)}' in "
        f"{table.where(row, text.name)}; correct it, or say --column {one_line(text.name, 40)}=categorical"
    )


def _first(mask: pl.Series) -> int:
    return int(mask.fill_null(False).arg_max() or 0)


def find_date_format(table: Table, text: pl.Series) -> str | None:
    """How the dates in a column are written; None where they are none.

    Raises: DataError naming the first cell that is no date, where most are.
    """
    from .dates import to_days

    form = date_format(text)
    if form is None:
        return None
    bad = to_days(text, form).is_null() & text.is_not_null()
    if bad.any():
        good = text.filter(~bad).drop_nulls()[0]
        raise _mixed(table, text, _first(bad), f"dates such as {good} (years 1 to 9999)")
    return form
