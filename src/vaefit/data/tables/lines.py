"""Increasing broken lines from a column's numbers to network scale, and the values that are spikes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ...errors import DataError
from .column import CODED, Column

Scaling = Literal["auto", "standardise", "quantile"]
# (v, x) from which the line goes straight to the next.
Line = tuple[tuple[float, float], ...]

# Standardised columns with tails beyond a Gaussian's by this much, or so skew, go through quantiles.
HEAVY, SKEW = 6.0, 2.0
KNOTS = 32
# Proportions of exactly 0 or 1 have no density under a beta: all are drawn in by this.
EDGE = 1e-3
# A spike comes at least so often, in share and rows, and so many times as often as a step around it.
SPIKE_SHARE, SPIKE_ROWS, SPIKE_TIMES = 0.005, 20, 3.0
# Around: the nearest other rows to either side, this share of all.
AROUND = 0.05
# Of a column of so few values all that come so often are spikes.
MOST_SPIKES = 32


def common_values(v: np.ndarray, step: float) -> np.ndarray:
    """The values on a grid that come far more often than those around them, ascending; none without a grid.

    Where there are few values, all those that come often.

    >>> common_values(np.array([0.0] * 30 + list(range(10, 40))), 1.0)
    array([0.])
    """
    if not step:
        return np.empty(0)
    values, counts = np.unique(v, return_counts=True)
    often = np.flatnonzero(counts >= max(SPIKE_ROWS, SPIKE_SHARE * len(v)))
    spikes = often
    if len(values) > MOST_SPIKES:
        others = [_others_in_a_step(values, counts, int(i), step, AROUND * len(v)) for i in often]
        spikes = often[counts[often] >= SPIKE_TIMES * np.array(others)]
    return np.sort(values[spikes[np.argsort(-counts[spikes], kind="stable")][:MOST_SPIKES]])


def _others_in_a_step(values: np.ndarray, counts: np.ndarray, i: int, step: float, rows: float) -> float:
    """How many rows a step around value i has, without its own, by the nearest `rows` to either side."""
    found = steps = 0.0
    for side, order in ((slice(i + 1, None), 1), (slice(i), -1)):
        near, near_counts = values[side][::order], counts[side][::order]
        if len(near):
            last = min(int(np.searchsorted(np.cumsum(near_counts), rows)), len(near) - 1)
            found += float(near_counts[: last + 1].sum())
            steps += abs(near[last] - values[i]) / step
    return found / steps if steps else 0.0


def line_of(column: Column, v: np.ndarray, scaling: Scaling) -> Line:
    """Where values v of a column go."""
    if column.type in ("count", *CODED):
        return (0.0, 0.0), (1.0, 1.0)
    if column.type == "proportion":
        return (0.0, EDGE), (1.0, 1.0 - EDGE)
    if column.type == "positive":
        return (0.0, 0.0), (float(np.exp(np.log(np.maximum(v, np.finfo(np.float64).tiny)).mean())), 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(v.mean()), float(v.std())
    if not np.isfinite(sd):
        raise DataError(f"numbers are too large for their variance in column {column.name}; rescale it")
    if sd == 0:
        return (mean, 0.0), (mean + 1.0, 1.0)
    if scaling == "quantile" or (scaling == "auto" and _is_odd((v - mean) / sd)):
        return _quantiles(v, column.step)
    return (mean - sd, -1.0), (mean + sd, 1.0)


def through(at: Any, given: np.ndarray, to: np.ndarray) -> Any:
    """The broken line through (given, to), straight on beyond its ends."""
    return Lines.of([(given, to)]).through(np.asarray(at)[..., None])[..., 0]


class Lines(NamedTuple):
    """Broken lines side by side, one for each column; those of fewer knots go on with the last one's place.

    >>> at = np.arange(3.0)
    >>> lines = Lines.of([(at[:2], 2 * at[:2]), (at, at**2)])
    >>> lines.through(np.array([0.5, 1.5])).tolist(), lines.through(np.array([-1.0, 3.0])).tolist()
    ([1.0, 2.5], [-2.0, 7.0])
    """

    given: np.ndarray  # (lines, knots)
    to: np.ndarray
    last: np.ndarray  # (lines,): the last knot of each

    @classmethod
    def of(cls, lines: Sequence[tuple[np.ndarray, np.ndarray]]) -> Lines:
        """From the knots of each, given and to."""
        last = np.array([len(given) - 1 for given, _ in lines])
        knots = np.minimum(np.arange(last.max() + 1), last[:, None])
        given, to = (
            np.stack([line[end][at] for line, at in zip(lines, knots, strict=True)]) for end in (0, 1)
        )
        return cls(given, to, last)

    def through(self, at: Any) -> Any:
        """Columns of numbers (..., lines), each through its line and straight on beyond its ends."""
        xp = at.__array_namespace__()
        if xp is np:
            return self._column_by_column(at)
        given, to = self.given, self.to
        top, before = given[:, -1], (np.arange(len(self.last)), self.last - 1)
        first = (to[:, 1] - to[:, 0]) / (given[:, 1] - given[:, 0])
        beyond = (to[:, -1] - to[before]) / (top - given[before])
        below = xp.where(at < given[:, 0], first * (at - given[:, 0]), 0.0)
        above = xp.where(at > top, beyond * (at - top), 0.0)
        # NaN stays NaN: a missing cell.
        return xp.where(xp.isnan(at), at, self._inside(at, xp) + below + above)

    def _column_by_column(self, at: np.ndarray) -> np.ndarray:
        """In the processor's caches, and in double precision; a straight line, as most are, in one go."""
        found = np.empty(at.shape)
        for i, last in enumerate(self.last.tolist()):
            x = at[..., i].astype(np.float64)
            given, to = (knots[i, : last + 1].astype(np.float64) for knots in (self.given, self.to))
            first, beyond = ((to[j + 1] - to[j]) / (given[j + 1] - given[j]) for j in (0, last - 1))
            if last == 1:
                found[..., i] = to[0] + first * (x - given[0])
                continue
            below = first * np.minimum(x - given[0], 0.0)
            above = beyond * np.maximum(x - given[-1], 0.0)
            found[..., i] = np.interp(x, given, to) + below + above
        return found

    def _inside(self, at: Any, xp: Any) -> Any:
        # The arithmetic of JAX's own, which is a loop for every line, in every step of training.
        right = xp.clip(xp.sum(at[..., None] >= self.given, axis=-1), 1, self.last)
        left = right - 1 + np.arange(len(self.last)) * self.given.shape[1]

        def there(knots: np.ndarray) -> Any:
            return xp.take(xp.asarray(knots.ravel()), left, mode="clip")

        run, rise = (np.diff(knots, axis=1, append=np.inf) for knots in (self.given, self.to))
        inside = there(self.to) + (at - there(self.given)) / there(run) * there(rise)
        inside = xp.where(at < self.given[:, 0], self.to[:, 0], inside)
        return xp.where(at > self.given[:, -1], self.to[:, -1], inside)


def is_increasing(line: Line) -> bool:
    """Whether numbers are finite and all go up."""
    points = np.array(line)
    return bool(np.isfinite(points).all() and (np.diff(points, axis=0) > 0).all())


def _is_odd(standardised: np.ndarray) -> bool:
    return bool((standardised**4).mean() - 3 > HEAVY or abs((standardised**3).mean()) > SKEW)


def _quantiles(v: np.ndarray, step: float) -> Line:
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
