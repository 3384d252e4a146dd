"""An image that was dropped on the page, as a row like those the run was fitted to."""

import warnings
from typing import NamedTuple

import numpy as np

from vaefit.data import Dataset, Transform
from vaefit.data.decode import decode, prepare_pillow
from vaefit.data.pixels import grey, resize
from vaefit.data.transforms import Binarise, Standardise, TwoValued, UnitInterval
from vaefit.explore.refusal import Refused
from vaefit.run import Run


class Row(NamedTuple):
    """One row, and what was done to it to make it one."""

    dataset: Dataset
    notes: tuple[str, ...] = ()


def image_row(run: Run, content: bytes, name: str, *, resized: bool = False, greyed: bool = False) -> Row:
    """The row in an image file; `resized` and `greyed` say that it may be made to fit.

    Raises:
        Refused: it is of another size or colour than those fitted; what would help is offered.
        DataError: it is no image, or a damaged or far too large one.
    """
    shape = run.transform.shape
    with warnings.catch_warnings():
        _strict()
        picture = decode(content, name, grayscale=run.grayscale or greyed, advice="")
    pixels, notes = picture.pixels, [f"{change} this image" for change in picture.changes]
    if pixels.ndim == 3 and len(shape) == 2 and (greyed or _without_colour(pixels)):
        pixels = grey(pixels)
    if pixels.ndim == 2 and len(shape) == 3:
        pixels = np.repeat(pixels[..., None], 3, axis=-1)
        notes.append("grey, taken as equally red, green and blue")
    _check(run, pixels, name, resized)
    if pixels.shape[:2] != shape[:2]:
        notes.append(f"resized from {_size(pixels.shape)} to {_size(shape)}")
        pixels = resize(pixels, (shape[0], shape[1]))
    pixels, changes = _in_units(run.transform, pixels)
    row = Dataset.from_array(pixels[None], names=(name,), source=name)
    return Row(run.dataset(row), (*notes, *changes))


def _strict() -> None:
    from PIL import Image

    prepare_pillow()
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def _without_colour(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[..., :1]).all())


def _check(run: Run, pixels: np.ndarray, name: str, resized: bool) -> None:
    shape = run.transform.shape
    other_size = pixels.shape[:2] != shape[:2] and not resized
    other_colour = pixels.ndim > len(shape)
    if not other_size and not other_colour:
        return
    # Where the fit resized its own images, a resized one is like them.
    offers = (["resize"] if other_size else []) + (["grey"] if other_colour else [])
    offers = [] if other_size and not run.settings.size else offers
    advice = (
        "" if offers else "; the run was fitted to images as they were, so resize it yourself if you mean it"
    )
    raise Refused(
        f"{name}: expected an image like those fitted, {_described(shape)}, found {_described(pixels.shape)} "
        f"(height x width){advice}",
        offers=offers,
    )


def _in_units(transform: Transform, pixels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Pixels as numbers like those fitted, where these were not the same kind of pixels."""
    if pixels.dtype.kind == "f":
        return pixels, ()
    white = float(np.iinfo(pixels.dtype).max)
    match transform:
        case TwoValued(low=low, high=high) if not np.isin(pixels, [low, high]).all():
            return np.where(pixels > white / 2, high, low), ("made two-valued at half of white",)
        case UnitInterval() | Binarise(white=1.0):
            return (pixels / white).astype(np.float32), (f"divided by {white:g}",)
        case Standardise():
            return pixels.astype(np.float32), (f"taken as numbers from 0 to {white:g}",)
    return pixels, ()


def _described(shape: tuple[int, ...]) -> str:
    return f"{_size(shape)} {'in colour' if len(shape) == 3 else 'in grey'}"


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]}"
