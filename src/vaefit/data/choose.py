"""The transform that suits a data set, and whether other data suits a transform."""

from __future__ import annotations

import numpy as np

from ..errors import DataError, ShapeError
from .arrays import chunks
from .dataset import Dataset
from .tables import Cells, Column, Scaling, Schema, recode
from .transforms import Binarise, Pixels, Standardise, Transform, TwoValued, UnitInterval


def choose_transform(
    dataset: Dataset,
    *,
    dequantise: bool | None = None,
    binarise: bool = False,
    scaling: Scaling = "auto",
) -> Transform:
    """The transform for data like these (training) rows.

    A table: Cells, fitted to these rows. Two distinct values (of pixels, or 0 and 1): TwoValued. Other
    pixels: Pixels, dequantised unless told otherwise. Float images within [0, 1]: UnitInterval. Both of these
    are Binarise if asked. Anything else: Standardise, fitted to these rows.

    Raises: DataError where there are no rows, or all are the same.

    >>> choose_transform(Dataset.from_array([[0.0, 2.0], [4.0, 6.0]])).kind
    'standardise'
    """
    if dataset.schema is not None:
        return Cells.fit(dataset.values, dataset.schema, scaling)
    low, high = _range(dataset)
    if (dataset.levels or (low, high) == (0, 1)) and _two_valued(dataset.values, low, high):
        return TwoValued(dataset.shape, low, high)
    if dataset.levels:
        grey = Pixels(dataset.shape, dataset.levels, dequantise is not False)
        return Binarise(dataset.shape, dataset.levels - 1.0) if binarise else grey
    if dataset.is_image and low >= 0 and high <= 1:
        return Binarise(dataset.shape, 1.0) if binarise else UnitInterval(dataset.shape)
    return _standardise(dataset)


def schema_of(transform: Transform) -> Schema | None:
    """The columns of the table that a transform was fitted to; None: of something else."""
    return transform.schema if isinstance(transform, Cells) else None


def as_fitted(dataset: Dataset, transform: Transform, *, impute_missing: bool = False) -> Dataset:
    """The data set as the transform takes it: a table's cells by the fitted columns.

    With `impute_missing` columns that are not there are missing in every row.

    Raises: ShapeError, DataError where it is of another size, depth or kind.
    """
    if isinstance(transform, Cells):
        if dataset.schema == transform.schema:
            return dataset
        return recode(dataset, transform.schema, impute_missing=impute_missing)
    if dataset.schema is not None:
        # Fitted to an array: every column is a number, whatever it looks like here.
        numbers = Schema(tuple(Column(column.name, "real") for column in dataset.schema))
        dataset = recode(dataset, numbers)
    check_same(dataset, transform)
    return dataset


def check_same(dataset: Dataset, transform: Transform) -> None:
    """Refuse data of another size or bit depth than the transform was fitted to; flat rows of that size pass.

    Raises: ShapeError, DataError.
    """
    if dataset.shape not in (transform.shape, (transform.dim,)):
        raise ShapeError(
            f"{dataset.source}: expected data like those fitted, {_described(transform.shape)}, found "
            f"{_described(dataset.shape)}{_hint(dataset, transform)}"
        )
    if isinstance(transform, Pixels) and dataset.levels != transform.levels:
        raise DataError(
            f"{dataset.source}: expected {_depth(transform.levels)} like those fitted, found "
            f"{_depth(dataset.levels)}; convert them first"
        )
    if isinstance(transform, UnitInterval) and dataset.levels is not None:
        raise DataError(
            f"{dataset.source}: expected values from 0 to 1 like those fitted, found "
            f"{_depth(dataset.levels)}; divide them first"
        )


def _range(dataset: Dataset) -> tuple[float, float]:
    if not dataset.n:
        raise DataError(f"{dataset.source}: expected at least one row, found none")
    lowest, highest = _ends(dataset)
    low, high = float(lowest.min()), float(highest.max())
    if low == high:
        raise DataError(f"{dataset.source}: expected data that vary, found the one value {low:g} everywhere")
    return low, high


def _two_valued(values: np.ndarray, low: float, high: float) -> bool:
    return all(bool(((chunk == low) | (chunk == high)).all()) for _, chunk in chunks(values))


def _ends(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value of each column, of all rows there are."""
    whole = dataset.whole
    if whole is not None and whole.moments is not None:
        return whole.moments.low, whole.moments.high
    return dataset.values.min(0), dataset.values.max(0)


def _standardise(dataset: Dataset) -> Standardise:
    low, high = _ends(dataset)
    if (low == high).all():
        raise DataError(f"{dataset.source}: expected rows that differ, found {dataset.n} equal to the first")
    whole = dataset.whole
    if whole is None or whole.moments is None or whole.n == dataset.n:
        return Standardise.fit(dataset.values, dataset.shape, dataset.columns)
    found = whole.moments
    return Standardise.of_moments(low, high, found.mean, found.scale, dataset.shape, dataset.columns)


def _described(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"rows of {shape[0]} numbers"
    return f"{shape[0]}x{shape[1]} {'RGB' if len(shape) == 3 else 'grey'}"


def _depth(levels: int | None) -> str:
    return "plain numbers" if levels is None else f"{(levels - 1).bit_length()}-bit pixels"


def _hint(dataset: Dataset, transform: Transform) -> str:
    fitted, given = transform.shape, dataset.shape
    if len(given) == 3 and len(fitted) == 2:
        return "; use --grayscale" + (f" --size {fitted[0]}x{fitted[1]}" if fitted != given[:2] else "")
    if len(fitted) >= 2 and len(fitted) == len(given):
        return f"; use --size {fitted[0]}x{fitted[1]} to resize"
    return ""
