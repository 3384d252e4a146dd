"""What every source of blocks can do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import Dataset

PAGE_BYTES = 1 << 20  # read in one go, enough for a disk to be busy reading rather than seeking
BLOCK_CELLS = 1 << 20  # numbers of a block that is looked at and let go of


class Stream(ABC):
    """Rows of a file or folder, of which any stretch can be read by itself.

    `n` is the number of rows, `shape` that of one; `page` is how many rows are best read together, and rows
    that are at most `gap` apart are best read with those between.
    """

    path: Path
    n: int
    shape: tuple[int, ...]
    page: int
    gap: int = 0

    @property
    def dim(self) -> int:
        """Number of variables in a row."""
        return math.prod(self.shape)

    @property
    def ready(self) -> bool:
        """Whether rows can be read as they are, without a survey of all of them."""
        return True

    @property
    def bytes_in_memory(self) -> int:
        """What its rows would take: as they are, as the network's, and on the device."""
        return 3 * 4 * self.n * self.dim

    def prepared(self, progress: Callable[[int, int], None] | None = None) -> Stream:  # noqa: ARG002
        """The stream whose rows can be read; what it takes to get there is done now.

        Raises: DataError.
        """
        return self

    def whole(self) -> Dataset | None:
        """All rows in memory, where opening has done a part of reading them; None: their reader reads them.

        Raises: DataError.
        """
        return None

    @abstractmethod
    def rows(self, start: int, stop: int, *, cells: bool = False) -> Dataset:
        """These rows as a data set; of a table with its own cells, where they are needed.

        Raises: DataError where they cannot be read, or are not like the others.
        """

    def values(self, start: int, stop: int) -> np.ndarray:
        """The values of these rows, as a transform takes them.

        Raises: DataError.
        """
        return self.rows(start, stop).values

    def be_like(self, levels: int | None) -> None:  # noqa: ARG002
        """Read numbers as those that were fitted, pixels of so many levels (None: none)."""
        return

    def take(self, indices: Sequence[int]) -> Dataset:
        """The rows of these numbers, in that order; of a table without its own cells.

        Raises: DataError.
        """
        return stacked([self.rows(index, index + 1) for index in indices])

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Where blocks of whole pages begin and end, from the first row to the last."""
        step = self.page * max(1, BLOCK_CELLS // self.dim // self.page)
        for start in range(0, self.n, step):
            yield start, min(start + step, self.n)

    # A survey of all rows goes part by part; what a part is, is the stream's own business.

    def part(self, start: int, stop: int) -> Any:
        """These rows, to be surveyed."""
        return self.rows(start, stop)

    def picked(self, part: Any, indices: np.ndarray) -> Any:
        """Some rows of a part."""
        return part.take(indices)

    def numbers(self, part: Any) -> np.ndarray | None:
        """What moments are taken of; None where columns have types."""
        return part.values

    def striking(self, part: Any) -> Any:  # noqa: ARG002
        """Rows of a part that types of columns should know of; None: there are none."""
        return None

    def joined(self, groups: Sequence[Sequence[Any]], striking: Sequence[Any]) -> list[Dataset]:  # noqa: ARG002
        """Each group of parts as one data set, of one schema, which knows of the striking rows."""
        return [stacked(parts) for parts in groups]

    def settle(self, low: float, high: float, whole: bool) -> bool:  # noqa: ARG002
        """Whether rows are something else after a look at all values: their ends, and if all are whole."""
        return False


def stacked(parts: Sequence[Dataset]) -> Dataset:
    """Rows of one kind, one below the other; of a table without its own cells."""
    first = parts[0]
    return replace(
        first,
        values=np.concatenate([part.values for part in parts]),
        table=None,
        names=_chained([part.names for part in parts]),
        labels=_chained([part.labels for part in parts]),
        notices=tuple(dict.fromkeys(message for part in parts for message in part.notices)),
        resized=any(part.resized for part in parts),
    )


def _chained(found: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    return None if found[0] is None else tuple(name for some in found for name in some or ())
