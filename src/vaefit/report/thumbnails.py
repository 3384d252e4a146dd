"""Many small images as one picture in the page."""

import base64
import io
import math
from typing import Any

import numpy as np
from PIL import Image

# Along a side; larger images are made smaller.
LARGEST = 48
# Pixels of all of them, above which the picture is compressed with losses.
MOST_EXACT = 1_000_000
MOST_PIXELS = 3_000_000


def sheet(images: np.ndarray, low: float, high: float) -> dict[str, Any]:
    """Images (rows, height, width[, 3]) from `low` (black) to `high` (white) on one sheet, row by row.

    >>> made = sheet(np.zeros((5, 4, 6)), 0.0, 1.0)
    >>> made["tile"], made["columns"], made["image"][:22]
    ([4, 6], 3, 'data:image/png;base64,')
    """
    grey = np.round(255 * np.clip((images - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)
    height, width = _size(grey.shape)
    if (height, width) != grey.shape[1:3]:
        small = [Image.fromarray(image).resize((width, height), Image.Resampling.BOX) for image in grey]
        grey = np.stack([np.asarray(image) for image in small])
    columns = math.ceil(math.sqrt(len(grey)))
    lines = -(-len(grey) // columns)
    whole = np.zeros((lines * columns, *grey.shape[1:]), np.uint8)
    whole[: len(grey)] = grey
    tiles = whole.reshape(lines, columns, *grey.shape[1:]).swapaxes(1, 2)
    picture = Image.fromarray(tiles.reshape(lines * height, columns * width, *grey.shape[3:]))
    return {"image": _address(picture), "tile": [height, width], "columns": columns}


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a tile."""
    n, height, width = shape[:3]
    scale = min(1.0, LARGEST / max(height, width), math.sqrt(MOST_PIXELS / (n * height * width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _address(picture: Image.Image) -> str:
    exact = picture.width * picture.height * len(picture.getbands()) <= MOST_EXACT
    written = io.BytesIO()
    picture.save(written, "PNG" if exact else "JPEG", **({"optimize": True} if exact else {"quality": 85}))
    kind = "png" if exact else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(written.getvalue()).decode()}"
