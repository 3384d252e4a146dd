"""One Gaussian with a full covariance, shrunk."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vaefit.baselines._base import ROWS_AT_ONCE, Baseline
from vaefit.ppca import Ppca, Spectrum


@dataclass(frozen=True, eq=False)
class FullGaussian(Baseline):
    r"""One Gaussian with all covariances, shrunk as Ledoit and Wolf do.

    $p(x) = N(\mu, (1 - s) S + s \bar\lambda I)$ with S the sample covariance, $\bar\lambda$ the mean variance
    and s from the data; the smallest variance has the floor 1e-8 of the mean variance. It has no latents, so
    it rebuilds nothing.
    """

    model: Ppca  # of full rank: W = U ((1 - s) L)^1/2, so that wide data needs no D by D matrix

    reference: ClassVar[str] = "Ledoit & Wolf 2004, J. Multivariate Analysis 88(2)"

    @classmethod
    def _fit(cls, x: np.ndarray, latent_dim: int, seed: int) -> "FullGaussian":
        spectrum = Spectrum.fit(x.astype(np.float64, copy=False))
        s = shrinkage(spectrum, _fourth_moment(x, spectrum.mean))
        components = spectrum.eigenvectors * np.sqrt((1 - s) * spectrum.eigenvalues)
        noise = max(spectrum.noise_floor, s * float(spectrum.eigenvalues.sum()) / spectrum.dim)
        return cls(x.shape[1], f"shrinkage {s:.2g}", Ppca(spectrum.mean, components, noise))

    def _log_likelihood(self, x: np.ndarray) -> np.ndarray:
        return self.model.log_likelihood(x)


def shrinkage(spectrum: Spectrum, fourth_moment: float) -> float:
    r"""Ledoit and Wolf's s: the estimated error of S over its distance from $\bar\lambda I$, at most 1.

    $s = \min(1, (\overline{\|x - \mu\|^4} - \sum \lambda^2) / N / \sum (\lambda - \bar\lambda)^2)$.
    """
    squares = float((spectrum.eigenvalues**2).sum())
    distance = squares - float(spectrum.eigenvalues.sum()) ** 2 / spectrum.dim
    error = (fourth_moment - squares) / spectrum.n
    return float(np.clip(error / distance, 0.0, 1.0)) if distance > 0 else 1.0


def _fourth_moment(x: np.ndarray, mean: np.ndarray) -> float:
    """Mean of the fourth power of the distance from the mean."""
    blocks = (x[start : start + ROWS_AT_ONCE] - mean for start in range(0, len(x), ROWS_AT_ONCE))
    return sum(float(((rows**2).sum(axis=1) ** 2).sum()) for rows in blocks) / len(x)
