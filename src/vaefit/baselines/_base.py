"""What every baseline offers, and the checks that all of them share."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Num

from vaefit.errors import DataError, ShapeError

ROWS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Baseline(ABC):
    """A density fitted to rows without a network.

    Authors write `_fit`, `_log_likelihood` and, where rows can be rebuilt from fewer numbers, `_reconstruct`.
    `made` tells how it came out ("12 components").
    """

    dim: int
    made: str

    reference: ClassVar[str] = ""
    # Whether it is a probability mass of zeros and ones, not a density of real numbers.
    binary: ClassVar[bool] = False

    @classmethod
    def name(cls) -> str:
        """Its name: its file's."""
        return cls.__module__.rsplit(".", 1)[-1].replace("_", "-")

    @classmethod
    def summary(cls) -> str:
        """One line for tables and help."""
        return (cls.__doc__ or "").split("\n")[0].rstrip(".")

    @classmethod
    def fit(cls, x: Num[np.ndarray, "rows variables"], latent_dim: int, seed: int) -> "Baseline":
        """Fit to the rows of `x`; `latent_dim` counts for those that have latents, `seed` for what is random.

        Raises:
            DataError: it cannot be fitted to these rows; the message says why.
        """
        cls._check(x)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # EM that stops at its limit is told in `made`
                return cls._fit(x, latent_dim, seed)
        except DataError:
            raise
        except (ArithmeticError, MemoryError, ValueError) as e:  # LinAlgError is a ValueError
            raise DataError(f"{cls.name()}: cannot be fitted to {_size(x)}: {_first_line(e)}") from e

    def log_likelihood(self, x: Num[np.ndarray, "rows variables"]) -> Float[np.ndarray, " rows"]:
        """log p(x) of each row, nats per datum.

        Raises:
            ShapeError: the rows have another number of variables than those fitted.
            DataError: a baseline of zeros and ones is given something else.
        """
        return self._by_blocks(self._log_likelihood, x)

    def reconstruct(self, x: Num[np.ndarray, "rows variables"]) -> Float[np.ndarray, "rows variables"] | None:
        """Each row rebuilt from what the density keeps of it; None where it keeps all or nothing.

        Raises:
            ShapeError: the rows have another number of variables than those fitted.
            DataError: a baseline of zeros and ones is given something else.
        """
        if type(self)._reconstruct is Baseline._reconstruct:
            return None
        return self._by_blocks(self._reconstruct, x)

    @classmethod
    @abstractmethod
    def _fit(cls, x: np.ndarray, latent_dim: int, seed: int) -> "Baseline":
        """Fit to checked rows of any number type."""

    @abstractmethod
    def _log_likelihood(self, x: np.ndarray) -> np.ndarray:
        """log p(x) of a block of float64 rows."""

    def _reconstruct(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _by_blocks(self, function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
        if x.shape[1] != self.dim:
            raise ShapeError(f"{self.name()}: expected {self.dim} variables, as fitted, found {x.shape[1]}")
        self._check_values(x)
        starts = range(0, max(1, len(x)), ROWS_AT_ONCE)
        return np.concatenate([function(x[s : s + ROWS_AT_ONCE].astype(np.float64)) for s in starts])

    @classmethod
    def _check(cls, x: np.ndarray) -> None:
        if x.size == 0:
            raise DataError(f"{cls.name()}: expected rows and variables to fit, found {_size(x)}")
        if not np.isfinite(x).all():
            raise DataError(f"{cls.name()}: expected finite numbers, found NaN or infinity; leave them out")
        cls._check_values(x)

    @classmethod
    def _check_values(cls, x: np.ndarray) -> None:
        if cls.binary and not ((x == 0) | (x == 1)).all():
            raise DataError(f"{cls.name()}: expected zeros and ones, found other values; binarise the data")


def _size(x: np.ndarray) -> str:
    return f"{x.shape[0]} rows of {x.shape[1]} variables"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
