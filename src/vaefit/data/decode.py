"""The bytes of one image file as an array, by Pillow."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import DataError
from .names import one_line, reason
from .pixels import resize

if TYPE_CHECKING:
    from PIL import Image

# Only raster formats that Pillow decodes itself: EPS, for one, would start another program.
FORMATS = ("PPM", "PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "GIF")
_ALPHA = ("LA", "PA", "RGBA", "La", "RGBa")
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")

_PGM = re.compile(rb"P5\s([1-9][0-9]{0,4})\s([1-9][0-9]{0,4})\s255\s")

ALPHA = "alpha channel dropped from"
FRAMES = "only the first frame taken of"
DEPTH = "16-bit colour reduced to 8 bits in"


class Picture(NamedTuple):
    """Pixels (H, W) or (H, W, 3), and what was done to them."""

    pixels: np.ndarray
    changes: tuple[str, ...] = ()
    resized: bool = False


def decode(
    data: bytes,
    name: str,
    *,
    grayscale: bool = False,
    size: tuple[int, int] | None = None,
    advice: str = "; --skip-bad leaves such files out",
) -> Picture:
    """One image as uint8, uint16 or float32 pixels, upright, without alpha, resized to `size` if given.

    Raises: DataError naming the file where it cannot be decoded, and then what to do.

    >>> decode(b"P2 2 1 255 7 9", "a.pgm").pixels.tolist()
    [[7, 9]]
    """
    try:
        picture = _decode(data, grayscale)
    except Exception as e:  # decoders fail in as many ways as files can be damaged
        raise DataError(f"{one_line(name)}: {_reason(e, data)}{advice}") from e
    if picture.pixels.size == 0:
        raise DataError(f"{one_line(name)}: expected pixels, found none{advice}")
    if size is None or picture.pixels.shape[:2] == tuple(size):
        return picture
    return picture._replace(pixels=resize(picture.pixels, size), resized=True)


def prepare_pillow() -> None:
    """Load the decoders that Pillow leaves for later (with a fixed list of formats it never would)."""
    from PIL import Image, TiffImagePlugin, WebPImagePlugin  # noqa: F401

    Image.preinit()


def _decode(data: bytes, grayscale: bool) -> Picture:
    from PIL import Image

    if (grey := _plain_pgm(data)) is not None:
        return Picture(grey)
    image = Image.open(BytesIO(data), formats=FORMATS)
    changes = _changes(image) if image.format != "PPM" else ()
    if image.format == "PPM" and _deep(image):
        changes = (DEPTH,)
    image.load()
    pixels = _pixels(_upright(image), grayscale)
    return Picture(pixels, changes)


def _plain_pgm(data: bytes) -> np.ndarray | None:
    """The commonest 8-bit PGM, at once: Pillow takes 70 microseconds, which adds up over 30000 tiny faces."""
    head = _PGM.match(data)
    if head is None:
        return None
    shape = (int(head[2]), int(head[1]))
    pixels = np.frombuffer(data, np.uint8, offset=head.end())[: shape[0] * shape[1]]
    return pixels.reshape(shape) if pixels.size == shape[0] * shape[1] else None


def _changes(image: Image.Image) -> tuple[str, ...]:
    found = (
        (ALPHA, image.mode in _ALPHA or (image.mode == "P" and "transparency" in image.info)),
        (FRAMES, getattr(image, "is_animated", False) and image.format != "MPO"),
        (DEPTH, _deep(image)),
    )
    return tuple(change for change, happened in found if happened)


def _deep(image: Image.Image) -> bool:
    """Whether the file has 16 bits a channel and Pillow only 8."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return False
    args = [tile[3] for tile in getattr(image, "tile", ())]
    if image.format == "PPM":
        return any(
            isinstance(arg, tuple) and any(isinstance(a, int) and a > 255 for a in arg) for arg in args
        )
    return ";16" in str(args)


def _upright(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    if image.format == "PPM" or image.getexif().get(0x0112, 1) == 1:
        return image
    return ImageOps.exif_transpose(image)


def _pixels(image: Image.Image, grayscale: bool) -> np.ndarray:
    if image.mode in _SIXTEEN:
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":
        return _narrow(np.asarray(image))
    if image.mode == "F":
        return _finite(np.asarray(image))
    image = _flat(image)
    return np.asarray(image.convert("L") if grayscale else image)


def _flat(image: Image.Image) -> Image.Image:
    """In mode L or RGB, without alpha."""
    if image.mode in ("L", "RGB"):
        return image
    grey = image.mode in ("1", "LA", "La") or (image.mode in ("P", "PA") and _grey_palette(image))
    return image.convert("RGB").getchannel(0) if grey else image.convert("RGB")


def _grey_palette(image: Image.Image) -> bool:
    red, green, blue = np.reshape(image.getpalette("RGB") or [0, 0, 0], (-1, 3)).T
    return bool((red == green).all() and (green == blue).all())


def _narrow(values: np.ndarray) -> np.ndarray:
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"expected 8 or 16 bits a pixel, found values from {values.min()} to {values.max()}")
    return values.astype(np.uint16)


def _finite(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError("NaN or infinite pixels")
    return values


def _reason(error: Exception, data: bytes) -> str:
    from PIL import Image, UnidentifiedImageError

    if not data:
        return "expected an image, found an empty file"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"expected an image of at most {Image.MAX_IMAGE_PIXELS} pixels, found a far larger one"
    if isinstance(error, UnidentifiedImageError):
        return "expected an image, found data that is none"
    return f"expected a whole image, found a damaged one ({reason(error)})"
