"""Labels: one word a row, from folders, a column, an array or a file of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError, ShapeError
from .names import reason


def words(values: Sequence[object] | np.ndarray, where: str, rows: int | None = None) -> tuple[str, ...]:
    """Labels of any type as words; whole numbers are the same word in every type.

    Raises: ShapeError where there is not one for each of `rows` rows; DataError for an empty one.

    >>> words(np.array([1.0, 2.0]), "here"), words(["face ", "other"], "here")
    (('1', '2'), ('face', 'other'))
    """
    array = np.asarray(values)
    if array.ndim != 1 and array.shape[1:] != (1,):
        raise ShapeError(f"{where}: expected one label a row, found an array of shape {array.shape}")
    found = tuple(_word(value) for value in array.ravel().tolist())
    if rows is not None and len(found) != rows:
        raise ShapeError(f"{where}: expected a label for each of {rows} rows, found {len(found)}")
    if "" in found:
        raise DataError(f"{where}: expected a label in every row, found none in row {found.index('') + 1}")
    return found


def read_labels(path: Path, rows: int) -> tuple[str, ...]:
    """The labels in a file: a NumPy array (.npy), or a text with one a line and perhaps a title above.

    Raises: DataError, ShapeError.
    """
    try:
        found = _entries(path)
    except (OSError, ValueError, EOFError) as e:
        raise DataError(f"{path}: expected labels, a .npy or one a line, found {reason(e)}") from e
    return words(found[len(found) == rows + 1 :], str(path), rows)


def deepest(folders: Sequence[str]) -> tuple[str, ...]:
    """The last part of each path, so that train/face and test/face are the same class.

    >>> deepest(["train/face", "other"])
    ('face', 'other')
    """
    return tuple(folder.rpartition("/")[2] for folder in folders)


def _entries(path: Path) -> Sequence[object] | np.ndarray:
    if path.suffix.lower() == ".npy":
        return np.atleast_1d(np.load(path, allow_pickle=False))
    return path.read_text(encoding="utf-8").splitlines()


def _word(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
