"""NumPy's .npy (memory-mapped) and .npz, and MATLAB's .mat. Pickled objects are refused, never loaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from ..names import reason
from ..options import Options
from . import reader


@reader("a NumPy array (.npy)", ".npy", sniff=lambda _, head: head[:6] == b"\x93NUMPY", uses=("grayscale",))
def read_npy(path: Path, options: Options) -> Dataset:
    """One array, memory-mapped where its type needs no conversion."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as e:  # numpy lets errors of Python's own parser through
        raise _unreadable(path, "a NumPy array", e) from e
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: expected one array, found another kind of file; check its name ending")
    return _dataset(array, path, options)


@reader("NumPy arrays (.npz)", ".npz", uses=("key", "grayscale"))
def read_npz(path: Path, options: Options) -> Dataset:
    """The array called `key`, or the only one."""
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if isinstance(arrays, np.ndarray):
                raise DataError(f"{path}: expected several arrays (.npz), found one (.npy); rename the file")
            return _dataset(arrays[_choose(path, arrays.files, options.key)], path, options)
    except DataError:
        raise
    except Exception as e:  # numpy, zipfile and zlib fail in many ways on damaged files
        raise _unreadable(path, "NumPy arrays", e) from e


@reader("MATLAB arrays (.mat)", ".mat", uses=("key", "grayscale"))
def read_mat(path: Path, options: Options) -> Dataset:
    """The array called `key`, or the only one, of a MATLAB file up to version 7."""
    from scipy.io import loadmat, whosmat

    try:
        key = _choose(path, [name for name, *_ in whosmat(path)], options.key)
        array = loadmat(path, variable_names=[key])[key]
    except DataError:
        raise
    except NotImplementedError as e:
        raise DataError(f"{path}: expected MATLAB version 7 or older, found 7.3; save it with -v7") from e
    except Exception as e:  # scipy's parser fails in many ways on damaged files
        raise _unreadable(path, "MATLAB arrays", e) from e
    return _dataset(array.toarray() if hasattr(array, "toarray") else array, path, options)


def _choose(path: Path, names: Iterable[str], key: str | None) -> str:
    names = list(names)
    if key in names and key is not None:
        return key
    if key is None and len(names) == 1:
        return names[0]
    found = ", ".join(names) if names else "no arrays"
    asked = "one array" if key is None else f"an array called '{key}'"
    raise DataError(f"{path}: expected {asked}, found {found}; choose one with --key")


def _dataset(array: np.ndarray, path: Path, options: Options) -> Dataset:
    return Dataset.from_array(
        array, size=options.size, grayscale=options.grayscale, limit=options.limit, source=str(path)
    )


def _unreadable(path: Path, what: str, error: Exception) -> DataError:
    if "pickle" in str(error) or "Object arrays" in str(error) or "Python objects" in str(error):
        return DataError(
            f"{path}: expected {what} of numbers, found pickled Python objects, which are never loaded"
        )
    return DataError(f"{path}: expected {what}, found a damaged or foreign file ({reason(error)})")
