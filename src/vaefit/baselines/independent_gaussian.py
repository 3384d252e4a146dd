"""One Gaussian for each variable."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vaefit.baselines._base import Baseline
from vaefit.baselines._tools import Scale
from vaefit.ppca import LOG_2PI


@dataclass(frozen=True, eq=False)
class IndependentGaussian(Baseline):
    r"""A Gaussian for each variable on its own.

    $\log p(x) = \sum_d \log N(x_d; \mu_d, \sigma_d^2)$; variances have the floor 1e-8 of their mean. Every
    row is rebuilt as the mean: nothing of it is kept.

    >>> fitted = IndependentGaussian.fit(np.array([[-1.0], [1.0]]), latent_dim=1, seed=0)
    >>> fitted.log_likelihood(np.zeros((1, 1))).round(3).tolist()
    [-0.919]
    """

    scale: Scale

    reference: ClassVar[str] = "maximum likelihood in closed form"

    @classmethod
    def _fit(cls, x: np.ndarray, latent_dim: int, seed: int) -> "IndependentGaussian":
        return cls(x.shape[1], "mean and variance of each variable", Scale.of(x))

    def _log_likelihood(self, x: np.ndarray) -> np.ndarray:
        return self.scale.log_jacobian - 0.5 * (self.scale(x) ** 2 + LOG_2PI).sum(axis=1)

    def _reconstruct(self, x: np.ndarray) -> np.ndarray:
        return np.tile(self.scale.mean, (len(x), 1))
