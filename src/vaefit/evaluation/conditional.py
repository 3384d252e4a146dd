"""Draws of what is missing in a row, given what is there."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from numpyro import distributions as dist

from vaefit.backend import quickly_compiled
from vaefit.evaluation.blocks import Progress, blocks, unseen
from vaefit.evaluation.latents import own_draws
from vaefit.model import VAE

ROWS = 32
# Variance beside that of draws that are all the same.
TINY = 1e-12


def completions(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    *,
    draws: int,
    proposals: int = 2000,
    seed: int = 0,
    progress: Progress = unseen,
) -> Iterator[tuple[slice, Float[np.ndarray, "draws block variables"]]]:
    r"""Rows with their missing cells (NaN) drawn from $p(x_{mis}|x_{obs})$, a block of rows at a time.

    Sampling importance resampling: half of the `proposals` are draws of $q(z|x_{obs})$, half of a Gaussian
    with the mean and covariance that the first half, weighted, gives. Of these $z_k$ each completion takes
    one with probability proportional to $w_k = p(x_{obs}|z_k) p(z_k) / m(z_k)$, m the mixture of both, and a
    draw of $p(x_{mis}|z_k)$. Cells that are there stay.

    Source: Mattei & Frellsen 2019, arXiv:1812.02633, section 4; Veach & Guibas 1995 (SIGGRAPH) for m; Bugallo
    et al. 2017 (IEEE Signal Processing Magazine 34) for the second half.

    >>> from vaefit.assemble import build_model
    >>> from vaefit.settings import Settings
    >>> model = build_model(Settings.of(latent_dim=2, likelihood="columns"), dim=2, key=jax.random.key(0))
    >>> x = np.array([[1.0, np.nan]], np.float32)
    >>> [(rows, drawn.shape) for rows, drawn in completions(model, x, draws=5)]
    [(slice(0, 1, None), (5, 1, 2))]
    """
    key = jax.random.fold_in(jax.random.key(seed), 11)
    total = -(-len(x) // ROWS)
    for number, (rows, (block,)) in enumerate(blocks(x, size=ROWS)):
        numbers = jnp.asarray(np.arange(rows.start, rows.start + ROWS, dtype=np.int32))
        drawn = _complete_block(model, block, key, numbers, draws, proposals)
        progress(number + 1, total)
        yield rows, np.asarray(drawn)[:, : rows.stop - rows.start]


class _Proposals(NamedTuple):
    """Draws of z for each row, the decoder's outputs there, and log p(x, z) of the cells that are there."""

    z: Float[Array, "proposals rows latent"]
    decoded: Float[Array, "proposals rows width"]
    log_joint: Float[Array, "proposals rows"]


@quickly_compiled
def _complete_block(
    model: VAE,
    x: Float[Array, "rows variables"],
    key: Key[Array, ""],
    numbers: Int[Array, " rows"],
    draws: int,
    proposals: int,
) -> Float[Array, "draws rows variables"]:
    latent_key, nearer_key, choice_key, cell_key = jax.random.split(key, 4)
    outputs, prior = model.encoder(x).output, model.prior_over_latents()
    q = model.posterior(outputs)

    def decoded(z: Float[Array, "proposals rows latent"]) -> _Proposals:
        output = model.decoder(z).output
        log_px = jnp.sum(jnp.asarray(model.likelihood(output).log_prob(x)), axis=-1)
        return _Proposals(z, output, log_px + jnp.asarray(prior.log_prob(z)))

    # Every row has noise of its own: rows drawn together must be independent.
    keys = jax.random.split(latent_key, proposals - proposals // 2)
    first = decoded(jax.vmap(lambda k: own_draws(model, k, outputs, numbers))(keys))
    nearer = _nearer(first, first.log_joint - jnp.asarray(q.log_prob(first.z)))
    second = decoded(_own_normals(nearer, nearer_key, numbers, proposals // 2))
    both = jax.tree.map(lambda *parts: jnp.concatenate(parts), first, second)
    # As if each came from the mixture of both, by their shares: no draw's weight is far above q's alone.
    shares = jnp.log(jnp.array([len(first.z), len(second.z)]) / proposals)
    log_mixture = jnp.logaddexp(
        jnp.asarray(q.log_prob(both.z)) + shares[0], jnp.asarray(nearer.log_prob(both.z)) + shares[1]
    )

    def of_row(
        number: Array, log_weight: Float[Array, " proposals"], decoded: Float[Array, "proposals width"]
    ) -> Float[Array, "draws variables"]:
        chosen = _resampled(jax.random.fold_in(choice_key, number), jax.nn.softmax(log_weight), draws)
        p = model.likelihood(decoded[chosen])
        return jnp.asarray(p.sample(jax.random.fold_in(cell_key, number)))

    drawn = jax.vmap(of_row, in_axes=(0, 1, 1), out_axes=1)(
        numbers, both.log_joint - log_mixture, both.decoded
    )
    return jnp.where(jnp.isnan(x), drawn, x)


def _nearer(found: _Proposals, log_weight: Float[Array, "proposals rows"]) -> dist.MultivariateNormal:
    """Each row's Gaussian with the weighted mean and covariance of its draws.

    Where few of them count, their covariance says little: the spread of all draws counts beside it, as one
    draw for each latent.
    """
    weight = jax.nn.softmax(log_weight, axis=0)
    mean = jnp.einsum("kr,kri->ri", weight, found.z)
    away = found.z - mean
    covariance = jnp.einsum("kr,kri,krj->rij", weight, away, away)
    spread = jax.vmap(jnp.diag)(jnp.var(found.z, axis=0) + TINY)
    counting, latents = 1 / jnp.sum(weight**2, axis=0)[:, None, None], found.z.shape[-1]
    blended = (counting * covariance + latents * spread) / (counting + latents)
    return dist.MultivariateNormal(mean, scale_tril=jnp.linalg.cholesky(blended), validate_args=False)


def _own_normals(
    normal: dist.MultivariateNormal, key: Key[Array, ""], numbers: Int[Array, " rows"], draws: int
) -> Float[Array, "draws rows latent"]:
    """Draws of each row's own Gaussian."""
    shape = draws, normal.event_shape[0]
    noise = jax.vmap(lambda n: jax.random.normal(jax.random.fold_in(key, n), shape), out_axes=1)(numbers)
    return jnp.asarray(normal.loc) + jnp.einsum("rij,krj->kri", normal.scale_tril, noise)


def _resampled(key: Key[Array, ""], weight: Float[Array, " proposals"], draws: int) -> Int[Array, " draws"]:
    """Each proposal as often as its weight says, up to one (systematic resampling); in random order."""
    offset_key, order_key = jax.random.split(key)
    cumulative = jnp.cumsum(weight)
    places = (jnp.arange(draws) + jax.random.uniform(offset_key)) / draws * cumulative[-1]
    chosen = jnp.minimum(jnp.searchsorted(cumulative, places), len(weight) - 1)
    return jax.random.permutation(order_key, chosen)
