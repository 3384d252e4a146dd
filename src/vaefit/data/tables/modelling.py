"""Data sets whose rows are tables' numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from ...column_types import TYPES
from ...errors import DataError
from ..dataset import Dataset
from ..names import one_line
from .coding import encode
from .column import LEFT_OUT, Column, Schema
from .infer import infer
from .numbers import all_observed
from .numeric import PLACE_NAME
from .table import Table, is_frame

NAMED_UP_TO = 20


def dataset_of(
    table: Table,
    *,
    types: Mapping[str, str] | None = None,
    labels: tuple[str, ...] | None = None,
) -> Dataset:
    """The table as a data set: its inferred schema, and the numbers of the columns that are modelled.

    Raises: DataError, SettingsError.
    """
    _require_cells(table)
    schema = infer(table, types)
    return _dataset(table, schema, labels, tuple(described(schema)))


def of_cells(rows: object, source: str = "table") -> Dataset:
    """Cells alone, of which nothing is inferred: for `recode`, whose schema says what they are.

    Raises: DataError, ShapeError where there is no table.
    """
    if isinstance(rows, Table) or is_frame(rows):
        table = Table.of(rows, source=source)
        return Dataset(np.empty((table.n, 0)), (0,), source=source, table=table)
    array = rows if isinstance(rows, np.ndarray) else np.asarray(rows, object)
    return Dataset(array, array.shape[1:], source=source)


def of_numbers(rows: object) -> Dataset:
    """A frame's or an array's columns, for a model of plain numbers.

    Raises: DataError, ShapeError where they are none.
    """
    return Dataset.from_table(rows) if is_frame(rows) else Dataset.from_array(rows)


def recode(dataset: Dataset, schema: Schema, *, impute_missing: bool = False) -> Dataset:
    """The data set under another schema, such as that of a fit.

    Columns are matched by name in any order, or by place where one side has no names. With `impute_missing`
    a column that is not there is missing in every row. Columns that the schema does not know, and those that
    it leaves out, are not needed.

    Raises: DataError naming a column that is not there, or a cell that its column cannot have.
    """
    table = dataset.table or _table_of(dataset, schema)
    table = _matched(table, schema)
    absent = [column.name for column in schema.modelled if column.name not in table.names]
    if absent and not impute_missing:
        raise DataError(
            f"{table.source}: expected the column '{one_line(absent[0], 40)}' that was there in fitting, "
            f"found {one_line(', '.join(table.names), 200)}; add it, or have it imputed"
        )
    extra = [name for name in table.names if name not in {column.name for column in schema}]
    notices = [f"ignored columns that were not there in fitting: {_named(extra)}"] if extra else []
    if absent:
        notices.append(f"columns that are not there, missing in every row: {_named(absent)}")
    return _dataset(_with_empty(table, absent), schema, dataset.labels, tuple(notices), dataset.names)


def _dataset(
    table: Table,
    schema: Schema,
    labels: tuple[str, ...] | None,
    notices: tuple[str, ...],
    names: tuple[str, ...] | None = None,
) -> Dataset:
    values = encode(table, schema)
    return Dataset(
        values,
        (values.shape[1],),
        names=names,
        labels=labels,
        columns=tuple(column.name for column in schema.modelled),
        source=table.source,
        notices=notices,
        table=table,
        schema=schema,
    )


def _require_cells(table: Table) -> None:
    import polars as pl

    empty = all_observed(table.cells).select(pl.all_horizontal(pl.all().is_null())).to_series()
    if empty.any():
        row = int(empty.arg_max() or 0)
        raise DataError(
            f"{table.source}: expected a value in every row, found none in row {row + 1}"
            f"{' below the header' if table.named else ''}; remove such rows"
        )


def _table_of(dataset: Dataset, schema: Schema) -> Table:
    """Plain numbers as a table: those of the modelled columns, if there are as many."""
    if len(dataset.shape) > 1:
        raise DataError(f"{dataset.source}: expected a table like the one that was fitted, found images")
    table = Table.of(np.asarray(dataset.values), source=dataset.source)
    names = dataset.columns
    if names is None and dataset.dim == len(schema.modelled) != len(schema.columns):
        names = tuple(column.name for column in schema.modelled)
    return table if names is None else _renamed(table, names)


def _matched(table: Table, schema: Schema) -> Table:
    """By place where names are missing on one side and there are equally many columns."""
    names = tuple(column.name for column in schema)
    nameless = not table.named or all(map(PLACE_NAME.match, names))
    same = set(names) <= set(table.names)
    return _renamed(table, names) if nameless and not same and len(names) == len(table.names) else table


def _renamed(table: Table, names: Iterable[str]) -> Table:
    return replace(table, cells=table.cells.rename(dict(zip(table.names, names, strict=True))))


def _with_empty(table: Table, names: Iterable[str]) -> Table:
    import polars as pl

    return replace(
        table, cells=table.cells.with_columns([pl.lit(None, dtype=pl.String).alias(name) for name in names])
    )


def described(schema: Schema) -> Iterable[str]:
    """For people: which columns are what, and what becomes of those that are not modelled as they are."""
    short = len(schema.columns) > NAMED_UP_TO
    kept = _by_type(schema.modelled, short)
    left = [column for column in schema if not column.modelled]
    empty = [column for column in left if column.type == "constant" and not column.constant]
    out = _by_type([column for column in left if column not in empty], short)
    out += [f"{len(empty)} empty ({_named([column.name for column in empty])})"] if empty else []
    yield f"columns: {', '.join(kept)}" + (f"; left out: {', '.join(out)}" if out else "")
    for column in schema:
        if column.other:
            yield (
                f"column '{one_line(column.name, 40)}': its {len(column.categories) - 1} commonest "
                "categories are kept, all others are 'other'"
            )
        if column.date_format == "%m/%d/%Y":
            yield f"column '{one_line(column.name, 40)}' is read as month/day/year"


def _by_type(columns: Iterable[Column], short: bool) -> list[str]:
    names: dict[str, list[str]] = {kind: [] for kind in TYPES}
    for column in columns:
        names[column.type].append(column.name)
    some = {kind: found for kind, found in names.items() if found}
    return [
        f"{len(found)} {kind}" + ("" if short and kind not in LEFT_OUT else f" ({_named(found)})")
        for kind, found in some.items()
    ]


def _named(names: list[str]) -> str:
    shown = [one_line(name, 40) for name in names[:NAMED_UP_TO]]
    return ", ".join([*shown, "..."] if len(names) > NAMED_UP_TO else shown)
