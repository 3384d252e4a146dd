"""What every baseline of tables with typed columns offers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from vaefit.baselines._base import ROWS_AT_ONCE
from vaefit.baselines._marginals import Marginal
from vaefit.data import Column
from vaefit.errors import DataError, ShapeError


@dataclass(frozen=True, eq=False)
class TypedBaseline(ABC):
    """A density of a table's rows without a network, in the table's own numbers and codes; NaN is missing.

    Densities of numbers are per unit of the number; categories and counts have masses. Authors write `_fit`,
    `_log_likelihood` and `_each`. `made` tells how it came out.
    """

    columns: tuple[Column, ...]
    marginals: tuple[Marginal, ...]
    made: str

    reference: ClassVar[str] = ""

    @classmethod
    def name(cls) -> str:
        """Its name: its file's."""
        return cls.__module__.rsplit(".", 1)[-1].replace("_", "-")

    @classmethod
    def fit(
        cls, values: Float[np.ndarray, "rows columns"], columns: Sequence[Column], seed: int
    ) -> "TypedBaseline":
        """Fit to rows of numbers and codes.

        Raises:
            DataError: a column has no value at all, or there are too many columns.
        """
        if len(columns) != values.shape[1]:
            raise ShapeError(f"{cls.name()}: expected {len(columns)} columns, found {values.shape[1]}")
        seen = [v[~np.isnan(v)].astype(np.float64) for v in values.T]
        empty = [column.name for column, v in zip(columns, seen, strict=True) if not len(v)]
        if empty:
            raise DataError(f"{cls.name()}: expected values in column {empty[0]}, found none; leave it out")
        with np.errstate(all="ignore"):
            marginals = tuple(Marginal.fit(column, v) for column, v in zip(columns, seen, strict=True))
            return cls._fit(values.astype(np.float64), tuple(columns), marginals, seed)

    def log_likelihood(self, values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        """log p of each row's observed cells, nats per datum."""
        starts = range(0, max(1, len(values)), ROWS_AT_ONCE)
        with np.errstate(all="ignore"):
            return np.concatenate([self._log_likelihood(values[s : s + ROWS_AT_ONCE]) for s in starts])

    def each(
        self, values: Float[np.ndarray, "rows columns"]
    ) -> tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]:
        """log p of each cell given the row's other cells, nats, and what they would have it be.

        The second holds means of numbers and the likeliest categories. Both are NaN where a cell is missing.
        """
        with np.errstate(all="ignore"):
            log_density, guess = self._each(values)
        missing = np.isnan(values)
        return np.where(missing, np.nan, log_density), np.where(missing, np.nan, guess)

    @classmethod
    @abstractmethod
    def _fit(
        cls, values: np.ndarray, columns: tuple[Column, ...], marginals: tuple[Marginal, ...], seed: int
    ) -> "TypedBaseline":
        """Fit what the marginals leave open."""

    @abstractmethod
    def _log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """log p of the rows of a block."""

    @abstractmethod
    def _each(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log p of each cell given the others, and their guess of it; anything where a cell is missing."""

    def _alone(self, values: np.ndarray) -> np.ndarray:
        """log p of each cell on its own, nats; 0 where it is missing."""
        return np.stack(
            [
                np.where(np.isnan(v), 0.0, marginal.log_density(np.nan_to_num(v)))
                for marginal, v in zip(self.marginals, values.T, strict=True)
            ],
            axis=1,
        )
