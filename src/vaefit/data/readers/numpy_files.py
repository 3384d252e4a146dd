"""NumPy's .npy (memory-mapped) and .npz, and MATLAB's .mat. Pickled objects are refused, never loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import DataError, ShapeError
from ..arrays import require_finite, require_numbers
from ..dataset import Dataset
from ..labels import words
from ..names import reason
from ..options import Options
from ..streams.npy import open_npy
from ..tables import of_cells
from . import reader


@reader(
    "a NumPy array (.npy)",
    ".npy",
    sniff=lambda _, head: head[:6] == b"\x93NUMPY",
    uses=("grayscale", "column", "missing"),
    stream=open_npy,
)
def read_npy(path: Path, options: Options) -> Dataset:
    """One array, memory-mapped where its type needs no conversion."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as e:  # numpy lets errors of Python's own parser through
        raise _unreadable(path, "a NumPy array", e) from e
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: expected one array, found another kind of file; check its name ending")
    return _dataset(array, path, options)


@reader("NumPy arrays (.npz)", ".npz", uses=("key", "grayscale", "labels", "column", "missing"))
def read_npz(path: Path, options: Options) -> Dataset:
    """The array called `key`, or the only one."""
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if isinstance(arrays, np.ndarray):
                raise DataError(f"{path}: expected several arrays (.npz), found one (.npy); rename the file")
            names, labels = _without_labels(path, arrays.files, options)
            array = arrays[_choose(path, names, options.key)]
            return _dataset(array, path, options, None if labels is None else arrays[labels])
    except DataError:
        raise
    except Exception as e:  # numpy, zipfile and zlib fail in many ways on damaged files
        raise _unreadable(path, "NumPy arrays", e) from e


@reader("MATLAB arrays (.mat)", ".mat", uses=("key", "grayscale", "labels", "column", "missing"))
def read_mat(path: Path, options: Options) -> Dataset:
    """The array called `key`, or the only one, of a MATLAB file up to version 7."""
    from scipy.io import loadmat, whosmat

    try:
        names, labels = _without_labels(path, [name for name, *_ in whosmat(path)], options)
        key = _choose(path, names, options.key)
        arrays = loadmat(path, variable_names=[key, *([] if labels is None else [labels])])
        array = arrays[key]
    except DataError:
        raise
    except NotImplementedError as e:
        raise DataError(f"{path}: expected MATLAB version 7 or older, found 7.3; save it with -v7") from e
    except Exception as e:  # scipy's parser fails in many ways on damaged files
        raise _unreadable(path, "MATLAB arrays", e) from e
    dense = array.toarray() if hasattr(array, "toarray") else array
    return _dataset(dense, path, options, None if labels is None else arrays[labels])


def _choose(path: Path, names: Iterable[str], key: str | None) -> str:
    names = list(names)
    if key in names and key is not None:
        return key
    if key is None and len(names) == 1:
        return names[0]
    found = ", ".join(names) if names else "no arrays"
    asked = "one array" if key is None else f"an array called '{key}'"
    raise DataError(f"{path}: expected {asked}, found {found}; choose one with --key")


def _without_labels(path: Path, names: list[str], options: Options) -> tuple[list[str], str | None]:
    """The names of the arrays that may be data, and that of the labels."""
    labels = options.labels
    if labels is not None and labels not in names:
        raise DataError(f"{path}: expected labels in an array called '{labels}', found {', '.join(names)}")
    return [name for name in names if name != labels], labels


def _dataset(array: np.ndarray, path: Path, options: Options, labels: np.ndarray | None = None) -> Dataset:
    named = None if labels is None else words(_column(labels), f"{path}, {options.labels}", len(array))
    if options.schema is not None and array.ndim == 2:
        cells = of_cells(array[: options.limit], str(path))
        return replace(cells, labels=None if named is None else tuple(named[: options.limit]))
    if options.missing or options.types:
        return Dataset.from_table(
            _cells(array, path), types=options.types, labels=named, limit=options.limit, source=str(path)
        )
    return Dataset.from_array(
        array,
        size=options.size,
        grayscale=options.grayscale,
        limit=options.limit,
        labels=named,
        source=str(path),
    )


def _cells(array: np.ndarray, path: Path) -> np.ndarray:
    """Rows of numbers, of which NaN are missing; infinite ones are refused here, where their place is known.

    Whole numbers become floats as well: an array's columns are real unless a type is given.
    """
    if array.ndim != 2:
        raise ShapeError(
            f"{path}: expected rows of numbers (N, D) for --missing and --column, found an array of shape "
            f"{array.shape}; missing pixels of images are not modelled"
        )
    require_numbers(array, str(path))
    cells = np.asarray(array, np.float64)
    require_finite(np.where(np.isnan(cells), 0.0, cells), source=str(path))
    return cells


def _column(labels: np.ndarray) -> np.ndarray:
    """MATLAB's rows (1, N) as columns."""
    return labels.T if labels.ndim == 2 and len(labels) == 1 else labels


def _unreadable(path: Path, what: str, error: Exception) -> DataError:
    if "pickle" in str(error) or "Object arrays" in str(error) or "Python objects" in str(error):
        return DataError(
            f"{path}: expected {what} of numbers, found pickled Python objects, which are never loaded"
        )
    return DataError(f"{path}: expected {what}, found a damaged or foreign file ({reason(error)})")
