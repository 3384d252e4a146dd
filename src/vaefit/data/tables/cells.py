"""Numbers of typed columns <-> network inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import DataError, ShapeError
from ..transforms import Transform, Visit
from ..variable import Kind, Variable
from .column import CODED, Column, Schema
from .lines import Line, Lines, Scaling, common_values, is_increasing, line_of, through


@dataclass(frozen=True)
class Cells(Transform):
    """Columns of many types: numbers to a common scale, codes of categories as they are, NaN where missing.

    Each real column (and date) goes through its own increasing broken line, whose `knots` are pairs (v, x):
    two of them standardise, more of them take the column's quantiles to a normal distribution's. Positive
    columns are divided by their geometric mean; counts and codes stay. Columns on a grid (`step`) are
    dequantised: each visit of a row spreads its values over their steps. Values on a grid that come far more
    often than those around them are `spikes`, in the table's numbers; lines are fitted to the others.

    >>> schema = Schema((Column("a", "real"), Column("b", "binary")))
    >>> cells = Cells.fit(np.array([[1.0, 0], [3.0, 1]]), schema)
    >>> cells.forward(np.array([[2.0, 1], [np.nan, 0]])).tolist()
    [[0.0, 1.0], [nan, 0.0]]
    """

    kind = "columns"
    schema: Schema
    knots: tuple[Line, ...]
    spikes: tuple[tuple[float, ...], ...]
    centres: tuple[float, ...]
    spreads: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        entries = (self.knots, self.spikes, self.centres, self.spreads, self.columns)
        lengths = {len(entry) for entry in entries}
        if lengths != {self.dim}:
            raise ShapeError(f"expected {self.dim} columns, found {sorted(lengths)} entries for them")
        if any(len(line) < 2 or not is_increasing(line) for line in self.knots):
            raise DataError("expected increasing knots for every column")

    @classmethod
    def fit(cls, values: np.ndarray, schema: Schema, scaling: Scaling = "auto") -> Cells:
        """Knots from the columns of values (rows, D), NaN where missing.

        Raises: DataError for a column without any number.
        """
        columns = schema.modelled
        lines, spikes, moments = [], [], []
        for column, cell in zip(columns, np.asarray(values, np.float64).T, strict=True):
            v = cell[~np.isnan(cell)]
            if not v.size:
                raise DataError(f"expected numbers in column {column.name}, found none; leave it out")
            common = common_values(v, column.step) if column.type not in CODED else np.empty(0)
            rest = v[~np.isin(v, common)]
            spikes.append(tuple(common.tolist()))
            lines.append(line_of(column, rest if len(np.unique(rest)) > 1 else v, scaling))
            moments.append(_moments(_kind(column), through(v, *np.array(lines[-1]).T)))
        centres, spreads = zip(*moments, strict=True) if moments else ((), ())
        return cls((len(columns),), schema, tuple(lines), tuple(spikes), tuple(centres), tuple(spreads))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The modelled columns."""
        return self.schema.modelled

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What networks and likelihoods must know of them."""
        return tuple(
            Variable(_kind(column), len(column.categories), centre, spread, _stretches(column, line, spikes))
            for column, line, spikes, centre, spread in zip(
                self.columns, self.knots, self.spikes, self.centres, self.spreads, strict=True
            )
        )

    @property
    def visit(self) -> Visit | None:
        """Dequantisation of the columns on a grid."""
        if not any(_dequantised(column) for column in self.columns):
            return None
        return self._visited

    def _visited(self, x: Any, u: Any) -> Any:
        # NumPy's arrays or JAX's: the first come from evaluation, the second from the training loop.
        xp = x.__array_namespace__()
        u = xp.broadcast_to(u, x.shape)
        spread = np.array([_dequantised(column) for column in self.columns])
        at = np.flatnonzero(spread)
        steps = np.array([self.columns[i].step for i in at], np.float32)
        forth, back = self._lines(at, np.float32)
        seen = forth.through(back.through(x[..., at]) + steps * (u[..., at] - 0.5)).astype(x.dtype)
        return xp.where(spread, seen[..., np.cumsum(spread) - 1], x)

    def row_log_jacobian(self, x: np.ndarray) -> np.ndarray:
        """log |dx/dv| of each row's continuous cells that are not missing, nats."""
        return self.cell_log_jacobian(x).sum(axis=1)

    def cell_log_jacobian(self, x: np.ndarray) -> np.ndarray:
        """log |dx/dv| of each cell (rows, D), nats; 0 of missing ones and of those that have masses."""
        found = np.zeros(x.shape)
        for i, column in enumerate(self.columns):
            if not _has_density(column):
                continue
            v, s = np.array(self.knots[i]).T
            slopes = np.log(np.diff(s) / np.diff(v))
            cell = x[:, i].astype(np.float64)
            segment = np.clip(np.searchsorted(s, cell, side="right") - 1, 0, len(slopes) - 1)
            found[:, i] = np.where(np.isnan(cell), 0.0, slopes[segment])
        return found

    def _forward(self, values: np.ndarray) -> np.ndarray:
        return self._exact[0].through(values)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """Numbers and codes (..., D), float64, not rounded or clipped."""
        x = np.asarray(x, np.float64)
        return self._exact[1].through(x)

    @cached_property
    def _exact(self) -> tuple[Lines, Lines]:
        return self._lines(np.arange(self.dim), np.float64)

    def _lines(self, at: np.ndarray, precision: Any) -> tuple[Lines, Lines]:
        """The lines of these columns, to network scale and back."""
        knots = [np.array(self.knots[i], precision).T for i in at]
        return Lines.of([(v, x) for v, x in knots]), Lines.of([(x, v) for v, x in knots])

    def inverse_scale(self, sd: np.ndarray) -> np.ndarray:
        """By the mean slope of each column's line."""
        ends = np.array([(line[0], line[-1]) for line in self.knots])
        return np.asarray(sd) * (ends[:, 1, 0] - ends[:, 0, 0]) / (ends[:, 1, 1] - ends[:, 0, 1])

    @classmethod
    def from_entries(cls, entries: dict[str, Any]) -> Cells:
        """The transform with these saved entries.

        Raises: DataError, RunError where they are not its own.
        """
        wanted = {"shape", "schema", "knots", "spikes", "centres", "spreads"}
        # Runs were once written without spikes.
        entries = {"spikes": [[] for _ in entries.get("knots", ())], **entries}
        if entries.keys() != wanted:
            raise DataError(f"expected the entries {', '.join(sorted(wanted))}, found {', '.join(entries)}")
        try:
            knots = tuple(tuple((float(v), float(x)) for v, x in line) for line in entries["knots"])
            spikes = tuple(tuple(float(v) for v in found) for found in entries["spikes"])
            shape, centres, spreads = (
                tuple(float(number) for number in entries[name]) for name in ("shape", "centres", "spreads")
            )
        except (TypeError, ValueError) as problem:
            raise DataError(f"expected numbers, found others ({problem})") from None
        schema = Schema.from_dict(entries["schema"])
        return cls(tuple(int(side) for side in shape), schema, knots, spikes, centres, spreads)

    def to_dict(self) -> dict[str, Any]:
        """Everything needed to build the transform again, ready for JSON."""
        return super().to_dict() | {
            "schema": self.schema.to_dict(),
            "knots": [[list(knot) for knot in line] for line in self.knots],
            "spikes": [list(found) for found in self.spikes],
        }


