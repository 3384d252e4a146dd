"""Where the rows of an epoch come from: all of them on the device, or a window of them at a time."""

import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from vaefit import devices, processes
from vaefit.backend import out_of_memory
from vaefit.data.streams import Window, neighbours, window_rows, windows
from vaefit.data.streams.survey import Whole

Forward = Callable[[np.ndarray], Float[np.ndarray, "rows variables"]]

# Pages in a window at least, so that rows from places far apart meet in a batch.
FEWEST_PAGES = 8
# Rows that are transformed in one go: what comes in between stays in the processor's caches.
PIECE = 8192


class TooLittleMemory(MemoryError):
    """For a window of rows, in one of the processes; all of them know."""


class Part(NamedTuple):
    """Steps `start` to `stop` of an epoch, and the rows on the device that they take, weights beside them.

    `order` says which row of `data` comes when, -1 being padding; `numbers` gives their numbers in the data.
    """

    start: int
    stop: int
    data: tuple[Float[Array, "rows variables"], Float[Array, " rows"] | None]
    order: Int[Array, " padded"]
    numbers: Callable[[], np.ndarray]


@runtime_checkable
class Rows(Protocol):
    """Rows to train on."""

    def parts(self, epoch: int, first: int) -> Generator[Part, None, None]:
        """The parts of an epoch in order, from that with step `first` on."""
        ...


@dataclass
class Resident:
    """All rows on the device; `order` gives an epoch's order."""

    data: tuple[Float[Array, "rows variables"], Float[Array, " rows"] | None]
    order: Callable[[int], Int[Array, " padded"]]
    steps: int

    def numbers(self) -> np.ndarray:
        """Rows are where they are."""
        return np.arange(len(self.data[0]))

    def parts(self, epoch: int, first: int) -> Generator[Part, None, None]:  # noqa: ARG002
        """All of it at once."""
        yield Part(0, self.steps, self.data, self.order(epoch), self.numbers)


@dataclass
class Streamed:
    """A window of rows on the device at a time, the next one read and brought there meanwhile.

    Rows are drawn in a shuffled order of pages, mixed within a window of many pages: a function of seed and
    epoch alone. `waited` is how many seconds the device has waited for rows.
    """

    whole: Whole
    forward: Forward
    batch_size: int
    shuffle: bool
    seed: int
    mesh: Mesh | None = field(default_factory=devices.mesh)
    waited: float = field(default=0.0, init=False)
    _reading: "Reading | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.batch_size = min(self.batch_size, self.whole.n)
        self.size = window_rows(self.whole.n, self.whole.stream.dim, self.batch_size)
        self.page = min(self.whole.stream.page, max(1, self.size // FEWEST_PAGES))

    def halve(self) -> bool:
        """Take half as many rows to the device at a time from now on; whether that was possible."""
        batches = self._steps
        self.close()
        self.size = self.batch_size * max(1, batches // 2)
        self.page = min(self.page, max(1, self.size // FEWEST_PAGES))
        return batches > 1

    @property
    def nbytes(self) -> int:
        """Memory for windows: one in use, one read ahead, and that one on its way to the device."""
        return 3 * 4 * self.size * self.whole.stream.dim

    @property
    def n(self) -> int:
        """How many rows there are."""
        return self.whole.n

    def parts(self, epoch: int, first: int) -> Generator[Part, None, None]:
        """Windows of the epoch, from that with step `first` on."""
        for number in range(first // self._steps, self._windows):
            yield self._next(epoch * self._windows + number)

    @property
    def _capacity(self) -> int:
        """Rows of a window on the devices, as many on each."""
        parts = 1 if self.mesh is None else self.mesh.size
        return -(-self.size // parts) * parts

    @property
    def _steps(self) -> int:
        """Steps of a window."""
        return self.size // self.batch_size

    @property
    def _windows(self) -> int:
        """Windows of an epoch."""
        return -(-self.n // self.size)

    def close(self) -> None:
        """Read no further."""
        if self._reading is not None:
            self._reading.found.close()
        self._reading = None

    def windows(self, epoch: int) -> Iterator[Window]:
        """Which rows come when in an epoch."""
        how = {"shuffle": self.shuffle, "seed": self.seed, "epoch": epoch}
        return windows(self.whole.stretches, self.page, self.size, **how)

    def _from(self, place: int) -> "Reading":
        """The reading of windows from a place on, epoch after epoch, which may be under way."""
        if self._reading is None or self._reading.place != place:
            # Takes half a second to import.
            from grain import MapDataset, ReadOptions

            self.close()
            windows = lru_cache(maxsize=1)(lambda epoch: list(self.windows(epoch)))

            def read(place: int) -> Part:
                epoch, number = divmod(place, self._windows)
                return self._placed(self.read(windows(epoch)[number]))

            # By their places: grain writes down what it is given, and windows and this are long.
            wanted = MapDataset.range(place, sys.maxsize).map(read)
            ahead = ReadOptions(num_threads=1, prefetch_buffer_size=1)
            self._reading = Reading(place, iter(wanted.to_iter_dataset(ahead)))
        return self._reading

    def _next(self, place: int) -> Part:
        """The window at a place, on the device.

        Raises:
            TooLittleMemory: in this process or another; all of them raise it.
        """
        began, problem, part = time.perf_counter(), None, None
        try:
            reading = self._from(place)
            part = next(reading.found)
            self._reading = reading._replace(place=place + 1)
            self.waited += time.perf_counter() - began
        except (MemoryError, RuntimeError) as raised:
            problem = out_of_memory(raised)
            if problem is None:
                raise
        # Windows are as large in every process, so that all train in step.
        if processes.greatest(int(problem is not None)):
            raise TooLittleMemory(problem or "in another process")
        assert part is not None
        return part

    def _placed(self, read: "Read") -> Part:
        start = read.window.number * self._steps
        stop = start + -(-read.window.n // self.batch_size)
        x = devices.divided_here(self.mesh, read.x, self._capacity)
        return Part(start, stop, (x, None), jnp.asarray(read.order), read.window.numbers)

    def read(self, window: Window) -> "Read":
        """This process's of a window's rows, as the network takes them; as many as all windows have."""
        mine = devices.mine(self.mesh, self._capacity)
        x = np.zeros((len(mine), self.whole.stream.dim), np.float32)
        stream = self.whole.stream
        for together in neighbours(window.stretches, mine, stream.page, stream.gap):
            begin = together[0][0]
            values = stream.values(begin, together[-1][1])
            for start, stop, at in together:
                self._put(values[start - begin : stop - begin], x[at:])
        order = np.pad(window.order(), (0, self.size - window.n), constant_values=-1)
        return Read(window, x, order.astype(np.int32))

    def _put(self, values: np.ndarray, x: Float[np.ndarray, "rows variables"]) -> None:
        for piece in range(0, len(values), PIECE):
            some = values[piece : piece + PIECE]
            x[piece : piece + len(some)] = self.forward(some)


class Reading(NamedTuple):
    """Windows that are read one ahead, and the place of the next one: epochs follow one another."""

    place: int
    found: Any


class Read(NamedTuple):
    """A window's rows, padded, and their order, padded by -1."""

    window: Window
    x: Float[np.ndarray, "rows variables"]
    order: Int[np.ndarray, " rows"]
