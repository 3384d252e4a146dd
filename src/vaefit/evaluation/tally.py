"""Means of numbers that come block by block."""

import math

import numpy as np
from jaxtyping import Float


class Tally:
    """The mean of each column of rows that come block by block, and its standard error; in float64.

    $M_2 = M_2' + M_2'' + (m'' - m')^2 n' n'' / (n' + n'')$ for two blocks with n rows, mean m and M_2 the sum
    of squares about it. Source: Chan, Golub & LeVeque 1983, The American Statistician 37(3).

    >>> tally = Tally()
    >>> for block in ([1.0, 2.0], [6.0]):
    ...     tally.add(np.array(block))
    >>> tally.n, float(tally.mean), round(float(tally.standard_error), 6)
    (3, 3.0, 1.527525)
    """

    def __init__(self) -> None:
        self.n = 0
        self.mean = np.zeros(())
        self._squares = np.zeros(())

    def add(self, values: Float[np.ndarray, "rows *columns"]) -> None:
        """Count a block of rows in."""
        n, total = len(values), self.n + len(values)
        # A row that no draw explains has no finite number: the mean is not finite either, and has no error.
        with np.errstate(invalid="ignore"):
            mean = values.mean(axis=0, dtype=np.float64)
            apart = (mean - self.mean) ** 2 * (self.n * n / total)
            self._squares = self._squares + ((values - mean) ** 2).sum(axis=0) + apart
            self.mean = np.asarray((self.mean * self.n + mean * n) / total)
        self.n = total

    @property
    def standard_error(self) -> Float[np.ndarray, "*columns"]:
        """Of the mean of independent rows; NaN for a single one."""
        if self.n < 2:
            return np.full_like(self.mean, math.nan)
        return np.asarray(np.sqrt(self._squares / (self.n - 1) / self.n))
