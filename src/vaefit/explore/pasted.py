"""A row that was pasted into the page: CSV, tab-separated or JSON, with names of columns or without."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vaefit.data import Column, Dataset, Schema, schema_of
from vaefit.data.names import one_line
from vaefit.data.tables import Table, parse_text_table, recode
from vaefit.data.tables.table import named_table
from vaefit.errors import DataError
from vaefit.explore.dropped import Row
from vaefit.explore.refusal import Refused
from vaefit.run import Run

SOURCE = "this row"


def pasted_row(run: Run, content: bytes) -> Row:
    """The row in a text.

    Columns that are named but for some leave those missing, where the run takes missing cells.

    Raises:
        Refused: there is no such row in it, or more than one.
        DataError: a cell cannot be what its column has.
    """
    schema = schema_of(run.transform)
    names = () if schema is None else tuple(column.name for column in schema)
    table = _table(content, names)
    if table.n > 1:
        raise Refused(f"expected one row, found {table.n}; paste one at a time")
    return _plain(run, table) if schema is None else _typed(run, table, schema)


def _table(content: bytes, names: Sequence[str]) -> Table:
    text = content.strip()
    if not text:
        raise Refused("expected a row, found nothing")
    if text[:1] in (b"{", b"["):
        return _from_json(text)
    table = parse_text_table(content, SOURCE, header=False)
    if not _heads(table, names):
        return table
    if table.n == 1:
        raise Refused("expected a row below the names of its columns, found the names alone")
    return parse_text_table(content, SOURCE, header=True)


def _heads(table: Table, names: Sequence[str]) -> bool:
    """Whether the first row has the names of columns: of those known, or no numbers where none are."""
    first = [one_line(cell or "") for cell in table.cells.row(0)]
    if not names:
        return table.n > 1 and not any(map(_is_number, first))
    known = sum(cell in names for cell in first)
    return known > 0 and known >= len(first) / 2


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _from_json(text: bytes) -> Table:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Refused(f"expected a row as JSON, found text that is none ({one_line(problem, 80)})") from None
    if isinstance(found, list) and found and all(isinstance(inner, dict | list) for inner in found):
        if len(found) > 1:
            raise Refused(f"expected one row, found {len(found)}; paste one at a time")
        found = found[0]
    names = list(found) if isinstance(found, dict) else []
    values = list(found.values()) if isinstance(found, dict) else found
    if not values:
        raise Refused("expected a row, found an empty one")
    return named_table(names, [[_cell(value)] for value in values], SOURCE)


def _cell(value: Any) -> str | None:
    if isinstance(value, dict | list):
        raise Refused(f"expected a single value in every cell, found {one_line(json.dumps(value), 40)}")
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _typed(run: Run, table: Table, schema: Schema) -> Row:
    names = [column.name for column in schema]
    modelled = [column.name for column in schema.modelled]
    if table.named and not set(modelled) & set(table.names):
        raise Refused(f"expected columns such as {_some(modelled)}, found {_some(table.names)}")
    if not table.named:
        if len(table.names) not in (len(names), len(modelled)):
            raise Refused(_wrong_number(len(names), len(table.names), names))
        own = names if len(table.names) == len(names) else modelled
        table = replace(table, cells=table.cells.rename(dict(zip(table.names, own, strict=True))), named=True)
    takes_missing = run.model.likelihood.typed
    row = recode(_rows(table), schema, impute_missing=takes_missing)
    missing = np.isnan(row.values[0])
    if missing.all() or (missing.any() and not takes_missing):
        raise Refused("expected " + ("at least one cell" if missing.all() else "every cell") + " to be known")
    return Row(row, row.notices)


def _plain(run: Run, table: Table) -> Row:
    """A row of a run that was fitted to numbers alone."""
    dim = run.transform.dim
    if len(table.names) != dim:
        raise Refused(_wrong_number(dim, len(table.names), ()))
    names = [f"column {i + 1}" for i in range(dim)]
    table = replace(table, cells=table.cells.rename(dict(zip(table.names, names, strict=True))))
    row = recode(_rows(table), Schema(tuple(Column(name, "real") for name in names)))
    if not np.isfinite(row.values).all():
        at = int(np.flatnonzero(~np.isfinite(row.values[0]))[0])
        raise DataError(f"{SOURCE}: expected a number in every cell, found none in {names[at]}")
    return Row(run.dataset(np.asarray(row.values)))


def _rows(table: Table) -> Dataset:
    return Dataset(np.empty((table.n, 0)), (0,), source=SOURCE, table=table)


def _wrong_number(expected: int, found: int, names: Sequence[str]) -> str:
    each = f" ({_some(names)})" if names else ""
    return (
        f"expected {expected} cells{each}, found {found}; names of columns in a line above allow for fewer"
        if names
        else f"expected {expected} numbers, found {found} cells"
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name, 30) for name in names[:6])
    return shown + (", ..." if len(names) > 6 else "")
