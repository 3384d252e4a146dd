"""Probabilistic PCA at the model's latent size."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vaefit.baselines._base import Baseline
from vaefit.ppca import Ppca, Spectrum


@dataclass(frozen=True, eq=False)
class ProbabilisticPca(Baseline):
    r"""Probabilistic PCA with as many latents: the best linear VAE.

    $p(x) = N(\mu, W W^\top + \sigma^2 I)$; the noise variance has the floor 1e-8 of the mean variance. Rows
    are rebuilt by PCA's orthogonal projection.
    """

    model: Ppca

    reference: ClassVar[str] = "Tipping & Bishop 1999, J. R. Stat. Soc. B 61(3)"

    @classmethod
    def _fit(cls, x: np.ndarray, latent_dim: int, seed: int) -> "ProbabilisticPca":
        spectrum = Spectrum.fit(x.astype(np.float64, copy=False))
        model = spectrum.ppca(latent_dim)
        short = f" of {latent_dim}, all that rank {spectrum.rank} allows" * (model.latent_dim < latent_dim)
        return cls(x.shape[1], f"{model.latent_dim} latents{short}", model)

    def _log_likelihood(self, x: np.ndarray) -> np.ndarray:
        return self.model.log_likelihood(x)

    def _reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.model.reconstruct(x)
