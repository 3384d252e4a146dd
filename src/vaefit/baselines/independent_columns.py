"""Each column of a table on its own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vaefit.baselines._marginals import Marginal
from vaefit.baselines._typed import TypedBaseline
from vaefit.data import Column


@dataclass(frozen=True, eq=False)
class IndependentColumns(TypedBaseline):
    r"""Each column on its own: a histogram smoothed by a simple family.

    $p(x) = \prod_d p_d(x_d)$ over the observed cells, with $p_d$ a `Marginal`. A cell's best guess is the
    column's mean or its commonest category: nothing of the row is used.

    >>> from vaefit.data import Column
    >>> coin = IndependentColumns.fit(np.array([[0.0], [1.0]] * 50), [Column("a", "binary", ("n", "y"))], 0)
    >>> coin.log_likelihood(np.array([[1.0], [np.nan]])).round(2).tolist()
    [-0.69, 0.0]
    """

    reference: ClassVar[str] = "Hastie et al. 2009, The Elements of Statistical Learning, section 7.10"

    @classmethod
    def _fit(
        cls, values: np.ndarray, columns: tuple[Column, ...], marginals: tuple[Marginal, ...], seed: int
    ) -> "IndependentColumns":
        return cls(columns, marginals, "histogram and family of each column")

    def _log_likelihood(self, values: np.ndarray) -> np.ndarray:
        return self._alone(values).sum(axis=1)

    def _each(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        guess = [
            m.mode if c.categories else m.mean for c, m in zip(self.columns, self.marginals, strict=True)
        ]
        return self._alone(values), np.tile(guess, (len(values), 1))