def _stretches(column: Column, line: Line, spikes: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """Where visits may see each spike: its step at network scale, and what rounding adds."""
    found = []
    for spike in spikes:
        edges = spike + column.step * np.array([-0.5, 0.5])
        start, end = through(edges, *np.array(line).T)
        # Of x itself, and of v on its way there, both in single precision.
        rounding = 2.0**-22 * (abs(start) + abs(end) + abs(spike) * (end - start) / column.step)
        found.append((float(start - rounding), float(end + rounding)))
    return tuple(found)


def _kind(column: Column) -> Kind:
    # A date is a number of days; what is left out has no variable.
    return "real" if column.type == "date" else column.type  # pyright: ignore[reportReturnType]


def _has_density(column: Column) -> bool:
    return column.type in ("real", "date", "positive", "proportion")


def _dequantised(column: Column) -> bool:
    return column.step > 0 and _has_density(column)


def _moments(kind: Kind, x: np.ndarray) -> tuple[float, float]:
    shown = {
        "real": lambda x: x,
        "positive": lambda x: np.log(np.maximum(x, np.finfo(np.float64).tiny)),
        "count": np.log1p,
        "proportion": lambda x: np.log(x) - np.log1p(-x),
    }
    if kind not in shown:
        return 0.0, 1.0
    seen = shown[kind](x)
    return float(seen.mean()), float(seen.std()) or 1.0
