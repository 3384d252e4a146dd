"""Images side by side, every pixel of the data a square of whole pixels of the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaefit.errors import DataError
from vaefit.figures.style import DPI

GAP, WIDE_GAP = 0.02, 0.07  # inches between tiles, and between groups of them
MOST_HEIGHT = 6000  # pixels of a picture, unless the data itself has more
LARGEST = 30_000  # pixels along a side
LARGEST_TILE = 256


@dataclass(frozen=True)
class Sheet:
    """Where a picture's tiles are, in its pixels from the upper left corner."""

    figure: Figure
    axes: Axes
    scale: int  # pixels of the picture for one of the data
    tops: Sequence[int]
    lefts: Sequence[int]
    tile: tuple[int, int]  # height and width

    def centre(self, line: int = 0, column: float = 0) -> tuple[float, float]:
        """The middle of a tile, horizontal place first; of a place between two columns, for a half."""
        height, width = self.tile
        between = np.interp(column, range(len(self.lefts)), self.lefts)
        return float(between) + width / 2 - 0.5, self.tops[line] + height / 2 - 0.5

    def title(self, titles: Mapping[float, str], size: float) -> None:
        """Words over columns."""
        for column, words in titles.items():
            place = (self.centre(0, column)[0], self.tops[0] - 0.03 * self.figure.dpi)
            self.axes.text(*place, words, ha="center", va="bottom", fontsize=size)


def sheet(
    tiles: UInt8[np.ndarray, "lines columns height width *channels"],
    width: float,
    *,
    groups: Sequence[int] = (),
    margins: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    dpi: float = DPI,
) -> Sheet:
    """A picture of tiles, `width` inches wide; `groups` are columns with a wide gap before them.

    Margins are inches above, to the right, below and to the left. The picture has about `dpi` dots an inch.

    Raises:
        DataError: there are too many tiles for one picture.
    """
    step = -(-max(tiles.shape[2:4]) // LARGEST_TILE)
    tiles = tiles[:, :, ::step, ::step]
    lines, columns, height, across = tiles.shape[:4]
    above, right, below, left = margins
    gaps = [WIDE_GAP if column in groups else GAP for column in range(1, columns)]
    inside = width - left - right - sum(gaps)
    most = min(
        LARGEST_TILE * columns, MOST_HEIGHT * columns // (lines * height), round(dpi * inside / across)
    )
    scale = max(1, round(most / columns))
    dpi = scale * across * columns / inside
    tops = [line * (scale * height + _pixels(GAP, dpi)) for line in range(lines)]
    steps = [scale * across + _pixels(gap, dpi) for gap in gaps]
    lefts = [0, *np.cumsum(steps, dtype=int).tolist()]
    size = tops[-1] + scale * height, lefts[-1] + scale * across
    if max(size) > LARGEST:
        raise DataError(
            f"{lines * columns:,} images are too many for one picture; take fewer, or --out a .npz"
        )
    mosaic = _mosaic(tiles, size, tops, lefts, scale)
    edges = tuple(round(margin * dpi) for margin in (above, right, below, left))
    figure, axes = _picture(mosaic, width, edges)
    return Sheet(figure, axes, scale, tops, lefts, (scale * height, scale * across))


def _pixels(inches: float, dpi: float) -> int:
    return max(1, round(inches * dpi))


def _mosaic(
    tiles: UInt8[np.ndarray, "..."],
    size: tuple[int, int],
    tops: Sequence[int],
    lefts: Sequence[int],
    scale: int,
) -> UInt8[np.ndarray, "height width 3"]:
    mosaic = np.full((*size, 3), 255, np.uint8)
    # Grey as RGB: colour maps are off by one level here and there.
    coloured = tiles if tiles.ndim == 5 else tiles[..., None]
    for line, top in zip(coloured, tops, strict=True):
        for tile, left in zip(line, lefts, strict=True):
            enlarged = tile.repeat(scale, axis=0).repeat(scale, axis=1)
            mosaic[top : top + len(enlarged), left : left + enlarged.shape[1]] = enlarged
    return mosaic


def _picture(
    mosaic: UInt8[np.ndarray, "height width 3"], width: float, edges: tuple[int, ...]
) -> tuple[Figure, Axes]:
    """The mosaic within its margins, at so many dots an inch that its pixels are the picture's."""
    above, right, below, left = edges
    height, across = mosaic.shape[:2]
    down, wide = height + above + below, across + left + right
    # The canvas cuts fractions of pixels off.
    dpi = (wide + 1e-3) / width
    figure = Figure(figsize=(width, (down + 1e-3) / dpi), dpi=dpi)
    axes = figure.add_axes((left / wide, below / down, across / wide, height / down))
    # Pixels already enlarged: some viewers blur the few pixels of a small image.
    axes.imshow(mosaic, interpolation="none", aspect="auto")
    axes.set_axis_off()
    return figure, axes
