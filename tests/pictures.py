"""What a picture shows, cut up again into its tiles."""

from pathlib import Path

import numpy as np
from PIL import Image


def tiles_of(path: Path, lines: int, columns: int, height: int, width: int) -> list[list[np.ndarray]]:
    """The tiles (RGB) of a picture at the data's own resolution; none of their lines may be all white."""
    with Image.open(path) as opened:
        picture = np.asarray(opened.convert("RGB"))
    ink = (picture < 255).any(axis=-1)
    # Words beside the tiles have other sizes than theirs.
    runs = _runs(ink.any(axis=1))
    tall = [run for run in runs if run[1] - run[0] == max(end - top for top, end in runs)]
    scale = (tall[0][1] - tall[0][0]) // height
    across = _runs(ink[tall[0][0] : tall[-1][1]].any(axis=0))
    wide = [run for run in across if run[1] - run[0] == scale * width]
    assert (len(tall), len(wide)) == (lines, columns)
    return [[_shrunk(picture[a:b, c:d], height, width) for c, d in wide] for a, b in tall]


def _shrunk(tile: np.ndarray, height: int, width: int) -> np.ndarray:
    scale = len(tile) // height
    assert tile.shape[:2] == (height * scale, width * scale), "not drawn in whole pixels"
    small = tile[scale // 2 :: scale, scale // 2 :: scale]
    assert (small.repeat(scale, axis=0).repeat(scale, axis=1) == tile).all(), "blurred"
    return small


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Where runs of True begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
