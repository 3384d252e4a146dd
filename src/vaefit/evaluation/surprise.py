"""Which variables of a row cost most: the distortion, variable by variable."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from vaefit.evaluation.blocks import mapped
from vaefit.evaluation.latents import own_draws
from vaefit.model import VAE

# Few rows at a time: it is mostly asked of one.
ROWS, DRAWS = 8, 16


def distortion_of_variables(
    model: VAE, x: Float[np.ndarray, "rows variables"], *, draws: int = DRAWS, seed: int = 0
) -> Float[np.ndarray, "rows variables"]:
    r"""$-E_{q(z|x)} \log p(x_d|z)$ of every variable of rows in network units, nats; zero where missing.

    Its sum over the variables is the row's distortion. A likelihood that takes all draws together (the 2016
    program's) has one density of all `draws`.

    >>> from vaefit.assemble import build_model
    >>> from vaefit.settings import Settings
    >>> model = build_model(Settings.of(latent_dim=2, likelihood="gaussian"), dim=5, key=jax.random.key(0))
    >>> distortion_of_variables(model, np.ones((3, 5), np.float32)).shape
    (3, 5)
    """
    key = jax.random.fold_in(jax.random.key(seed), 13)
    return mapped(partial(_distortion, model, key, draws), x, np.arange(len(x)), size=ROWS)


@eqx.filter_jit
def _distortion(
    model: VAE,
    key: Key[Array, ""],
    draws: int,
    x: Float[Array, "rows variables"],
    numbers: Int[Array, " rows"],
) -> Float[Array, "rows variables"]:
    outputs = model.encoder(x).output
    z = jax.vmap(lambda k: own_draws(model, k, outputs, numbers))(jax.random.split(key, draws))
    return -jnp.mean(jnp.asarray(model.decode(z).log_prob(x)), axis=0)
