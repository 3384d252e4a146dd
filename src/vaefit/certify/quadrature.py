"""Certificates of the likelihood of nonlinear models: a grid over one or two latents says what it is."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Float

from vaefit.assemble import build_model
from vaefit.certify.certificate import Certificate
from vaefit.certify.subject import Subject
from vaefit.evaluation import importance_sample
from vaefit.evaluation.annealing import simulate
from vaefit.model import VAE
from vaefit.settings import Settings

DIM = 6
ROWS = 8
SD = 1.0
REACH = 8.0  # sds of the prior
POINTS = {1: 4001, 2: 301}  # along each latent
NATS = 0.02


def one_latent_is_quadrature(subject: Subject) -> list[Certificate]:
    """A random network with Gaussian outputs."""
    model = _random_model(1, subject.seed, likelihood="gaussian", sigma="fixed", sigma_init=SD)
    return [_against_grid(model, subject, "Gaussian")]


def two_latents_are_quadrature(subject: Subject) -> list[Certificate]:
    """A random network with Bernoulli outputs."""
    return [_against_grid(_random_model(2, subject.seed, likelihood="bernoulli"), subject, "Bernoulli")]


def _random_model(latent_dim: int, seed: int, **likelihood: str | float) -> VAE:
    """Its q(z|x) is near the prior, broad enough for weights with a finite variance."""
    settings = Settings.of(
        latent_dim=latent_dim,
        encoder_layers=(8,),
        decoder_layers=(16,),
        init_sd=0.7,
        activation="tanh",
        **likelihood,
    )
    model = build_model(settings, DIM, jax.random.key(seed))
    return eqx.tree_at(lambda m: m.encoder, model, jax.tree.map(lambda weight: 0.3 * weight, model.encoder))


def _against_grid(model: VAE, subject: Subject, outputs: str) -> Certificate:
    _, x = simulate(model, ROWS, seed=subject.seed)
    draws = subject.effort.quadrature_draws
    found = importance_sample(model, x, draws=draws, seed=subject.seed, block=ROWS)
    off = np.abs(found.log_likelihood - _by_grid(model, x))
    latents = model.posterior.latent_dim
    name = f"random network, {outputs}, {latents} latent{'s' * (latents > 1)}: log-likelihood = quadrature"
    return Certificate(name, float(off.max()), NATS, f"nats, largest of {ROWS} rows, {found.draws:,} draws")


def _by_grid(model: VAE, x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, " rows"]:
    """log of the integral of p(x|z) p(z) by the trapezoidal rule, its densities scipy's, in float64."""
    latents = model.posterior.latent_dim
    along = np.linspace(-REACH, REACH, POINTS[latents])
    z = np.stack(np.meshgrid(*[along] * latents), axis=-1).reshape(-1, latents)
    means = np.asarray(model.location(jnp.asarray(z, jnp.float32)), np.float64)
    log_pz = scipy.stats.norm.logpdf(z).sum(axis=1) + latents * np.log(along[1] - along[0])
    normal = partial(scipy.stats.norm.logpdf, scale=SD)
    density = scipy.stats.bernoulli.logpmf if model.likelihood.discrete else normal
    log_pxz = [density(row, means).sum(axis=1) + log_pz for row in x]
    return np.asarray(scipy.special.logsumexp(log_pxz, axis=1))
