"""A VAE with hidden units in few latents, and its likelihood by quadrature."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from linear_gaussian import DIM
from vaefit.assemble import build_model
from vaefit.model import VAE
from vaefit.settings import Settings


def nonlinear(likelihood: str, latent_dim: int) -> VAE:
    settings = Settings.of(
        likelihood=likelihood,
        latent_dim=latent_dim,
        encoder_layers=(8,),
        decoder_layers=(8,),
        linear_path=False,
        init_sd=0.5,
        bias_sd=0.3,
    )
    model = build_model(settings, DIM, jax.random.key(3))
    # Near the prior: wide enough for every row's posterior.
    encoder = lambda m: (m.encoder.weights[-1], m.encoder.biases[-1])  # noqa: E731
    near = (0.2 * model.encoder.weights[-1], jnp.zeros(2 * latent_dim))
    return eqx.tree_at(encoder, model, near)


def by_quadrature(model: VAE, x: np.ndarray, points: int = 241) -> np.ndarray:
    """log p(x) by the trapezoidal rule over the prior, nats."""
    axis = np.linspace(-7, 7, points)
    latent_dim = model.posterior.latent_dim
    grid = np.stack(np.meshgrid(*[axis] * latent_dim), axis=-1).reshape(-1, latent_dim).astype(np.float32)
    log_prior = -0.5 * np.sum(grid.astype(float) ** 2, axis=1) - 0.5 * latent_dim * np.log(2 * np.pi)
    log_px = np.asarray(model.decode(jnp.asarray(grid[:, None])).log_prob(x), np.float64).sum(axis=-1)
    return scipy.special.logsumexp(log_px + log_prior[:, None], axis=0) + latent_dim * np.log(14 / 240)
