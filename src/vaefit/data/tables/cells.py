"""Numbers of typed columns <-> network inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...errors import DataError, ShapeError
from ..transforms import Transform, Visit
from ..variable import Kind, Variable
from .column import CODED, Column, Schema

Scaling = Literal["auto", "standardise", "quantile"]
# Standardised columns with tails beyond a Gaussian's by this much, or so skew, go through quantiles.
HEAVY, SKEW = 6.0, 2.0
KNOTS = 32
# Proportions of exactly 0 or 1 have no density under a beta: all are drawn in by this.
EDGE = 1e-3


@dataclass(frozen=True)
class Cells(Transform):
    """Columns of many types: numbers to a common scale, codes of categories as they are, NaN where missing.

    Each real column (and date) goes through its own increasing broken line, whose `knots` are pairs (v, x):
    two of them standardise, more of them take the column's quantiles to a normal distribution's. Positive
    columns are divided by their geometric mean; counts and codes stay. Columns on a grid (`step`) are
    dequantised: each visit of a row spreads its values over their steps.

    >>> schema = Schema((Column("a", "real"), Column("b", "binary")))
    >>> cells = Cells.fit(np.array([[1.0, 0], [3.0, 1]]), schema)
    >>> cells.forward(np.array([[2.0, 1], [np.nan, 0]])).tolist()
    [[0.0, 1.0], [nan, 0.0]]
    """

    kind = "columns"
    schema: Schema
    knots: tuple[tuple[tuple[float, float], ...], ...]
    centres: tuple[float, ...]
    spreads: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        lengths = {len(self.knots), len(self.centres), len(self.spreads), len(self.columns)}
        if lengths != {self.dim}:
            raise ShapeError(f"expected {self.dim} columns, found {sorted(lengths)} entries for them")
        if any(len(line) < 2 or not _increasing(line) for line in self.knots):
            raise DataError("expected increasing knots for every column")

    @classmethod
    def fit(cls, values: np.ndarray, schema: Schema, scaling: Scaling = "auto") -> Cells:
        """Knots from the columns of values (rows, D), NaN where missing.

        Raises: DataError for a column without any number.
        """
        columns = schema.modelled
        lines, moments = [], []
        for column, cell in zip(columns, np.asarray(values, np.float64).T, strict=True):
            v = cell[~np.isnan(cell)]
            if not v.size:
                raise DataError(f"expected numbers in column {column.name}, found none; leave it out")
            lines.append(_line(column, v, scaling))
            moments.append(_moments(_kind(column), _through(v, *np.array(lines[-1]).T)))
        centres, spreads = zip(*moments, strict=True) if moments else ((), ())
        return cls((len(columns),), schema, tuple(lines), tuple(centres), tuple(spreads))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The modelled columns."""
        return self.schema.modelled

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What networks and likelihoods must know of them."""
        return tuple(
            Variable(_kind(column), len(column.categories), centre, spread)
            for column, centre, spread in zip(self.columns, self.centres, self.spreads, strict=True)
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
        seen = []
        for i, column in enumerate(self.columns):
            cell = x[..., i]
            if _dequantised(column):
                v, s = np.array(self.knots[i], np.float32).T
                step = np.float32(column.step)
                cell = _through(_through(cell, s, v, xp) + step * (u[..., i] - 0.5), v, s, xp)
            seen.append(cell)
        return xp.stack(seen, axis=-1).astype(x.dtype)

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
        lines = [np.array(line).T for line in self.knots]
        return np.stack([_through(v, *line) for v, line in zip(values.T, lines, strict=True)], axis=-1)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """Numbers and codes (..., D), float64, not rounded or clipped."""
        x = np.asarray(x, np.float64)
        lines = [np.array(line).T[::-1] for line in self.knots]
        return np.stack([_through(x[..., i], *line) for i, line in enumerate(lines)], axis=-1)

    def inverse_scale(self, sd: np.ndarray) -> np.ndarray:
        """By the mean slope of each column's line."""
        ends = np.array([(line[0], line[-1]) for line in self.knots])
        return np.asarray(sd) * (ends[:, 1, 0] - ends[:, 0, 0]) / (ends[:, 1, 1] - ends[:, 0, 1])

    @classmethod
    def from_entries(cls, entries: dict[str, Any]) -> Cells:
        """The transform with these saved entries.

        Raises: DataError, RunError where they are not its own.
        """
        wanted = {"shape", "schema", "knots", "centres", "spreads"}
        if entries.keys() != wanted:
            raise DataError(f"expected the entries {', '.join(sorted(wanted))}, found {', '.join(entries)}")
        try:
            knots = tuple(tuple((float(v), float(x)) for v, x in line) for line in entries["knots"])
            shape, centres, spreads = (
                tuple(float(number) for number in entries[name]) for name in ("shape", "centres", "spreads")
            )
        except (TypeError, ValueError) as problem:
            raise DataError(f"expected numbers, found others ({problem})") from None
        schema = Schema.from_dict(entries["schema"])
        return cls(tuple(int(side) for side in shape), schema, knots, centres, spreads)

    def to_dict(self) -> dict[str, Any]:
        """Everything needed to build the transform again, ready for JSON."""
        return super().to_dict() | {
            "schema": self.schema.to_dict(),
            "knots": [[list(knot) for knot in line] for line in self.knots],
        }


