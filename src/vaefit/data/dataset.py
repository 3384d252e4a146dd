"""One set of rows in memory (or memory-mapped), with what is known about them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .streams.survey import Whole
    from .tables.column import Schema
    from .tables.table import Table

LEVELS = {np.dtype(np.uint8): 256, np.dtype(np.uint16): 65536}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of images or numbers, one row a datum.

    `values` is (rows, variables): uint8 or uint16 for pixels, else float32 or float64; the variables of an
    RGB image are in height, width, channel order. `shape` is that of one row: (H, W), (H, W, 3) or (D,).
    `levels` is 256 for 8-bit and 65536 for 16-bit pixels, None for plain numbers. `names` and `labels` (the
    folder) have one entry a row, `columns` one a column of a table. `notices` are for the user to read.
    A table's `values` are its modelled columns in numbers (NaN: missing), as its `schema` says; `table` is
    the source's own cells.
    `resized` says that some image was resampled: bits per dimension have no meaning then.
    `whole` are all training rows where they do not fit in memory; these are a sample of them, evenly drawn.

    >>> images = Dataset.from_array(np.zeros((5, 4, 3), np.uint8))
    >>> images.n, images.dim, images.shape, images.levels
    (5, 12, (4, 3), 256)
    """

    values: np.ndarray
    shape: tuple[int, ...]
    levels: int | None = None
    names: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    source: str = "array"
    notices: tuple[str, ...] = ()
    table: Table | None = None
    schema: Schema | None = None
    resized: bool = False
    whole: Whole | None = None

    @property
    def total(self) -> int:
        """How many rows there are, those beyond memory as well."""
        return self.n if self.whole is None else self.whole.n

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.values.shape[0]

    @property
    def dim(self) -> int:
        """Number of variables in a row."""
        return math.prod(self.shape)

    @property
    def is_image(self) -> bool:
        """Whether a row is an image rather than a row of a table."""
        return len(self.shape) >= 2

    def take(self, indices: Sequence[int] | np.ndarray) -> Dataset:
        """The rows at `indices`, in that order, with their names and labels.

        >>> Dataset.from_array([[0.0], [1.0], [2.0]]).take([2, 0]).values[:, 0].tolist()
        [2.0, 0.0]
        """
        index = np.asarray(indices, dtype=np.intp)
        return replace(
            self,
            values=np.asarray(self.values[index]),
            names=_pick(self.names, index),
            labels=_pick(self.labels, index),
            table=None if self.table is None else self.table.take(index),
            whole=None,
        )

    @classmethod
    def from_array(
        cls,
        array: object,
        *,
        size: tuple[int, int] | None = None,
        grayscale: bool = False,
        limit: int | None = None,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        source: str = "array",
        notices: Sequence[str] = (),
    ) -> Dataset:
        """A data set from an array of numbers (N, D) or images (N, H, W), (N, H, W, 1), (N, H, W, 3).

        `size` = (H, W) says that flat rows are images of that size, and resizes images of another size.

        Raises: ShapeError where rows do not fit these shapes or `size`; DataError for anything but finite
        numbers.

        >>> Dataset.from_array(np.eye(6), size=(2, 3)).shape
        (2, 3)
        """
        from .arrays import as_rows

        rows = as_rows(array, size=size, grayscale=grayscale, limit=limit, columns=columns, source=source)
        _check_lengths(rows.values, {"names": names, "labels": labels}, limit)
        return cls(
            values=rows.values,
            shape=rows.shape,
            levels=LEVELS.get(rows.values.dtype),
            names=_head(names, limit),
            labels=_head(labels, limit),
            columns=None if columns is None else tuple(columns),
            source=source,
            notices=(*notices, *rows.notices),
            resized=rows.resized,
        )

    @classmethod
    def from_table(
        cls,
        rows: object,
        *,
        types: Mapping[str, str] | None = None,
        header: bool | None = None,
        labels: Sequence[str] | None = None,
        limit: int | None = None,
        source: str = "table",
    ) -> Dataset:
        """A data set from a pandas or polars frame or a 2-d array, with columns of any types.

        The types of its columns are inferred, but for those in `types` (by name) and arrays of floats, whose
        columns are real; columns without a name are c0, c1, ...; with `header` the names are in an array's
        first row.

        Raises: DataError, ShapeError where there is no such table; SettingsError for an unknown column.

        >>> data = Dataset.from_table([["red", 1.5], ["blue", None], ["red", 2.5]])
        >>> [column.type for column in data.schema], data.values.tolist()
        (['binary', 'real'], [[1.0, 1.5], [0.0, nan], [1.0, 2.5]])
        """
        from .tables import Table, dataset_of

        table = Table.of(rows, header=header, source=source)
        table = table if limit is None else table.take(range(min(limit, table.n)))
        _check_lengths(np.empty((table.n, 0)), {"labels": labels}, limit)
        return dataset_of(table, types=types, labels=_head(labels, limit))


def _pick(items: tuple[str, ...] | None, index: np.ndarray) -> tuple[str, ...] | None:
    return None if items is None else tuple(items[i] for i in index)


def _head(items: Sequence[str] | None, limit: int | None) -> tuple[str, ...] | None:
    return None if items is None else tuple(items[:limit])


def _check_lengths(values: np.ndarray, items: dict[str, Sequence[str] | None], limit: int | None) -> None:
    from ..errors import ShapeError

    for what, entries in items.items():
        if entries is not None and len(entries[:limit]) != len(values):
            raise ShapeError(f"expected one of {what} for each of {len(values)} rows, found {len(entries)}")
