"""Arithmetic on the pixels of one image or of many."""

from __future__ import annotations

import numpy as np

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, which is Pillow's "L"


def grey(images: np.ndarray) -> np.ndarray:
    """The luma (..., H, W) of RGB images (..., H, W, 3), in the same type.

    >>> grey(np.full((1, 1, 3), 7, np.uint8)).tolist()
    [[7]]
    """
    return as_type(images @ np.asarray(LUMA, _float(images.dtype)), images.dtype)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """One image (H, W) or (H, W, 3) at `size` = (height, width), antialiased (Lanczos), in the same type.

    >>> resize(np.full((4, 4), 1000, np.uint16), (2, 2)).tolist()
    [[1000, 1000], [1000, 1000]]
    """
    if image.shape[:2] == tuple(size):
        return image
    if image.dtype == np.uint8:
        return _lanczos(image, size)
    if image.ndim == 3:
        return np.stack([resize(image[..., c], size) for c in range(image.shape[2])], axis=-1)
    return as_type(_lanczos(image.astype(np.float32), size), image.dtype)


def as_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floating-point values rounded and clipped into an integer type; other types are only converted."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)


def _lanczos(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    height, width = size
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def _float(dtype: np.dtype) -> type[np.floating]:
    return np.float32 if dtype.itemsize <= 2 else np.float64
