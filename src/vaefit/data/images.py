"""Many image files as one data set: decoded, checked against the first one, stacked into rows."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..errors import DataError, ShapeError
from .containers import Container
from .dataset import LEVELS, Dataset
from .decode import Picture, decode, prepare_pillow
from .names import labels_of
from .options import Options
from .select import counted, select_images

BATCH = 128
WORTH_A_THREAD = (
    8192  # bytes a file: below it Python's own work dominates, and threads only wait for each other
)

Loaded = tuple[str, Picture | DataError]


def read_images(container: Container) -> Dataset:
    """All wanted images of a folder or archive as rows, in natural order of their paths.

    Raises: DataError, ShapeError.
    """
    try:
        names, notices = select_images(container)
        with warnings.catch_warnings():
            _tame_pillow()
            rows = _collect(container, names, container.options)
        return rows.dataset(notices)
    finally:
        container.close()


def _tame_pillow() -> None:
    from PIL import Image

    prepare_pillow()
    warnings.filterwarnings("ignore", module="PIL")
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def _collect(container: Container, names: list[str], options: Options) -> _Rows:
    total = min(len(names), options.limit or len(names))
    rows = _Rows(container, total)
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
    count = len(names) if options.skip_bad else min(len(names), options.limit or len(names))
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
        return name, decode(data, container.where(name), grayscale=options.grayscale, size=options.size), size
    except DataError as e:
        if not options.skip_bad:
            raise
        return name, e, size


class _Rows:
    """Rows as they arrive, in memory set aside once the first image has shown how large they are."""

    def __init__(self, container: Container, total: int) -> None:
        self.container = container
        self.total = total
        self.names: list[str] = []
        self.changes: Counter[str] = Counter()
        self.bad: list[DataError] = []
        self.resized = False
        self.values = np.empty((0, 0))
        self.first = np.empty(0)

    def add(self, name: str, picture: Picture | DataError) -> None:
        if isinstance(picture, DataError):
            self.bad.append(picture)
            return
        if not self.names:
            self.first = picture.pixels
            self.values = np.empty((self.total, self.first.size), self.first.dtype)
        self._require_like_first(name, picture.pixels)
        self.values[len(self.names)] = picture.pixels.ravel()
        self.names.append(name)
        self.changes.update(picture.changes)
        self.resized |= picture.resized

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

    def dataset(self, notices: tuple[str, ...]) -> Dataset:
        if not self.names:
            raise DataError(f"{self.bad[0]} (all of {len(self.bad)} images are damaged)")
        values = self.values[: len(self.names)]
        return Dataset(
            values=values,
            shape=self.first.shape,
            levels=LEVELS.get(values.dtype),
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
