"""Many image files as one data set: decoded, checked against the first one, stacked into rows."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from vaefit.wording import counted

from ..errors import DataError, ShapeError
from .containers import Container
from .dataset import LEVELS, Dataset
from .decode import Picture, decode, prepare_pillow
from .names import labels_of
from .options import MOST_DAMAGED, Options
from .select import select_images

BATCH = 128
PEEKED = 20  # images that are tried until one shows how large they are
WORTH_A_THREAD = (
    8192  # bytes a file: below it Python's own work dominates, and threads only wait for each other
)

Loaded = tuple[str, Picture | DataError]


def read_images(container: Container) -> Dataset:
    """All wanted images of a folder or archive as rows, in natural order of their paths.

    Raises: DataError, ShapeError.
    """
    try:
        return read_selected(container, *select_images(container))
    finally:
        container.close()


def read_selected(container: Container, names: list[str], notices: tuple[str, ...]) -> Dataset:
    """These images as rows, with these notices about other files.

    Raises: DataError, ShapeError.
    """
    values = _InMemory(container.wanted(names))
    return collect(container, names, values.put).dataset(values.found(), notices)


class _InMemory:
    """Rows in memory set aside once the first image has shown how large they are."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._values = total, 0, np.empty((0, 0))

    def put(self, row: np.ndarray) -> None:
        if not self._done:
            self._values = np.empty((self._total, row.size), row.dtype)
        self._values[self._done] = row
        self._done += 1

    def found(self) -> np.ndarray:
        return self._values[: self._done]


@contextlib.contextmanager
def tamed_pillow() -> Iterator[None]:
    """Pillow with its decoders loaded, quiet but for pictures that are far too large."""
    from PIL import Image

    with warnings.catch_warnings():
        prepare_pillow()
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def collect(container: Container, names: list[str], put: Callable[[np.ndarray], None]) -> Rows:
    """Decode images, on all cores, and `put` away each one's row, in order.

    Raises: DataError, ShapeError.
    """
    with tamed_pillow():
        return _collect(container, names, container.options, put)


def _collect(
    container: Container, names: list[str], options: Options, put: Callable[[np.ndarray], None]
) -> Rows:
    total = container.wanted(names)
    rows = Rows(container, total, put)
    for done, (name, picture) in enumerate(_pictures(container, names, options)):
        if done % BATCH == 0:
            options.tick(len(rows.names), total)
        rows.add(name, picture)
        if len(rows.names) == total:
            break
    options.tick(total, total)
    return rows


def _pictures(container: Container, names: list[str], options: Options) -> Iterator[Loaded]:
    """Each name with its image, or with the error where the user wants to go on after one."""
    count = min(len(names), options.reach or len(names))
    step = min(BATCH, options.limit or BATCH)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, count, step):
            batch = names[start : min(start + step, count)]
            first = _picture(container, batch[0], options)
            run = pool.map if first[2] > WORTH_A_THREAD else map
            yield first[:2]
            yield from (loaded[:2] for loaded in run(lambda n: _picture(container, n, options), batch[1:]))


def _picture(container: Container, name: str, options: Options) -> tuple[str, Picture | DataError, int]:
    """A name, its image or error, and the number of bytes it took."""
    size = 0
    try:
        data = container.load(name)
        size = len(data)
        return name, _decoded(container, name, data), size
    except DataError as e:
        if options.skip_bad is False:
            raise _advised(e) from e.__cause__
        return name, e, size


def _decoded(container: Container, name: str, data: bytes) -> Picture:
    how = container.options
    return decode(data, container.where(name), grayscale=how.grayscale, size=how.size, advice="")


