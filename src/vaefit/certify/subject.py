"""What certificates are about: rows, and linear models of them whose numbers are known in closed form."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from vaefit import initialise
from vaefit.assemble import build_model
from vaefit.data import spread
from vaefit.errors import DataError
from vaefit.model import VAE
from vaefit.ppca import Ppca, Spectrum
from vaefit.settings import Settings

LINEAR: dict[str, Any] = {"likelihood": "gaussian", "encoder_layers": (), "decoder_layers": ()}


@dataclass(frozen=True, eq=False)
class Effort:
    """How much work the certificates take; fewer rows and steps make them quicker and less sharp."""

    rows: int = 2500
    draws: int = 16
    annealed_rows: int = 32
    chains: int = 64
    temperatures: int = 300
    steps: int = 3600
    sweep_steps: int = 1200
    quadrature_draws: int = 400_000


FULL = Effort()


@dataclass(frozen=True, eq=False)
class Subject:
    """Rows in network units, dequantised, and the latent size to certify."""

    x: Float[np.ndarray, "rows variables"]
    latent_dim: int
    seed: int = 0
    effort: Effort = FULL

    @cached_property
    def spectrum(self) -> Spectrum:
        """The rows' covariance, float64."""
        return Spectrum.fit(self.x)

    @cached_property
    def ppca(self) -> Ppca:
        """The exact optimum of linear-Gaussian models with these latents."""
        return self.spectrum.ppca(self.latent_dim)

    @cached_property
    def exact(self) -> Float[np.ndarray, " rows"]:
        """log p(x) of each row under it, nats, in closed form."""
        return self.ppca.log_likelihood(self.x)

    @cached_property
    def linear(self) -> VAE:
        """A VAE with linear maps at that optimum, as `initialise` sets it."""
        return self.at_optimum(self.x, sigma="learned", **LINEAR)

    def at_optimum(self, x: Float[np.ndarray, "rows variables"], **settings: Any) -> VAE:
        """A VAE of these settings, started at the best linear model of `x`."""
        chosen = Settings.of(latent_dim=self.latent_dim, seed=self.seed, **settings)
        model = build_model(chosen, x.shape[1], jax.random.key(self.seed))
        started = initialise.at_linear_model(model, x)
        assert started is not None
        return started

    def smaller(self, latent_dim: int) -> "Subject":
        """The same with at most so many latents, on rows turned to their principal axes, of mean variance 1.

        Neither turning, shifting nor scaling changes what a linear model can reach, but for the log of the
        scale; an optimiser that scales each weight's step gets there in a tenth of the steps.
        """
        spread = np.sqrt(self.spectrum.eigenvalues.sum() / self.spectrum.dim)
        axes = np.linalg.qr(self.spectrum.eigenvectors, mode="complete")[0]
        x = ((self.x - self.spectrum.mean) @ axes / spread).astype(np.float32)
        return Subject(x, min(latent_dim, self.latent_dim), self.seed, self.effort)


def subject(x: Float[np.ndarray, "rows variables"], latent_dim: int, seed: int, effort: Effort) -> Subject:
    """Rows spread evenly over those given, at most as many as the effort allows, and latents they support.

    Raises:
        DataError: the rows vary in fewer than two directions.
    """
    x = x[spread(len(x), effort.rows)]
    most = Spectrum.fit(x).largest_k
    if most < 1:
        raise DataError("expected rows that vary in at least two directions, found fewer; give more rows")
    return Subject(x, min(latent_dim, most), seed, effort)
