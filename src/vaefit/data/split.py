"""Which rows are for training and which for validation."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from ..errors import DataError, SettingsError
from .dataset import Dataset

By = Literal["block", "random", "group"]
BLOCKS = 5
EXACT_GROUPS = 200  # the search over sums of group sizes keeps one big integer a group


def split(
    dataset: Dataset, fraction: float, by: By = "block", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation row numbers, both sorted; every row is in exactly one of them.

    `block` takes about five blocks of consecutive rows (neighbouring files are often near-copies, and a
    random split would hide over-fitting), `random` takes single rows, `group` takes whole labels (folders).

    Raises: DataError for fewer than two rows or, by group, fewer than two labels; SettingsError for a
    fraction outside [0, 1) or an unknown `by`.

    >>> train, validation = split(Dataset.from_array(np.eye(10)), 0.3, "block", seed=0)
    >>> len(train), len(validation)
    (7, 3)
    """
    _check(dataset, fraction, by)
    rng = np.random.default_rng(seed)
    n = dataset.n
    if fraction == 0:
        return np.arange(n), np.arange(0)
    wanted = min(max(1, round(fraction * n)), n - 1)
    chosen = {"block": _blocks, "random": _random, "group": _groups}[by](dataset, wanted, rng)
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _check(dataset: Dataset, fraction: float, by: str) -> None:
    if by not in get_args(By):
        raise SettingsError(f"expected a split by one of {', '.join(get_args(By))}, found '{by}'")
    if not 0 <= fraction < 1:
        raise SettingsError(f"expected a validation fraction of at least 0 and below 1, found {fraction}")
    if fraction > 0 and dataset.n < 2:
        raise DataError(
            f"{dataset.source}: expected at least 2 rows to keep some for validation, found {dataset.n}; "
            "give more rows or a validation fraction of 0"
        )


def _random(dataset: Dataset, wanted: int, rng: np.random.Generator) -> np.ndarray:
    return _mask(dataset.n, rng.permutation(dataset.n)[:wanted])


def _blocks(dataset: Dataset, wanted: int, rng: np.random.Generator) -> np.ndarray:
    found = blocks(dataset.n, wanted, rng)
    return _mask(dataset.n, np.concatenate([np.arange(start, stop) for start, stop in found]))


def blocks(n: int, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Where the blocks of `wanted` rows of `n` begin and end: (blocks, 2).

    There is one block in each of equal stretches of the rows, all at the same random offset.
    """
    count = min(BLOCKS, wanted)
    stretches, sizes = _shares(n, count), _shares(wanted, count)
    starts = np.cumsum(stretches) - stretches
    first = starts + (rng.random() * (stretches - sizes + 1)).astype(int)
    return np.stack([first, first + sizes], axis=1)


def _shares(total: int, count: int) -> np.ndarray:
    return total // count + (np.arange(count) < total % count)


def _groups(dataset: Dataset, wanted: int, rng: np.random.Generator) -> np.ndarray:
    if dataset.labels is None or len(set(dataset.labels)) < 2:
        raise DataError(
            f"{dataset.source}: expected at least two labels (folders) to split by group, found "
            f"{len(set(dataset.labels or ()))}; split by block instead"
        )
    groups, sizes = np.unique(np.asarray(dataset.labels), return_counts=True)
    order = rng.permutation(len(groups))
    chosen = order[_closest_sum([int(s) for s in sizes[order]], wanted)]
    return np.isin(np.asarray(dataset.labels), groups[chosen])


def _closest_sum(sizes: list[int], wanted: int) -> list[int]:
    """Positions of some, not all, `sizes` whose sum comes closest to `wanted`."""
    head, taken = _fill(sizes[:-EXACT_GROUPS], wanted)
    first = max(0, len(sizes) - EXACT_GROUPS)
    reach = [1]  # bit s of reach[i]: the first i of the last sizes have a subset of sum s
    for size in sizes[first:]:
        reach.append(reach[-1] | reach[-1] << size)
    allowed = [s for s in _bits(reach[-1]) if 0 < s + taken < sum(sizes)]
    rest = min(allowed, key=lambda s: (abs(s + taken - wanted), s))
    for i in reversed(range(len(reach) - 1)):
        if not reach[i] >> rest & 1:
            head.append(first + i)
            rest -= sizes[first + i]
    return head


def _fill(sizes: list[int], wanted: int) -> tuple[list[int], int]:
    chosen, taken = [], 0
    for i, size in enumerate(sizes):
        if taken + size <= wanted:
            chosen.append(i)
            taken += size
    return chosen, taken


def _bits(number: int) -> list[int]:
    return [i for i, bit in enumerate(reversed(f"{number:b}")) if bit == "1"]


def _mask(n: int, rows: np.ndarray) -> np.ndarray:
    chosen = np.zeros(n, dtype=bool)
    chosen[rows] = True
    return chosen
