"""Arrays written block by block: plain writes, as pages of a memory map would count as memory in use."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from io import BufferedIOBase
from pathlib import Path

import numpy as np


def write_array(blocks: Iterable[np.ndarray], path: Path, shape: tuple[int, ...], name: str = "") -> None:
    """Write blocks of rows one below the other as a float32 array of this shape.

    By the ending: a .npy, or a .npz whose only array is called `name`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "x.npy"
    >>> write_array([np.zeros((1, 2)), np.ones((2, 2))], path, (3, 2))
    >>> np.load(path)[:, 0].tolist()
    [0.0, 1.0, 1.0]
    """
    if path.suffix.lower() == ".npy":
        with path.open("wb") as file:
            return _write(blocks, file, shape)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as file,
    ):
        return _write(blocks, file, shape)  # pyright: ignore[reportArgumentType]


def _write(blocks: Iterable[np.ndarray], file: BufferedIOBase, shape: tuple[int, ...]) -> None:
    about = {"descr": np.dtype(np.float32).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    for block in blocks:
        file.write(np.ascontiguousarray(block, np.float32).data)
