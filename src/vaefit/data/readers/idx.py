"""IDX, the format of MNIST and its relatives: big-endian arrays, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from ..names import reason
from ..options import Options
from . import reader

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def _is_idx(_: Path, head: bytes) -> bool:
    return len(head) >= 8 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4


@reader("IDX images (MNIST)", "ubyte", "ubyte.gz", ".idx", ".idx.gz", sniff=_is_idx, uses=("grayscale",))
def read_idx(path: Path, options: Options) -> Dataset:
    """Images with the labels of the neighbouring labels file, where there is one of MNIST's naming."""
    array = idx_array(path)
    if array.ndim == 1:
        raise DataError(
            f"{path}: expected images, found {len(array)} labels; give the file of the images instead"
        )
    labels = _labels(path, len(array))
    return Dataset.from_array(
        array,
        size=options.size,
        grayscale=options.grayscale,
        limit=options.limit,
        labels=labels,
        source=str(path),
        notices=() if labels is None else (f"labels were read from {_labels_path(path).name}",),
    )


def idx_array(path: Path) -> np.ndarray:
    """The array in an IDX file, of any number of dimensions.

    Raises: DataError for a damaged or foreign file.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _parse(file, path)
    except (OSError, EOFError, zlib.error, struct.error) as e:
        raise DataError(f"{path}: expected an IDX file, found a damaged or foreign one ({reason(e)})") from e


def _parse(file: BufferedIOBase, path: Path) -> np.ndarray:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= 4:
        raise DataError(f"{path}: expected an IDX file, found first bytes {head.hex(' ') or 'none'}")
    shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
    if 0 in shape:
        raise DataError(f"{path}: expected at least one number, found an array of shape {shape}")
    dtype = np.dtype(_TYPES[head[2]])
    data = _read_up_to(file, math.prod(shape) * dtype.itemsize)
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise DataError(
            f"{path}: expected an array of shape {shape}, found only {len(data)} bytes; it is truncated"
        )
    return np.frombuffer(data, dtype).reshape(shape)


def _read_up_to(file: BufferedIOBase, size: int) -> bytearray:
    """Piece by piece, because read(size) would first set aside whatever a damaged header asks for."""
    data = bytearray()
    while len(data) < size and (piece := file.read(min(1 << 24, size - len(data)))):
        data += piece
    return data


def _labels_path(path: Path) -> Path:
    return path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))


def _labels(path: Path, count: int) -> tuple[str, ...] | None:
    beside = _labels_path(path)
    if beside == path or not beside.is_file():
        return None
    labels = idx_array(beside)
    return tuple(str(label) for label in labels) if labels.shape == (count,) else None
