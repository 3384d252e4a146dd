"""New rows of a table: the model's own, all of them or those that meet conditions."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from vaefit import data, generate
from vaefit.data.tables import Column, Schema, decode, into_support, number_of, within_seen
from vaefit.data.tables.column import CODED
from vaefit.display import Display, Silent
from vaefit.errors import DataError, SettingsError
from vaefit.options import unknown
from vaefit.run import Run

if TYPE_CHECKING:
    import polars as pl

BATCH = 8192
MOST_AT_ONCE = 1 << 16
# Rows drawn, at most, before a condition is called too rare.
MOST_DRAWN = 4_000_000
_SIGNS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    # Longer ones first: <= begins with <.
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "!=": np.not_equal,
    "=": np.equal,
    "<": np.less,
    ">": np.greater,
}
_CONDITION = re.compile(rf"^(?P<name>.+?)\s*(?P<sign>{'|'.join(_SIGNS)})\s*(?P<value>.+)$")


@dataclass(frozen=True)
class Condition:
    """What a column of a row must be."""

    text: str
    column: int
    sign: str
    value: float

    def holds(self, values: Float[np.ndarray, "rows variables"]) -> Bool[np.ndarray, " rows"]:
        """For which rows it does; codes stand for categories."""
        return _SIGNS[self.sign](values[:, self.column], self.value)


def sample_rows(
    run: Run, n: int, *, where: Sequence[str] = (), seed: int = 0, display: Display | None = None
) -> "pl.DataFrame":
    """Rows drawn from p(x) as a table's cells, written as the fitted table writes its own.

    With `where` (NAME=VALUE, also != < <= > >=) rows are drawn until `n` meet all of them, so they are draws
    of p(x | conditions) under the model.

    Raises:
        SettingsError: the run is not of a table, or a condition cannot be understood or met by any value.
        DataError: rows that meet the conditions are too rare.

    >>> import polars as pl
    >>> from vaefit import fit, sample_rows
    >>> table = pl.DataFrame({"x": [0.5, 1.5, None, 2.25] * 10, "kind": ["a", "b", "a", None] * 10})
    >>> run = fit(table, epochs=1, latent_dim=1, encoder_layers=(), decoder_layers=())
    >>> new = sample_rows(run, 5, where=["kind=b"])
    >>> new.columns, new["kind"].unique().to_list()
    (['x', 'kind'], ['b'])
    """
    schema = schema_of(run)
    conditions = [parse_condition(text, schema) for text in where]
    return decode(np.concatenate(list(drawn(run, n, conditions, seed, display or Silent()))), schema)


def schema_of(run: Run) -> Schema:
    """The columns of the table that a run was fitted to.

    Raises:
        SettingsError: it was fitted to something else.
    """
    schema = data.schema_of(run.transform)
    if schema is None:
        raise SettingsError(
            "expected a run fitted to a table with typed columns, found one fitted to images or arrays"
        )
    return schema


def parse_condition(text: str, schema: Schema) -> Condition:
    """A condition from words such as age>40 or income=>50K.

    Raises:
        SettingsError: an unknown column, a sign that the column's type does not have, or an impossible value.
    """
    found = _split(text, schema)
    names = {column.name: place for place, column in enumerate(schema.modelled)}
    if found is None:
        raise SettingsError(f"--where {text!r}: expected NAME=VALUE, also != < <= > >=, found no sign")
    if found[0] not in names:
        raise SettingsError(
            f"--where {text!r}: expected a modelled column; {unknown('column', found[0], names)}"
        )
    name, sign, value = found
    column = schema.modelled[names[name]]
    return Condition(text, names[name], sign, _value(column, sign, value, text))


def _split(text: str, schema: Schema) -> tuple[str, str, str] | None:
    """Name, sign and value; a known name at the start is taken whole, whatever signs it has."""
    for column in sorted(schema.modelled, key=lambda c: -len(c.name)):
        rest = text[len(column.name) :].lstrip()
        sign = next((s for s in _SIGNS if rest.startswith(s)), None)
        if text.startswith(column.name) and sign:
            return column.name, sign, rest[len(sign) :].strip()
    match = _CONDITION.match(text)
    return None if match is None else (match["name"], match["sign"], match["value"].strip())


def _value(column: Column, sign: str, value: str, text: str) -> float:
    if column.type in CODED:
        return _code(column, sign, value, text)
    number = number_of(value, column)
    if number is None:
        raise SettingsError(f"--where {text!r}: column {column.name} has numbers, found {value!r}")
    # Rows are drawn within what was seen in fitting.
    ends = np.array([column.low, column.high])
    nearest = np.append(ends, np.clip(number, *ends))
    if not _SIGNS[sign](nearest, number).any():
        low, high = (cell.strip() for cell in decode(ends[:, None], Schema((column,)))[column.name])
        raise SettingsError(f"--where {text!r}: the values of {column.name} are from {low} to {high}")
    return number


def _code(column: Column, sign: str, value: str, text: str) -> float:
    if sign not in ("=", "!=") and column.type != "ordinal":
        raise SettingsError(
            f"--where {text!r}: the categories of {column.name} have no order; use {column.name}=VALUE"
        )
    if value not in column.categories:
        raise SettingsError(f"--where {text!r}: {unknown('category', value, column.categories)}")
    return float(column.categories.index(value))


def drawn(
    run: Run, n: int, conditions: Sequence[Condition], seed: int, display: Display
) -> Iterator[Float[np.ndarray, "batch variables"]]:
    """`n` rows that meet all conditions, a batch at a time.

    Raises:
        DataError: they are too rare.
    """
    have = tried = batch = 0
    while have < n:
        size = BATCH if conditions else min(n - have, MOST_AT_ONCE)
        values = draw_values(run, size, seed, batch=batch)
        tried, batch = tried + len(values), batch + 1
        good = np.logical_and.reduce([np.ones(len(values), bool), *(c.holds(values) for c in conditions)])
        kept = values[good][: n - have]
        have += len(kept)
        display.working("sampling", have, n)
        yield kept
        if conditions and tried >= MOST_DRAWN and have < n:
            words = " and ".join(condition.text for condition in conditions)
            raise DataError(
                f"--where {words}: expected {n} such rows, found {have} among {tried:,} drawn: too rare "
                "under this model; ask for fewer, or loosen the conditions"
            )


def draw_values(run: Run, n: int, seed: int, *, batch: int = 0) -> Float[np.ndarray, "n variables"]:
    """Draws of p(x) in the table's own numbers and codes, within what was seen in fitting."""
    dropout = run.settings.generate_with_dropout
    x = generate.sample(run.model, n, seed=seed, dropout=dropout, noise=True, batch=batch)
    return as_cells(run.transform.inverse(x), schema_of(run))


def as_cells(
    drawn: Float[np.ndarray, "*batch variables"], schema: Schema
) -> Float[np.ndarray, "*batch variables"]:
    """Drawn numbers as a table's cells can be: within what was seen in fitting, on each column's grid."""
    values = np.moveaxis(within_seen(drawn, schema), -1, 0)
    cells = [into_support(v, c) for v, c in zip(values, schema.modelled, strict=True)]
    return np.stack(cells, axis=-1)