def _kind(column: Column) -> Kind:
    # A date is a number of days; what is left out has no variable.
    return "real" if column.type == "date" else column.type  # pyright: ignore[reportReturnType]


def _has_density(column: Column) -> bool:
    return column.type in ("real", "date", "positive", "proportion")


def _dequantised(column: Column) -> bool:
    return column.step > 0 and _has_density(column)


def _line(column: Column, v: np.ndarray, scaling: Scaling) -> tuple[tuple[float, float], ...]:
    """Where values v of a column go, as (v, x) knots of a broken line."""
    if column.type in ("count", *CODED):
        return (0.0, 0.0), (1.0, 1.0)
    if column.type == "proportion":
        return (0.0, EDGE), (1.0, 1.0 - EDGE)
    if column.type == "positive":
        return (0.0, 0.0), (float(np.exp(np.log(np.maximum(v, np.finfo(np.float64).tiny)).mean())), 1.0)
    mean, sd = float(v.mean()), float(v.std())
    if not np.isfinite(sd):
        raise DataError(f"numbers are too large for their variance in column {column.name}; rescale it")
    if sd == 0:
        return (mean, 0.0), (mean + 1.0, 1.0)
    if scaling == "quantile" or (scaling == "auto" and _is_odd((v - mean) / sd)):
        return _quantiles(v, column.step)
    return (mean - sd, -1.0), (mean + sd, 1.0)


def _is_odd(standardised: np.ndarray) -> bool:
    return bool((standardised**4).mean() - 3 > HEAVY or abs((standardised**3).mean()) > SKEW)


def _quantiles(v: np.ndarray, step: float) -> tuple[tuple[float, float], ...]:
    """The broken line from quantiles (of steps, their edges) to those of a normal distribution."""
    from scipy.special import ndtri

    n = len(v)
    if step:
        # Knots between values, so that all of a value's mass is in its own stretch.
        values, counts = np.unique(v, return_counts=True)
        edges = np.concatenate(
            [values[:1] - step / 2, (values[1:] + values[:-1]) / 2, values[-1:] + step / 2]
        )
        below = np.concatenate([[0], np.cumsum(counts)]) / n
    else:
        below = np.linspace(0, 1, KNOTS + 1)
        edges = np.quantile(v, below)
    x = ndtri(np.clip(below, 0.5 / n, 1 - 0.5 / n))
    keep = _apart(edges, x)
    return tuple((float(a), float(b)) for a, b in zip(edges[keep], x[keep], strict=True))


def _apart(edges: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Which knots to keep: the ends, and between them those that are neither too near nor too many."""
    least_x = (x[-1] - x[0]) / (2 * KNOTS)
    least_v = 1e-6 * (edges[-1] - edges[0])
    kept = [0]
    for i in range(1, len(x) - 1):
        far = x[i] - x[kept[-1]] >= least_x and edges[i] - edges[kept[-1]] > least_v
        if far and x[-1] - x[i] >= least_x and edges[-1] - edges[i] > least_v:
            kept.append(i)
    return np.array([*kept, len(x) - 1])


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


def _through(at: Any, given: np.ndarray, to: np.ndarray, xp: Any = np) -> Any:
    """The broken line through (given, to), straight on beyond its ends."""
    inside = xp.interp(at, given, to)
    first, last = (to[1] - to[0]) / (given[1] - given[0]), (to[-1] - to[-2]) / (given[-1] - given[-2])
    below = xp.where(at < given[0], first * (at - given[0]), 0.0)
    above = xp.where(at > given[-1], last * (at - given[-1]), 0.0)
    # NaN stays NaN: a missing cell.
    return xp.where(xp.isnan(at), at, inside + below + above)


def _increasing(line: tuple[tuple[float, float], ...]) -> bool:
    points = np.array(line)
    return bool(np.isfinite(points).all() and (np.diff(points, axis=0) > 0).all())
