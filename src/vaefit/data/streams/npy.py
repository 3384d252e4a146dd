"""Arrays in .npy files, read with plain reads: pages of a memory map would count as memory in use."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..arrays import are_bytes, as_rows, require_numbers, require_rows
from ..dataset import LEVELS, Dataset
from ..names import reason
from ..options import Options
from .stream import PAGE_BYTES, Stream


def open_npy(path: Path, options: Options) -> NpyStream | None:
    """The rows of an array of numbers; None where they do not lie one behind the other, or have types.

    Raises: DataError.
    """
    if options.missing or options.types or options.schema is not None:
        return None
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as e:  # numpy lets errors of Python's own parser through
        raise DataError(
            f"{path}: expected a NumPy array, found a damaged or foreign file ({reason(e)})"
        ) from e
    return NpyStream(path, options, mapped) if mapped.flags.c_contiguous else None


class NpyStream(Stream):
    """Rows of one array; `pixels`: whole numbers of images are 8-bit pixels."""

    def __init__(self, path: Path, options: Options, mapped: np.memmap) -> None:
        require_numbers(mapped, str(path))
        require_rows(mapped, str(path))
        self.path, self._options, self.pixels = path, options, False
        self._dtype, self._row, self._offset = mapped.dtype, mapped.shape[1:], int(mapped.offset)
        self.n = min(mapped.shape[0], options.limit or mapped.shape[0])
        self._bytes = self._dtype.itemsize * math.prod(self._row)
        self.page = max(1, PAGE_BYTES // self._bytes)
        first = self.rows(0, 1)
        self.shape, self._open = first.shape, first.is_image and first.levels is None

    def raw(self, start: int, stop: int) -> np.ndarray:
        """The array's own rows.

        Raises: DataError where the file has changed or is gone.
        """
        count = (stop - start) * math.prod(self._row)
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset + start * self._bytes)
                found = np.fromfile(file, self._dtype, count)
        except OSError as e:
            raise DataError(f"{self.path} can no longer be read: {e.strerror or e}; put it back") from e
        if found.size != count:
            raise DataError(
                f"{self.path}: expected {self.n} rows as before, found fewer; put the whole file back"
            )
        return found.reshape(stop - start, *self._row)

    def rows(self, start: int, stop: int, *, cells: bool = False) -> Dataset:  # noqa: ARG002
        """Checked, and resized or grey if asked."""
        raw = self.raw(start, stop)
        if self.pixels:
            self._require_bytes(raw, start)
        found = as_rows(
            raw,
            size=self._options.size,
            grayscale=self._options.grayscale,
            source=str(self.path),
            first=start,
            pixels=self.pixels,
        )
        return Dataset(
            found.values,
            found.shape,
            levels=LEVELS.get(found.values.dtype),
            source=str(self.path),
            notices=found.notices,
            resized=found.resized,
        )

    def be_like(self, levels: int | None) -> None:
        """Take whole numbers of images as 8-bit pixels, where the fitted ones were."""
        self.pixels = self.pixels or (self._open and levels == LEVELS[np.dtype(np.uint8)])

    def _require_bytes(self, raw: np.ndarray, first: int) -> None:
        outside = np.flatnonzero((raw < 0) | (raw > 255) | (raw != np.floor(raw)))
        if outside.size:
            row, value = first + int(outside[0]) // math.prod(self._row), raw.flat[outside[0]]
            raise DataError(
                f"{self.path}: expected whole numbers from 0 to 255 as in the images fitted, found {value:g} "
                f"in image {row + 1}; convert them first"
            )

    def settle(self, low: float, high: float, whole: bool) -> bool:
        """Whether whole numbers of images turn out to be pixels, as a reader of all rows would see."""
        if self.pixels or not self._open:
            return False
        self.pixels = are_bytes(self._dtype.kind, low, high, whole)
        return self.pixels
