"""Which rows come when: blocks of rows in a shuffled order, mixed within a window of many blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# Of a window at float32, on the device; a few of them are in memory at a time.
WINDOW_BYTES = 1 << 26


class Window(NamedTuple):
    """Rows that are on the device together: stretches (k, 2) of rows, and the seed of their order."""

    number: int
    stretches: np.ndarray
    n: int
    seed: tuple[int, ...] | None  # None: in the order in which they lie

    def numbers(self) -> np.ndarray:
        """The number of each row, as they lie in the window."""
        return np.concatenate([np.arange(start, stop) for start, stop in self.stretches])

    def order(self) -> np.ndarray:
        """Which of the rows comes when."""
        return (
            np.arange(self.n) if self.seed is None else np.random.default_rng(self.seed).permutation(self.n)
        )


def window_rows(n: int, dim: int, batch_size: int) -> int:
    """Rows in a window: whole batches, no more than there are rows.

    >>> window_rows(1000, 50, 100), window_rows(250, 50, 100), window_rows(10**9, 2**20, 100)
    (1000, 300, 100)
    """
    most = max(1, WINDOW_BYTES // (4 * dim * batch_size))
    return batch_size * min(most, -(-n // batch_size))


def pages(stretches: np.ndarray, size: int) -> np.ndarray:
    """Stretches of rows cut into pages of at most `size`.

    >>> pages(np.array([[0, 5], [7, 9]]), 3).tolist()
    [[0, 3], [3, 5], [7, 9]]
    """
    starts = np.concatenate([np.arange(start, stop, size) for start, stop in stretches])
    ends = np.repeat(stretches[:, 1], [-(-(stop - start) // size) for start, stop in stretches])
    return np.stack([starts, np.minimum(starts + size, ends)], axis=1)


def windows(
    stretches: np.ndarray, page: int, size: int, *, shuffle: bool, seed: int, epoch: int, first: int = 0
) -> Iterator[Window]:
    """An epoch's windows of `size` rows (the last one shorter), from the `first` on.

    Every row comes exactly once. The order is a function of seed and epoch alone, so that an epoch taken up
    at any window is the same epoch.

    >>> [w.numbers()[w.order()].tolist() for w in windows(
    ...     np.array([[0, 7]]), 2, 4, shuffle=False, seed=0, epoch=0)]
    [[0, 1, 2, 3], [4, 5, 6]]
    """
    found = pages(stretches, page)
    if shuffle:
        found = found[np.random.default_rng([seed, 2, epoch]).permutation(len(found))]
    ends = np.cumsum(found[:, 1] - found[:, 0])
    for number in range(first, -(-int(ends[-1]) // size)):
        inside = _cut(found, ends, number * size, min((number + 1) * size, int(ends[-1])))
        count = int((inside[:, 1] - inside[:, 0]).sum())
        yield Window(number, inside, count, (seed, 3, epoch, number) if shuffle else None)


def neighbours(
    stretches: np.ndarray, within: range, most: int, gap: int = 0
) -> Iterator[list[tuple[int, int, int]]]:
    """What of the stretches is at the places `within`, as (start, stop, place from its first on).

    Those that lie side by side in the data, or at most `gap` rows apart, come together, from the first to the
    last up to `most` rows: they are best read at once.

    >>> list(neighbours(np.array([[4, 6], [0, 2], [2, 4]]), range(1, 6), 4))
    [[(0, 2, 1), (2, 4, 3)], [(5, 6, 0)]]
    >>> list(neighbours(np.array([[4, 6], [0, 2], [2, 4]]), range(1, 6), 6, gap=1))
    [[(0, 2, 1), (2, 4, 3), (5, 6, 0)]]
    """
    ends = np.cumsum(stretches[:, 1] - stretches[:, 0])
    shift = stretches[:, 1] - ends
    first = np.maximum(stretches[:, 0] - shift, within.start)
    last = np.minimum(ends, within.stop)
    inside = np.stack([first + shift, last + shift, first - within.start], axis=1)[first < last]
    together: list[tuple[int, int, int]] = []
    for start, stop, at in inside[np.argsort(inside[:, 0])].tolist():
        if together and (start - together[-1][1] > gap or stop - together[0][0] > most):
            yield together
            together = []
        together.append((start, stop, at))
    if together:
        yield together


def _cut(found: np.ndarray, ends: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The pages, or parts of them, between two places of the epoch."""
    one = int(np.searchsorted(ends, start, side="right"))
    last = int(np.searchsorted(ends, stop, side="left"))
    inside = found[one : last + 1].copy()
    inside[-1, 1] -= ends[last] - stop
    inside[0, 0] = found[one, 1] - (ends[one] - start)
    return inside
