"""One Bernoulli for each variable."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import xlog1py, xlogy

from vaefit.baselines._base import Baseline


@dataclass(frozen=True, eq=False)
class IndependentBernoulli(Baseline):
    r"""A Bernoulli for each variable on its own.

    $\log p(x) = \sum_d x_d \log p_d + (1 - x_d) \log(1 - p_d)$, $p_d = (\text{ones} + 1/2) / (N + 1)$, so
    that a variable that never changed may change. Every row is rebuilt as p: nothing of it is kept.
    """

    probability: np.ndarray

    reference: ClassVar[str] = "Krichevsky & Trofimov 1981, IEEE Trans. Inf. Theory 27(2)"
    binary: ClassVar[bool] = True

    @classmethod
    def _fit(cls, x: np.ndarray, latent_dim: int, seed: int) -> "IndependentBernoulli":
        p = (x.sum(axis=0, dtype=np.float64) + 0.5) / (len(x) + 1)
        return cls(x.shape[1], "probability of each variable", p)

    def _log_likelihood(self, x: np.ndarray) -> np.ndarray:
        return (xlogy(x, self.probability) + xlog1py(1 - x, -self.probability)).sum(axis=1)

    def _reconstruct(self, x: np.ndarray) -> np.ndarray:
        return np.tile(self.probability, (len(x), 1))
