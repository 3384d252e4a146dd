"""What each column of a table is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import DataError, SettingsError
from ...options import unknown
from .column import CODED, Column, Schema
from .conventions import Texts, find_date_format, read_texts, require_one_kind
from .numeric import describe_numbers, number_type, require_type, to_checked_numbers
from .table import Table
from .words import describe_levels, is_code, prefix_of, word_type

if TYPE_CHECKING:
    import polars as pl

NUMERIC = ("real", "positive", "count", "proportion")


def infer(table: Table, types: Mapping[str, str] | None = None) -> Schema:
    """The type of every column, and what turns its cells into numbers; `types` are given for some.

    Raises: SettingsError for an unknown column; DataError where a column cannot be what it is said to be, or
    is of numbers only in part.

    >>> table = Table.of([["a", 1.5], ["b", 2.5], ["a", 4.0]])
    >>> [column.type for column in infer(table)], [column.type for column in infer(table, {"c1": "text"})]
    (['binary', 'real'], ['binary', 'text'])
    """
    for name in types or {}:
        if name not in table.names:
            raise SettingsError(f"{table.source}: {unknown('column', name, table.names)}")
    types = {**(dict.fromkeys(table.names, "real") if table.numeric else {}), **(types or {})}
    texts = read_texts(table, [n for n in table.names if types.get(n) not in (*CODED, "identifier", "text")])
    texts |= read_texts_plain(table, [n for n in table.names if n not in texts])
    columns = [_column(table, texts[name], types.get(name)) for name in table.names]
    if not any(column.modelled for column in columns):
        # A table of one row, or of equal ones: its values are kept as they are, for others to judge.
        columns = [_kept(table, texts[column.name], column) for column in columns]
    if not any(column.modelled for column in columns):
        raise DataError(
            f"{table.source}: expected a column to model, found only identifiers, text and empty columns; "
            "say what one is with --column NAME=TYPE"
        )
    return Schema(tuple(columns))


def read_texts_plain(table: Table, names: list[str]) -> dict[str, Texts]:
    """Columns that are codes, whatever their cells look like."""
    from .numbers import observed, shapes

    texts = {name: observed(table.cells[name]) for name in names}
    return {n: Texts(t, "plain" if shapes(t).share["plain"] == 1 else None) for n, t in texts.items()}


def _column(table: Table, found: Texts, given: str | None) -> Column:
    text, convention = found
    seen = text.drop_nulls()
    column = Column(
        text.name,
        "constant",
        convention=convention or "plain",
        missing=bool(text.null_count()),
        prefix=prefix_of(table.cells[text.name]),
    )
    if given is not None:
        return _as_given(table, found, column, given)
    if seen.n_unique() <= 1:
        return replace(column, constant=str(seen[0]) if len(seen) else "")
    if convention is None or is_code(seen):
        return _of_words(table, text, column)
    numbers = to_checked_numbers(table, text, convention)
    kind = number_type(numbers.drop_nulls(), text, table.named)
    return _of_several(_of_type(table, Texts(text, convention), replace(column, type=kind)))


def _of_several(column: Column) -> Column:
    """The column, or a constant one where its cells are one level, such as 1 and 1.0."""
    if column.type not in CODED or len(column.categories) > 1:
        return column
    return replace(column, type="constant", constant="".join(column.categories), categories=())


def _of_words(table: Table, text: pl.Series, column: Column) -> Column:
    form = find_date_format(table, text)
    if form is not None:
        return _of_type(table, Texts(text, None), replace(column, type="date", date_format=form))
    if not is_code(text.drop_nulls()):
        require_one_kind(table, text)
    return _of_type(table, Texts(text, None), replace(column, type=word_type(text)))


def _as_given(table: Table, found: Texts, column: Column, given: str) -> Column:
    text = found.text
    if not len(text.drop_nulls()):
        return column
    if given == "date":
        form = find_date_format(table, text)
        if form is None:
            raise DataError(
                f"{table.source}: expected dates in column '{text.name}', found '{text.drop_nulls()[0]}'"
            )
        return _of_type(table, found, replace(column, type="date", date_format=form))
    if given == "constant" and text.n_unique() > 1:
        raise DataError(
            f"{table.source}: expected one value in the constant column '{text.name}', found several"
        )
    column = replace(column, type=given)  # pyright: ignore[reportArgumentType]
    return _of_several(_of_type(table, found, column))


def _of_type(table: Table, found: Texts, column: Column) -> Column:
    """The column with all that its type needs."""
    text, convention = found
    if column.type in CODED:
        return describe_levels(table, text, column, numeric=convention is not None)
    if column.type in NUMERIC:
        require_type(table, text, convention, column.type)
        return describe_numbers(text, column)
    if column.type == "date":
        from .dates import step_of, to_days

        days = to_days(text, column.date_format).drop_nulls()
        low, high = float(days.min()), float(days.max())  # pyright: ignore[reportArgumentType]
        return replace(column, low=low, high=high, step=step_of(column.date_format))
    return replace(column, constant=str(text.drop_nulls()[0])) if column.type == "constant" else column


def _kept(table: Table, found: Texts, column: Column) -> Column:
    if column.type != "constant" or not column.constant:
        return column
    return _of_type(table, found, replace(column, type="real" if found.convention else "categorical"))
