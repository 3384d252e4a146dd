"""Whether the likelihood's intervals contain the share of values they claim; and reconstruction error."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from vaefit.errors import SettingsError
from vaefit.evaluation.blocks import mapped
from vaefit.evaluation.importance import why_undefined
from vaefit.evaluation.latents import own_draws
from vaefit.model import VAE

LEVELS = (0.5, 0.9, 0.95)
DRAWS = 8


def why_no_intervals(model: VAE) -> str | None:
    """Why p(x|z) has no intervals, in words; None where it has."""
    if why := why_undefined(model):
        return why
    if model.likelihood.discrete:
        return "its likelihood is a probability mass, whose intervals cannot contain just any share"
    try:
        z = jnp.zeros((1, model.posterior.latent_dim))
        eqx.filter_eval_shape(lambda m, z: m.decode(z).cdf(jnp.zeros((1, m.likelihood.dim))), model, z)
    except NotImplementedError:
        return "its likelihood has no distribution function"
    return None


def coverage(model: VAE, x: Float[np.ndarray, "rows variables"], *, seed: int = 0) -> dict[float, float]:
    """Share of values inside the central 50, 90 and 95% intervals of p(x|z), z drawn from q(z|x).

    Mean over values and eight draws of z. Where the model is right and q(z|x) its exact posterior, (x, z) are
    draws of p(x, z) and each share is its level (an interval of the mixture over z would contain more: it has
    seen x). Less: the likelihood is too sure of itself; more: its sd is too large.

    Raises:
        SettingsError: p(x|z) has no intervals (see `why_no_intervals`).

    >>> from vaefit.assemble import build_model
    >>> from vaefit.settings import Settings
    >>> settings = Settings.of(latent_dim=2, likelihood="gaussian", sigma="fixed", sigma_init=1.0)
    >>> model = build_model(settings, dim=5, key=jax.random.key(0))
    >>> x = np.random.default_rng(0).normal(size=(1000, 5)).astype(np.float32)
    >>> {level: round(share, 1) for level, share in coverage(model, x).items()}
    {0.5: 0.5, 0.9: 0.9, 0.95: 0.9}
    """
    if why := why_no_intervals(model):
        raise SettingsError(f"expected a likelihood with intervals, found none: {why}; leave coverage out")
    shares = covered(model, x, seed=seed).mean(axis=0, dtype=np.float64)
    return {level: float(share) for level, share in zip(LEVELS, shares, strict=True)}


def covered(
    model: VAE, x: Float[np.ndarray, "rows variables"], *, seed: int = 0, first: int = 0
) -> Float[np.ndarray, "rows levels"]:
    """What `coverage` is the mean of: of each row's values, those inside; `first` is the first row's number.

    Its noise is a row's own, so that rows in blocks get the shares of all rows at once.
    """
    key = jax.random.fold_in(jax.random.key(seed), 10)
    return mapped(partial(_inside, model, key), x, first + np.arange(len(x)))


@eqx.filter_jit
def _inside(
    model: VAE, key: Key[Array, ""], x: Float[Array, "rows variables"], numbers: Int[Array, " rows"]
) -> Float[Array, "rows levels"]:
    """Share of each row's values inside the interval of each level, over the draws."""
    outputs = model.encoder(x).output

    def of_draw(number: Array) -> Array:
        # Noise of each row's own: eight draws shared by all rows would be no sample of p(z).
        z = own_draws(model, jax.random.fold_in(key, number), outputs, numbers)
        off_centre = jnp.abs(jnp.asarray(model.decode(z).cdf(x)) - 0.5)
        return jnp.stack([jnp.mean(off_centre <= level / 2, axis=-1) for level in LEVELS], axis=-1)

    return jnp.mean(jax.lax.map(of_draw, jnp.arange(DRAWS)), axis=0)


def reconstruction_mse(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    target: Float[np.ndarray, "rows variables"] | None = None,
) -> Float[np.ndarray, " rows"]:
    """Mean squared error of the mean of p(x|z) at the mean of q(z|x), for each row, in network units.

    `target` is what should be reconstructed, where it is not x itself (pixels without dequantisation noise).
    """
    return mapped(partial(_squared_error, model), x, x if target is None else target)


@eqx.filter_jit
def _squared_error(
    model: VAE, x: Float[Array, "rows variables"], target: Float[Array, "rows variables"]
) -> Float[Array, " rows"]:
    mean = model.encode(x).mean
    assert mean is not None
    return jnp.mean((model.location(mean) - target) ** 2, axis=-1)
