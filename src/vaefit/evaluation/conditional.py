"""Draws of what is missing in a row, given what is there."""

from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from vaefit.evaluation.blocks import Progress, blocks, unseen
from vaefit.evaluation.latents import own_draws
from vaefit.model import VAE

ROWS = 32


def completions(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    *,
    draws: int,
    proposals: int = 1000,
    seed: int = 0,
    progress: Progress = unseen,
) -> Iterator[tuple[slice, Float[np.ndarray, "draws block variables"]]]:
    r"""Rows with their missing cells (NaN) drawn from $p(x_{mis}|x_{obs})$, a block of rows at a time.

    Sampling importance resampling: of `proposals` draws $z_k \sim q(z|x_{obs})$ each completion takes one
    with probability proportional to $w_k = p(x_{obs}|z_k) p(z_k) / q(z_k|x_{obs})$, and a draw of
    $p(x_{mis}|z_k)$. Cells that are there stay. Source: Mattei & Frellsen 2019, arXiv:1812.02633, section 4.

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
        numbers = jnp.arange(rows.start, rows.start + ROWS)
        drawn = _complete_block(model, block, key, numbers, draws, proposals)
        progress(number + 1, total)
        yield rows, np.asarray(drawn)[:, : rows.stop - rows.start]


@eqx.filter_jit
def _complete_block(
    model: VAE,
    x: Float[Array, "rows variables"],
    key: Key[Array, ""],
    numbers: Int[Array, " rows"],
    draws: int,
    proposals: int,
) -> Float[Array, "draws rows variables"]:
    latent_key, choice_key, cell_key = jax.random.split(key, 3)
    outputs = model.encoder(x).output
    # Every row has noise of its own: rows drawn together must be independent.
    z = jax.vmap(lambda k: own_draws(model, k, outputs, numbers))(jax.random.split(latent_key, proposals))
    decoded = model.decoder(z).output
    log_weight = (
        jnp.sum(jnp.asarray(model.likelihood(decoded).log_prob(x)), axis=-1)
        + jnp.asarray(model.prior_over_latents().log_prob(z))
        - jnp.asarray(model.posterior(outputs).log_prob(z))
    )

    def of_row(
        number: Array, log_weight: Float[Array, " proposals"], decoded: Float[Array, "proposals width"]
    ) -> Float[Array, "draws variables"]:
        # By the cumulative weights, in draws log(proposals) steps: Gumbel noise would take draws * proposals.
        weight = jax.nn.softmax(log_weight)
        chosen = jax.random.choice(
            jax.random.fold_in(choice_key, number), len(weight), shape=(draws,), p=weight
        )
        p = model.likelihood(decoded[chosen])
        return jnp.asarray(p.sample(jax.random.fold_in(cell_key, number)))

    drawn = jax.vmap(of_row, in_axes=(0, 1, 1), out_axes=1)(numbers, log_weight, decoded)
    return jnp.where(jnp.isnan(x), drawn, x)
