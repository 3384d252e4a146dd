"""Tables as the estimator is given them, and gives them back: frames of pandas or polars, arrays with NaN."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from vaefit.data import Dataset, Schema, is_frame
from vaefit.data.tables import Column, completed, decode
from vaefit.data.tables.column import CODED

Kind = Literal["polars", "pandas", "array"]
_NUMBERS = ("real", "positive", "count", "proportion")


@dataclass(frozen=True, eq=False)
class Form:
    """What the fitted table was: its kind, and no rows of it (None: unknown) for its columns' types."""

    kind: Kind
    head: Any = None

    @classmethod
    def of(cls, X: Any) -> "Form":
        """The form of a frame or an array."""
        return cls(_kind(X), X.head(0) if is_frame(X) else None)

    def rows(self, values: Float[np.ndarray, "rows variables"], schema: Schema) -> Any:
        """Numbers and codes of the modelled columns in this form; arrays have them as they are."""
        return (
            as_array(values, schema) if self.kind == "array" else self.cells(decode(values, schema), schema)
        )

    def cells(self, text: pl.DataFrame, schema: Schema) -> Any:
        """Cells of text in this form, in columns of the types that were fitted."""
        columns = {column.name: column for column in schema}
        types = _types(self.head)
        typed = [_typed(cells, types.get(cells.name), columns.get(cells.name)) for cells in text]
        frame = pl.DataFrame(typed)
        if self.kind == "array":
            return frame.cast(pl.Float64).to_numpy()
        return frame if self.kind == "polars" else _pandas(frame, self.head)


def wants_table(X: Any, *, asked: bool) -> bool:
    """Whether rows are other than complete numbers, or asked to be a table."""
    if is_frame(X):
        return asked or not _complete_numbers(X)
    try:
        array = np.asarray(X, np.float64)
    except (TypeError, ValueError):
        return False
    return array.ndim == 2 and (asked or bool(np.isnan(array).any()))


def as_array(
    values: Float[np.ndarray, "rows variables"], schema: Schema
) -> Float[np.ndarray, "rows columns"]:
    """Numbers of all columns; those of categories for their codes, NaN in columns left out."""
    places = {column.name: place for place, column in enumerate(schema.modelled)}
    found = np.full((len(values), len(schema.columns)), np.nan)
    for at, column in enumerate(schema):
        if column.modelled:
            found[:, at] = _numbers(values[:, places[column.name]], column)
        elif column.constant:
            found[:, at] = float(column.constant)
    return found


def filled(
    X: Any,
    rows: Dataset,
    values: Float[np.ndarray, "rows variables"],
    missing: Bool[np.ndarray, "rows variables"],
) -> Any:
    """X with its missing cells, and columns that it lacks, from `values`; all others are X's own."""
    assert rows.schema is not None and rows.table is not None
    schema = rows.schema
    if not is_frame(X):
        given = np.asarray(X)
        full = as_array(values, schema)
        given = given if given.dtype.kind in "fO" else given.astype(np.float64)
        there = np.array([column.modelled for column in schema])
        holes = np.zeros(full.shape, bool)
        holes[:, there] = missing
        return np.where(holes, full, given).astype(given.dtype, copy=False)
    text = completed(rows.table, values, missing, schema)
    made = Form.of(X).cells(text, schema)
    places = {column.name: place for place, column in enumerate(schema.modelled)}
    lacking = [name for name in places if name not in [str(name) for name in X.columns]]
    if _kind(X) == "polars":
        own = [_patched(X[n], made[n], missing[:, places[n]]) if n in places else X[n] for n in X.columns]
        result = pl.DataFrame([*own, *(made[name] for name in lacking)])
    else:
        result = X.copy()
        for name in X.columns:
            if str(name) in places and missing[:, places[str(name)]].any():
                result[name] = X[name].where(~missing[:, places[str(name)]], made[str(name)].to_numpy())
        for name in lacking:
            result[name] = made[name].to_numpy()
    if not lacking:
        return result
    known = [column.name for column in schema if column.name in result.columns]
    return result[[*known, *(name for name in result.columns if name not in known)]]


def _patched(own: pl.Series, made: pl.Series, holes: Bool[np.ndarray, " rows"]) -> pl.Series:
    if not holes.any():
        return own
    return pl.select(pl.when(pl.Series(holes)).then(made).otherwise(own).alias(own.name)).to_series()


def _kind(X: Any) -> Kind:
    if not is_frame(X):
        return "array"
    return "polars" if isinstance(X, pl.DataFrame) else "pandas"


def _complete_numbers(X: Any) -> bool:
    if isinstance(X, pl.DataFrame):
        plain = all(kind.is_numeric() or kind == pl.Boolean for kind in X.dtypes)
        return plain and not np.isnan(X.cast(pl.Float64).to_numpy()).any()
    return all(getattr(kind, "kind", "O") in "biuf" for kind in X.dtypes) and not X.isna().to_numpy().any()


def _numbers(values: Float[np.ndarray, " rows"], column: Column) -> Float[np.ndarray, " rows"]:
    if column.type not in CODED:
        return values
    levels = np.array([float(level) for level in column.categories])
    known = np.isfinite(values)
    places = np.clip(np.round(np.where(known, values, 0)), 0, len(levels) - 1).astype(np.int64)
    return np.where(known, levels[places], np.nan)


def _types(head: Any) -> dict[str, Any]:
    return dict(head.schema) if isinstance(head, pl.DataFrame) else {}


def _typed(cells: pl.Series, kind: Any, column: Column | None) -> pl.Series:
    if kind is None:
        if column is None or column.type not in _NUMBERS:
            return cells
        kind = pl.Int64() if column.decimals == 0 else pl.Float64()
    if kind == pl.Boolean:
        return (cells == "true").alias(cells.name)
    if isinstance(kind, pl.Datetime):
        return cells.str.to_datetime(time_unit=kind.time_unit, time_zone=kind.time_zone)
    if kind.is_integer():
        # By way of floats: a whole number may be written with a point.
        return cells.cast(pl.Float64).round().cast(kind)
    return cells.cast(kind)


def _pandas(frame: pl.DataFrame, head: Any) -> Any:
    import pandas  # pyright: ignore[reportMissingImports]

    made = pandas.DataFrame({cells.name: cells.to_list() for cells in frame})
    if head is None:
        return made
    for name in head.columns:
        if str(name) in made.columns:
            made[str(name)] = _pandas_column(made[str(name)], head[name].dtype)
    return made


def _pandas_column(cells: Any, kind: Any) -> Any:
    import pandas  # pyright: ignore[reportMissingImports]

    if kind.kind == "b":
        return cells.astype(str).str.lower().eq("true").astype(kind)
    if kind.kind in "iuf":
        numbers = pandas.to_numeric(cells)
        return numbers if numbers.isna().any() and kind.kind != "f" else numbers.astype(kind)
    return pandas.to_datetime(cells).astype(kind) if kind.kind == "M" else cells.astype(kind)
