"""Any array of numbers as rows: which shapes and types are taken, and as what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import DataError, ShapeError
from .names import reason

CHUNK = 1 << 22  # numbers looked at in one go, so that a memory-mapped file is never all in memory


class Rows(NamedTuple):
    """Values (rows, variables), the shape of one row, what to tell, and whether images were resampled."""

    values: np.ndarray
    shape: tuple[int, ...]
    notices: tuple[str, ...] = ()
    resized: bool = False


def as_rows(
    array: object,
    *,
    size: tuple[int, int] | None = None,
    grayscale: bool = False,
    limit: int | None = None,
    columns: Sequence[str] | None = None,
    source: str = "array",
    first: int = 0,
    pixels: bool | None = None,
) -> Rows:
    """An array as rows of finite uint8, uint16, float32 or float64 values.

    `first` is the number of the first row, for messages; `pixels` says whether whole numbers of images are
    8-bit pixels (None: by these values).

    Raises: ShapeError, DataError.

    >>> as_rows(np.zeros((5, 4, 3, 1))).shape
    (4, 3)
    """
    values = _array(array, source)
    require_numbers(values, source)
    require_rows(values, source)
    values = values[:limit]
    images = _as_images(values, size, source)
    if images is None:
        numbers = _plain(values)
        require_finite(numbers, source=source, columns=columns, first=first)
        return Rows(np.ascontiguousarray(numbers), values.shape[1:])
    require_finite(images.reshape(len(images), -1), source=source, columns=columns, first=first)
    found, notices = _as_pixels(images, pixels)
    sized = _resized(_greyed(found, grayscale), size)
    return _rows_of(sized, notices, resized=sized.shape[1:3] != images.shape[1:3])


def chunks(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Consecutive rows of a few megabytes each, with the number of their first row."""
    step = max(1, CHUNK // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        yield start, np.asarray(values[start : start + step])


def require_finite(
    values: np.ndarray, *, source: str, columns: Sequence[str] | None = None, first: int = 0
) -> None:
    """Refuse values (rows, variables) with a NaN or an infinity among them.

    Raises: DataError naming the first such row and column, counted from 1.
    """
    if values.dtype.kind != "f":
        return
    for start, chunk in chunks(values):
        bad = ~np.isfinite(chunk)
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            advice = (
                "fit with --missing if NaN are missing cells"
                if np.isnan(chunk[row, column])
                else "remove such cells or fill them in"
            )
            place = f"column {column + 1}" if columns is None else f"column '{columns[column]}'"
            raise DataError(
                f"{source}: expected finite numbers, found {chunk[row, column]} in row "
                f"{first + start + row + 1}, {place}; {advice}"
            )


def _array(array: object, source: str) -> np.ndarray:
    try:
        return array if isinstance(array, np.ndarray) else np.asarray(array)
    except (ValueError, TypeError) as e:
        raise DataError(f"{source}: expected rows of equally many numbers ({reason(e)})") from e


def require_numbers(values: np.ndarray, source: str) -> None:
    """Refuse anything but real numbers.

    Raises: DataError.
    """
    if values.dtype.kind == "O":
        raise DataError(f"{source}: expected numbers, found Python objects (text or mixed types?)")
    if values.dtype.kind not in "buif":
        raise DataError(f"{source}: expected an array of real numbers, found values of type {values.dtype}")


def require_rows(values: np.ndarray, source: str) -> None:
    """Refuse arrays of other shapes than rows or images have.

    Raises: ShapeError, DataError.
    """
    if values.ndim < 2:
        raise ShapeError(
            f"{source}: expected rows of numbers (N, D) or images (N, H, W), found an array of shape "
            f"{values.shape}; a single column is written (N, 1), and labels are not data"
        )
    if values.size == 0:
        raise DataError(f"{source}: expected at least one row and one column, found shape {values.shape}")
    if values.ndim > 4 or (values.ndim == 4 and values.shape[3] not in (1, 3)):
        raise ShapeError(
            f"{source}: expected images (N, H, W), (N, H, W, 1) or (N, H, W, 3), found shape {values.shape}"
            + ("; move the channels to the end" if values.ndim == 4 and values.shape[1] in (1, 3) else "")
        )


def _as_images(values: np.ndarray, size: tuple[int, int] | None, source: str) -> np.ndarray | None:
    """A view (N, H, W) or (N, H, W, 3), or None where rows are plain numbers."""
    if values.ndim == 4 and values.shape[3] == 1:
        return values[..., 0]
    if values.ndim > 2:
        return values
    return None if size is None else values.reshape(len(values), *_named_shape(values, size, source))


def _named_shape(values: np.ndarray, size: tuple[int, int], source: str) -> tuple[int, ...]:
    height, width = size
    for shape in ((height, width), (height, width, 3)):
        if math.prod(shape) == values.shape[1]:
            return shape
    turned = "; the array looks transposed" if height * width == values.shape[0] else ""
    raise ShapeError(
        f"{source}: size {height}x{width} needs rows of {height * width} (grey) or {3 * height * width} "
        f"(RGB) numbers, found rows of {values.shape[1]}{turned}"
    )


def _as_pixels(images: np.ndarray, known: bool | None) -> tuple[np.ndarray, tuple[str, ...]]:
    if (images.dtype.kind, images.dtype.itemsize) == ("u", 2):
        return _native(images), ()
    if images.dtype.kind in "ub" and images.dtype.itemsize == 1:
        return images.view(np.uint8), ()
    if _are_bytes(images) if known is None else known:
        return images.astype(np.uint8), ("whole numbers from 0 to 255 were taken as 8-bit pixels",)
    return _plain(images), ()


def _are_bytes(images: np.ndarray) -> bool:
    flat = images.reshape(len(images), -1)
    low, high = float(flat.min()), float(flat.max())
    whole = low >= 0 and high <= 255 and all(bool((part == np.floor(part)).all()) for _, part in chunks(flat))
    return are_bytes(flat.dtype.kind, low, high, whole)


def are_bytes(kind: str, low: float, high: float, whole: bool) -> bool:
    """Whether values of images between `low` and `high` are 8-bit pixels; `whole`: all are whole numbers."""
    return (kind in "ui" or (whole and high > 1)) and low >= 0 and high <= (255 if high > 1 else 1)


def _plain(values: np.ndarray) -> np.ndarray:
    """The smallest of uint8, float32 and float64 that holds every value of this type."""
    kind, width = values.dtype.kind, values.dtype.itemsize
    if kind in "ub" and width == 1:
        return values.view(np.uint8)
    small = width <= 4 if kind == "f" else width <= 2
    return values.astype(np.float32 if small else np.float64, copy=False)


def _native(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _greyed(images: np.ndarray, grayscale: bool) -> np.ndarray:
    from .pixels import grey

    return grey(images) if grayscale and images.ndim == 4 else images


def _resized(images: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    from .pixels import resize

    if size is None or images.shape[1:3] == tuple(size):
        return images
    return np.stack([resize(image, size) for image in images])


def _rows_of(images: np.ndarray, notices: tuple[str, ...], *, resized: bool) -> Rows:
    rows = np.ascontiguousarray(images.reshape(len(images), -1))
    return Rows(rows, images.shape[1:], notices, resized)
