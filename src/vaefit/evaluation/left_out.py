"""Each cell given the others of its row: how likely it is, and what the model would have it be."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from vaefit.evaluation.blocks import Progress, mapped, unseen
from vaefit.evaluation.latents import own_draws
from vaefit.model import VAE

ROWS = 64


def left_out(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    levels: tuple[int, ...],
    *,
    draws: int = 400,
    seed: int = 0,
    progress: Progress = unseen,
) -> tuple[Float[np.ndarray, "rows variables"], Float[np.ndarray, "rows variables"]]:
    r"""$\log p(x_d|x_{-d})$ of every cell, nats at network scale, and the guess of it; NaN where missing.

    $\log p(x) - \log p(x_{-d})$, both by the same draws, half of $q(z|x_{-d})$ and half of $q(z|x)$, with
    weights $p(\cdot|z_k) p(z_k) / (q(z_k|x_{-d}) + q(z_k|x))$: a surprising cell lies where the first has few
    draws. The guess has never seen the cell: it is the mean of the likelihood's location over the first
    half with weights $p(x_{-d}|z_k) p(z_k) / q(z_k|x_{-d})$, and of variables with `levels` the category that
    most of the weight thinks likeliest.

    Source: Mattei & Frellsen 2019, arXiv:1812.02633; Veach & Guibas 1995, SIGGRAPH (the two proposals).

    >>> from vaefit.assemble import build_model
    >>> from vaefit.settings import Settings
    >>> from vaefit.data import Variable
    >>> settings, two = Settings.of(latent_dim=2, likelihood="columns"), (Variable("real"), Variable("real"))
    >>> model = build_model(settings, dim=2, key=jax.random.key(0), variables=two)
    >>> log_density, guess = left_out(model, np.array([[1.0, np.nan]], np.float32), (0, 0), draws=5)
    >>> np.isnan(log_density).tolist(), np.isnan(guess).tolist()
    ([[False, True]], [[False, True]])
    """
    key = jax.random.fold_in(jax.random.key(seed), 12)
    found = []
    for column in range(x.shape[1]):
        progress(column, x.shape[1])
        of_column = partial(_left_out, model, key, jnp.asarray(column), draws, max(levels, default=0))
        found.append(mapped(of_column, x, np.arange(len(x)), size=ROWS))
    progress(x.shape[1], x.shape[1])
    log_density, mean, vote = np.moveaxis(np.stack(found, axis=-1).astype(np.float64), 1, 0)
    missing = np.isnan(x)
    guess = np.where(np.array(levels) > 0, vote, mean)
    return np.where(missing, np.nan, log_density), np.where(missing, np.nan, guess)


@eqx.filter_jit
def _left_out(
    model: VAE,
    key: Key[Array, ""],
    column: Int[Array, ""],
    draws: int,
    most_levels: int,
    x: Float[Array, "rows variables"],
    numbers: Int[Array, " rows"],
) -> Float[Array, "rows 3"]:
    # The column is traced: one program for all of them.
    own = jnp.arange(x.shape[1]) == column
    hidden = model.encoder(jnp.where(own, jnp.nan, x)).output
    given = model.encoder(x).output
    z = jnp.concatenate(
        [
            jax.vmap(lambda k, o=outputs: own_draws(model, k, o, numbers))(jax.random.split(part, draws // 2))
            for part, outputs in zip(jax.random.split(key), (hidden, given), strict=True)
        ]
    )
    decoded = model.decoder(z).output
    log_px = jnp.asarray(model.likelihood(decoded).log_prob(x))
    log_q = jnp.asarray(model.posterior(hidden).log_prob(z))
    log_either = jnp.logaddexp(log_q, jnp.asarray(model.posterior(given).log_prob(z)))
    log_rest = jnp.sum(jnp.where(own, 0.0, log_px), axis=-1) + jnp.asarray(
        model.prior_over_latents().log_prob(z)
    )
    log_whole = log_rest + jnp.sum(jnp.where(own, log_px, 0.0), axis=-1)
    blind = slice(0, draws // 2)
    weight = jax.nn.softmax((log_rest - log_q)[blind], axis=0)
    location = jnp.sum(jnp.where(own, model.likelihood.location(decoded[blind]), 0.0), axis=-1)
    votes = jnp.sum(weight[..., None] * (location[..., None] == jnp.arange(max(most_levels, 1))), axis=0)
    return jnp.stack(
        [
            jax.nn.logsumexp(log_whole - log_either, axis=0)
            - jax.nn.logsumexp(log_rest - log_either, axis=0),
            jnp.sum(weight * location, axis=0),
            jnp.argmax(votes, axis=-1).astype(x.dtype),
        ],
        axis=-1,
    )
