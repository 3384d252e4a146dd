"""Rows that are images, as PNGs inside the page."""

import base64
import io

import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image

from vaefit.report.markup import element

GAP = 1  # pixels of the data between tiles; seen through
LARGEST = 96  # pixels along a tile's side
# Pixels of one sheet, beyond which its tiles are made smaller: a page is to be mailed.
BUDGET = 600_000

Tiles = UInt8[np.ndarray, "lines columns height width *channels"]


def shrunk(
    tiles: UInt8[np.ndarray, "..."], image_dims: int, budget: int = BUDGET
) -> UInt8[np.ndarray, "..."]:
    """Tiles no larger than a page needs, averaged over squares; `image_dims` is 2 for grey, 3 for RGB."""
    grid, (height, width, *channels) = tiles.shape[:-image_dims], tiles.shape[-image_dims:]
    count = max(int(np.prod(grid)), 1)
    step = max(1, -(-max(height, width) // LARGEST), int(np.ceil(np.sqrt(count * height * width / budget))))
    step = min(step, max(1, min(height, width) // 8))
    if step == 1:
        return tiles
    flat = [Image.fromarray(tile).reduce(step) for tile in tiles.reshape(count, height, width, *channels)]
    small = np.stack([np.asarray(tile) for tile in flat])
    return small.reshape(*grid, *small.shape[1:])


def sheet(tiles: Tiles) -> UInt8[np.ndarray, "_ _ _"]:
    """Lines of tiles as one picture with an opacity: gaps let the page's ground through."""
    lines, columns, height, width = tiles.shape[:4]
    coloured = tiles if tiles.ndim == 6 - 1 else tiles[..., None]
    whole = np.zeros(
        (lines * (height + GAP) - GAP, columns * (width + GAP) - GAP, coloured.shape[-1] + 1), np.uint8
    )
    for line in range(lines):
        for column in range(columns):
            top, left = line * (height + GAP), column * (width + GAP)
            whole[top : top + height, left : left + width, :-1] = coloured[line, column]
            whole[top : top + height, left : left + width, -1] = 255
    return whole


def uri(pixels: Num[np.ndarray, "height width *channels"]) -> str:
    """8-bit pixels as the address of a PNG that holds them; the last of 2 or 4 channels is opacity."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"


def picture(tiles: Tiles, words: str, *, tile: int | None = None) -> str:
    """An image element of lines of tiles, each `tile` CSS pixels wide, or as wide as there is room."""
    pixels = sheet(tiles)
    width = None if tile is None else round(tile * pixels.shape[1] / tiles.shape[3])
    return element(
        "img",
        "",
        class_="rows",
        src=uri(pixels),
        alt=words,
        width=pixels.shape[1],
        height=pixels.shape[0],
        loading="lazy",
        decoding="async",
        style="width:100%" if width is None else f"width:{width}px",
    ).removesuffix("</img>")
