"""A VAE whose likelihood is known: linear decoder, one sd, so that x is a multivariate normal."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from vaefit.assemble import build_model
from vaefit.likelihoods.gaussian import Gaussian
from vaefit.model import VAE
from vaefit.settings import Settings

DIM, SD = 6, 0.5
MEAN = np.linspace(-1, 1, DIM)
# Orthogonal rows: the posterior of a linear model is then diagonal, as the encoder's is.
WEIGHT = np.linalg.qr(np.random.default_rng(0).normal(size=(DIM, 2)))[0].T * np.array([[2.0], [0.7]])


def drawn(rows: int) -> np.ndarray:
    """Rows of the model with these parameters."""
    rng = np.random.default_rng(1)
    noise = SD * rng.normal(size=(rows, DIM))
    return (rng.normal(size=(rows, 2)) @ WEIGHT + MEAN + noise).astype(np.float32)


def linear_gaussian(weight: np.ndarray, mean: np.ndarray, sd: float) -> VAE:
    """x = weight' z + mean + sd noise, with the exact posterior's mean, and its sd where W'W is diagonal."""
    latent_dim, dim = weight.shape
    settings = Settings.of(
        likelihood="gaussian",
        sigma="learned",
        latent_dim=latent_dim,
        encoder_layers=(),
        decoder_layers=(),
        linear_path=False,
    )
    model = build_model(settings, dim, jax.random.key(0))
    precision = weight @ weight.T + sd**2 * np.eye(latent_dim)
    gain = np.linalg.solve(precision, weight).T
    log_sd = 0.5 * np.log(sd**2 * np.diag(np.linalg.inv(precision)))
    parts = (
        np.concatenate([gain, np.zeros((dim, latent_dim))], axis=1),
        np.concatenate([-mean @ gain, log_sd]),
        weight,
        mean,
    )
    where = lambda m: (m.encoder.weights[0], m.encoder.biases[0], m.decoder.weights[0], m.decoder.biases[0])  # noqa: E731
    model = eqx.tree_at(where, model, tuple(jnp.asarray(part, jnp.float32) for part in parts))
    likelihood = Gaussian(dim=dim, sigma="learned", sigma_init=sd)
    return eqx.tree_at(lambda m: m.likelihood, model, likelihood)


def exact(weight: np.ndarray, mean: np.ndarray, sd: float, x: np.ndarray) -> np.ndarray:
    """log p(x) of each row, nats."""
    covariance = weight.T @ weight + sd**2 * np.eye(len(mean))
    return scipy.stats.multivariate_normal(mean, covariance).logpdf(x)
