"""The rows a run is asked about: all in one block where they fit in memory, else block by block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaefit import data
from vaefit.data import Dataset, streams
from vaefit.data.streams import Stream
from vaefit.display import Display
from vaefit.run import Run


class Block(NamedTuple):
    """Some rows as a run takes them, the number of the first one, and a seed that other blocks have not."""

    rows: Dataset
    first: int
    seed: int

    def progress(self, display: Display, what: str, n: int) -> Callable[[int, int], None]:
        """How far work on this block is among all `n` rows."""
        if self.rows.n == n:
            return partial(display.working, what)
        return lambda done, total: display.working(what, self.first + self.rows.n * done // total, n)


@dataclass(frozen=True)
class InMemory:
    """Rows that are all there: one block, which is its own sample."""

    run: Run
    dataset: Dataset

    @property
    def n(self) -> int:
        """How many rows there are."""
        return self.dataset.n

    def read(self, seed: int = 0, *, what: str = "rows") -> Iterator[Block]:  # noqa: ARG002
        """All rows."""
        yield Block(self.dataset, 0, seed)

    def take(self, indices: Sequence[int]) -> Dataset:
        """Rows by their numbers."""
        return self.dataset.take(indices)

    def sample(self, seed: int = 0, most: int | None = None) -> Dataset:
        """All rows, or `most` of them, evenly drawn."""
        if most is None or most >= self.n:
            return self.dataset
        return self.dataset.take(np.sort(np.random.default_rng(seed).choice(self.n, most, replace=False)))


@dataclass(frozen=True)
class Blocks:
    """Rows of a path, block by block."""

    run: Run
    stream: Stream
    display: Display

    @property
    def n(self) -> int:
        """How many rows there are."""
        return self.stream.n

    def read(self, seed: int = 0, *, what: str = "rows", cells: bool = False) -> Iterator[Block]:
        """All rows, read anew; of a table with its cells as they are, where they are needed.

        `what` is what the work on them is called while it goes on.

        Raises:
            DataError: they do not suit the run.
        """
        for number, (start, stop) in enumerate(self.stream.blocks()):
            self.display.working(what, start, self.n)
            rows = self.stream.rows(start, stop, cells=cells)
            if not number:
                for message in rows.notices:
                    self.display.notice(message)
            yield Block(self.run.dataset(rows), start, seed_of(seed, number))
        self.display.working(what, self.n, self.n)

    def take(self, indices: Sequence[int]) -> Dataset:
        """Rows by their numbers.

        Raises:
            DataError: they do not suit the run.
        """
        return self.run.dataset(self.stream.take(indices))

    def sample(self, seed: int = 0, most: int | None = None) -> Dataset:
        """Rows evenly drawn from all of them (all of them, where they are few); one pass.

        Raises:
            DataError: they do not suit the run.
        """
        looking = partial(self.display.working, "looking at rows")
        found = streams.take(self.stream, None, "block", seed, most=most, progress=looking).sample
        for message in found.notices:
            self.display.notice(message)
        return self.run.dataset(found)


def rows_of(run: Run, rows: object, display: Display) -> InMemory | Blocks:
    """Rows as a run takes them, given as an array, a frame, a path, a data set, or rows for some run.

    Those of a path are read block by block where they are not to be in memory all at once.

    Raises:
        DataError: they are of another size or scale than those fitted.
    """
    if isinstance(rows, str | Path):
        size, schema = run.image_size if run.settings.size else None, data.schema_of(run.transform)
        return held(run, rows, display, size=size, grayscale=run.grayscale, schema=schema)
    if isinstance(rows, Blocks):
        return replace(rows, run=run)
    return InMemory(run, run.dataset(rows.dataset if isinstance(rows, InMemory) else rows))


def held(run: Run, path: str | Path, display: Display, **how: Any) -> InMemory | Blocks:
    """The rows of a path, block by block where they are not to be in memory all at once.

    `how` is that of `data.read`; what there is to say of rows in memory is shown.

    Raises:
        DataError: they cannot be read, or do not suit the run.
    """
    source = data.Source(path, **how, progress=display.reading)
    blocks = _blocks_of(run, source.open(), display)
    if blocks is not None:
        return blocks
    dataset = source.read()
    for message in dataset.notices:
        display.notice(message)
    return InMemory(run, run.dataset(dataset))


def _blocks_of(run: Run, stream: Stream | None, display: Display) -> Blocks | None:
    """Blocks where the run's own rows were not in memory, or where there are too many."""
    if stream is None or not (run.settings.stream or streams.exceeds_memory(stream)):
        return None
    stream = stream.prepared(display.reading)
    stream.be_like(getattr(run.transform, "levels", None))
    return Blocks(run, stream, display) if stream.ready else None


def sampled(blocks: Blocks, seed: int = 0, most: int | None = None) -> Dataset:
    """Rows evenly drawn from all of them, with a notice of how many.

    Raises:
        DataError: they do not suit the run.
    """
    found = blocks.sample(seed, most)
    if found.n < blocks.n:
        blocks.display.notice(
            f"{found.n:,} of {blocks.n:,} rows were looked at, evenly drawn from all of them"
        )
    return found


def seed_of(seed: int, number: int) -> int:
    """The seed of a block: of the first the seed itself, of the others one that follows from it.

    >>> seed_of(3, 0), seed_of(3, 1) != seed_of(3, 2)
    (3, True)
    """
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) if number else seed