def peek(container: Container, names: list[str]) -> Picture:
    """The first image that is whole; all of them are still to be loaded.

    Raises: DataError where none of the first ones is.
    """
    bad: list[DataError] = []
    with tamed_pillow():
        # With a limit a .tar keeps no files beyond its reach.
        for name in names[: min(PEEKED, container.options.reach or PEEKED)]:
            try:
                return _decoded(container, name, container.look(name))
            except DataError as e:
                bad.append(e)
    raise DataError(f"{bad[0]} (all of {len(bad)} images are damaged)")


def _advised(problem: DataError) -> DataError:
    return DataError(f"{problem}; --skip-bad leaves such files out")


class Rows:
    """What is known of the images whose rows are put away as they arrive."""

    def __init__(self, container: Container, total: int, put: Callable[[np.ndarray], None]) -> None:
        self.container, self.total, self._put = container, total, put
        self.names: list[str] = []
        self.changes: Counter[str] = Counter()
        self.bad: list[DataError] = []
        self.resized = False
        self.first = np.empty(0)

    def add(self, name: str, picture: Picture | DataError) -> None:
        """Take one more image, or the error in its place.

        Raises: DataError where too many are damaged; DataError, ShapeError for one unlike the others.
        """
        if isinstance(picture, DataError):
            self.bad.append(picture)
            self._require_few_bad()
            return
        if not self.names:
            self.first = picture.pixels
        self._require_like_first(name, picture.pixels)
        self._put(picture.pixels.ravel())
        self.names.append(name)
        self.changes.update(picture.changes)
        self.resized |= picture.resized

    def _require_few_bad(self) -> None:
        if self.container.options.skip_bad or len(self.bad) <= MOST_DAMAGED * self.total:
            return
        first = _advised(self.bad[0])
        if len(self.bad) == 1:
            raise first
        raise DataError(
            f"{first}; found {len(self.bad)} damaged ones among the first {len(self.names) + len(self.bad)}, "
            f"and at most {MOST_DAMAGED:.0%} of {self.total} are left out unasked"
        )

    def _require_like_first(self, name: str, pixels: np.ndarray) -> None:
        first = self.first
        if pixels.shape == first.shape and pixels.dtype == first.dtype:
            return
        one, where = self.names[0], self.container.path
        if pixels.ndim != first.ndim:
            raise DataError(
                f"{where}: expected all grey or all colour, found {one} {_colour(first)} and {name} "
                f"{_colour(pixels)}; --grayscale turns all to grey"
            )
        if pixels.dtype != first.dtype:
            raise DataError(
                f"{where}: expected one bit depth, found {one} of {_bits(first)} and {name} of "
                f"{_bits(pixels)}; convert them, or choose with --include"
            )
        raise ShapeError(
            f"{where}: expected images of one size, found {one} of {_size(first)} and {name} of "
            f"{_size(pixels)} (height x width); --size {_size(first)} resizes all"
        )

    def dataset(self, values: np.ndarray, notices: tuple[str, ...]) -> Dataset:
        """The rows, put away as `values`, with all that is known of them.

        Raises: DataError where there are none.
        """
        if not self.names:
            raise DataError(f"{self.bad[0]} (all of {len(self.bad)} images are damaged)")
        return Dataset(
            values=values,
            shape=self.first.shape,
            levels=LEVELS.get(self.first.dtype),
            names=tuple(self.names),
            labels=labels_of(self.names),
            source=str(self.container.path),
            notices=(*notices, *self._notices()),
            resized=self.resized,
        )

    def _notices(self) -> Iterator[str]:
        for change, count in sorted(self.changes.items()):
            yield f"{change} {counted(count, 'image', 'images')}"
        if self.bad:
            yield f"skipped {counted(len(self.bad), 'damaged image', 'damaged images')}, first: {self.bad[0]}"


def _colour(pixels: np.ndarray) -> str:
    return "in RGB" if pixels.ndim == 3 else "in grey"


def _bits(pixels: np.ndarray) -> str:
    return f"{8 * pixels.dtype.itemsize} bits" + (" (float)" if pixels.dtype.kind == "f" else "")


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]}x{pixels.shape[1]}"
