"""One look at every row: moments, a sample, the rows held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from .stream import Stream

# Rows of the sample that settles what needs rows: so many numbers, but at least so many rows.
SAMPLE_CELLS, FEWEST_ROWS = 1 << 21, 2048


@dataclass(frozen=True, eq=False)
class Moments:
    """Of all training rows, in float64: of each column least, greatest, mean and sd (divisor N)."""

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


@dataclass(frozen=True, eq=False)
class Whole:
    """All training rows where they do not fit in memory: stretches (k, 2) of a stream's rows.

    `sampled` and `held_out` are the numbers of the rows in the sample and of those held out. `moments` is
    None of typed columns, whose scales are those of the sample.
    """

    stream: Stream
    stretches: np.ndarray
    sampled: np.ndarray
    held_out: np.ndarray
    moments: Moments | None = None

    @property
    def n(self) -> int:
        """How many training rows there are."""
        return int((self.stretches[:, 1] - self.stretches[:, 0]).sum())


class Surveyed(NamedTuple):
    """A sample of the training rows, in their order, that knows of all of them; the rows held out."""

    sample: Dataset
    held_out: Dataset | None


def survey(
    stream: Stream,
    held_out: np.ndarray,
    *,
    seed: int,
    most: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Surveyed:
    """Read all rows once, those in the stretches `held_out` (k, 2), in order, for validation.

    The sample has `most` rows at most (None: two million numbers).

    Raises: DataError naming the first row that cannot be used.
    """
    stretches = _rest(stream.n, held_out)
    most = most or max(SAMPLE_CELLS // stream.dim, FEWEST_ROWS)
    whole = Whole(stream, stretches, _drawn(stretches, most, seed, str(stream.path)), _numbers(held_out))
    wanted = whole.sampled, whole.held_out
    picked, striking, sums = ([], []), [], _Sums()
    for start, stop in stream.blocks():
        if progress is not None:
            progress(start, stream.n)
        part = stream.part(start, stop)
        for found, rows in zip(picked, wanted, strict=True):
            inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
            if len(inside) or not found:
                found.append(stream.picked(part, inside - start))
        if (some := stream.striking(part)) is not None:
            striking.append(some)
        if (numbers := stream.numbers(part)) is not None:
            for one, end in _inside(whole.stretches, start, stop):
                sums.add(numbers[one - start : end - start])
    if progress is not None:
        progress(stream.n, stream.n)
    if sums.n and stream.settle(*sums.outline):
        return survey(stream, held_out, seed=seed, most=most, progress=progress)
    sample, held = stream.joined(picked, striking)
    whole = replace(whole, moments=sums.moments() if sums.n else None)
    return Surveyed(replace(sample, whole=whole), held if held.n else None)


class _Sums:
    """Running moments of columns, about the first block's means, so that little is lost to rounding."""

    def __init__(self) -> None:
        self.n, self.whole = 0, True
        self.low = self.high = self.about = self.first = self.second = np.zeros(0)

    def add(self, values: np.ndarray) -> None:
        if not self.n:
            self.low, self.high = values.min(0), values.max(0)
            self.about = values.mean(0, dtype=np.float64)
            self.first = self.second = np.zeros(values.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            apart = values - self.about
            self.first = self.first + apart.sum(0)
            self.second = self.second + np.einsum("ij,ij->j", apart, apart)
        self.low, self.high = np.minimum(self.low, values.min(0)), np.maximum(self.high, values.max(0))
        self.whole = self.whole and (values.dtype.kind in "ui" or bool((values == np.floor(values)).all()))
        self.n += len(values)

    @property
    def outline(self) -> tuple[float, float, bool]:
        """Least and greatest value, and whether all are whole numbers."""
        return float(self.low.min()), float(self.high.max()), self.whole

    def moments(self) -> Moments:
        with np.errstate(over="ignore", invalid="ignore"):
            shift = self.first / self.n
            variance = np.maximum(self.second / self.n - shift**2, 0.0)
        return Moments(self.low, self.high, self.about + shift, np.sqrt(variance))


def _rest(n: int, held_out: np.ndarray) -> np.ndarray:
    """What lies between stretches.

    >>> _rest(9, np.array([[0, 2], [5, 6]])).tolist()
    [[2, 5], [6, 9]]
    """
    starts, stops = np.append(0, held_out[:, 1]), np.append(held_out[:, 0], n)
    return np.stack([starts, stops], axis=1)[stops > starts]


def _numbers(stretches: np.ndarray) -> np.ndarray:
    return np.concatenate([np.arange(start, stop) for start, stop in stretches] or [np.arange(0)])


def _drawn(stretches: np.ndarray, most: int, seed: int, source: str) -> np.ndarray:
    """The numbers of rows drawn evenly from all stretches, in order; of few rows, all of them."""
    lengths = stretches[:, 1] - stretches[:, 0]
    n = int(lengths.sum())
    if not n:
        raise DataError(f"{source}: expected rows to train on, found none that are not held out")
    if n <= most:
        return _numbers(stretches)
    places = np.sort(np.random.default_rng([seed, 4]).choice(n, most, replace=False))
    before = np.cumsum(lengths) - lengths
    at = np.searchsorted(before, places, side="right") - 1
    return stretches[at, 0] + places - before[at]


def _inside(stretches: np.ndarray, start: int, stop: int) -> Iterator[tuple[int, int]]:
    for one, end in stretches:
        if max(one, start) < min(end, stop):
            yield max(one, start), min(end, stop)
