"""How odd rows are: the model's density, smoothed by a kernel as wide as the columns are spread."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution

from vaefit.evaluation.blocks import Progress, blocks, mapped, unseen
from vaefit.model import VAE

# Latents of training rows that stand for all of them.
MOST_LATENTS = 1000
# In robust standard deviations. Wide: anomalies among the training rows, alike, make no mode of their own.
BANDWIDTH = 1.5
# A column most of whose values are the same has no quartiles apart: at least this share of its sd counts.
LEAST_SPREAD = 0.1
_QUARTILES_APART = 1.349  # of a normal distribution, in standard deviations
_ROWS = 64


@dataclass(frozen=True, eq=False)
class Reference:
    """What training rows are like: draws of q(z|x) of some of them, and each variable's robust sd."""

    latents: Float[np.ndarray, "draws latent"]
    spread: Float[np.ndarray, " variables"]


def reference_of(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    *,
    seed: int,
    weights: Float[np.ndarray, " rows"] | None = None,
) -> Reference | None:
    """The reference of training rows in network units; None: the likelihood cannot be smoothed."""
    likelihood = model.likelihood
    if likelihood.smoothed(jnp.zeros(likelihood.width), jnp.zeros(likelihood.dim)) is None:
        return None
    n, rng = len(x), np.random.default_rng([seed, 3])
    share = None if weights is None else weights / weights.sum()
    some = rng.choice(n, min(n, MOST_LATENTS), replace=weights is not None, p=share)
    found = mapped(lambda block: _moments(model, block), x[some])
    noise = rng.standard_normal(found[:, 0].shape)
    return Reference((found[:, 0] + found[:, 1] * noise).astype(np.float32), robust_sd(x))


def smoothed_log_density(
    model: VAE, x: Float[np.ndarray, "rows variables"], reference: Reference, *, progress: Progress = unseen
) -> Float[np.ndarray, " rows"]:
    r"""The log-density of rows in network units under the smoothed aggregate posterior, nats.

    $\log \frac1M \sum_m \int p(x'|z_m) K(x - x') dx'$, K a Gaussian of `BANDWIDTH` times each variable's
    robust sd and $z_m \sim q(z|x_m)$ of training rows $x_m$. Smoothing takes the spikes off a likelihood
    (levels of rounded columns, rows learnt by heart); latents of rows leave out what the prior has and the
    data lack.

    Source: the aggregate posterior of Tomczak & Welling 2018, arXiv:1705.07120.

    >>> from vaefit.assemble import build_model
    >>> from vaefit.settings import Settings
    >>> model = build_model(Settings.of(latent_dim=2, likelihood="gaussian"), dim=3, key=jax.random.key(0))
    >>> x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    >>> reference = reference_of(model, x, seed=0)
    >>> near, far = smoothed_log_density(model, np.array([[0.0, 0, 0], [9, 9, 9]]), reference)
    >>> bool(near > far)
    True
    """
    width = jnp.asarray(BANDWIDTH * reference.spread)
    output, found = _decoded(model, jnp.asarray(reference.latents)), []
    for rows, (block,) in blocks(np.asarray(x, np.float32), size=_ROWS):
        found.append(np.asarray(_log_density(model, block, output, width))[: rows.stop - rows.start])
        progress(rows.stop, len(x))
    return np.concatenate(found).astype(np.float64)


def robust_sd(x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, " variables"]:
    """Each column's standard deviation by its quartiles; 1 for a constant one."""
    low, high = np.quantile(x, [0.25, 0.75], axis=0)
    sd = x.std(axis=0, dtype=np.float64)
    found = np.maximum((high - low) / _QUARTILES_APART, LEAST_SPREAD * sd)
    return np.where(found > 0, found, 1.0).astype(np.float32)


@eqx.filter_jit
def _moments(model: VAE, x: Float[Array, "rows variables"]) -> Float[Array, "rows 2 latent"]:
    q = model.encode(x)
    assert q.mean is not None and q.variance is not None
    return jnp.stack([q.mean, jnp.sqrt(q.variance)], axis=1)


@eqx.filter_jit
def _decoded(model: VAE, z: Float[Array, "draws latent"]) -> Float[Array, "draws width"]:
    return model.decoder(z).output


@eqx.filter_jit
def _log_density(
    model: VAE,
    x: Float[Array, "rows variables"],
    output: Float[Array, "draws width"],
    bandwidth: Float[Array, " variables"],
) -> Float[Array, " rows"]:
    p = model.likelihood.smoothed(output, bandwidth)
    assert isinstance(p, Distribution)
    log_p = jnp.sum(jnp.asarray(p.log_prob(x[:, None])), axis=-1)
    return jax.nn.logsumexp(log_p, axis=1) - jnp.log(1.0 * len(output))
