"""What a trained model gives: latents of rows, reconstructions, new samples. Network units, NumPy in and out.

Rows go through in blocks of one size, so that one compiled program serves any number of them.
"""

from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from vaefit.backend import quickly_compiled
from vaefit.evaluation.blocks import BLOCK, blocks
from vaefit.model import VAE

# Of new rows, in memory at a time.
BATCH_NUMBERS = 1 << 24


def encode(
    model: VAE, x: Float[np.ndarray, "rows variables"]
) -> tuple[Float[np.ndarray, "rows latent"], Float[np.ndarray, "rows latent"]]:
    """Posterior mean and sd of every row, without dropout."""
    found = [np.asarray(_encode_block(model, b))[:, : r.stop - r.start] for r, (b,) in blocks(x)]
    mean, sd = np.concatenate(found, axis=1)
    return mean, sd


def reconstruct(
    model: VAE, x: Float[np.ndarray, "rows variables"], *, samples: int, seed: int, dropout: bool, noise: bool
) -> Float[np.ndarray, "samples rows variables"]:
    """Decoder outputs for `samples` draws of q(z|x) a row; with `noise`, draws of p(x|z)."""
    key = jax.random.fold_in(jax.random.key(seed), 2)
    keys = [jax.random.split(jax.random.fold_in(key, s), -(-len(x) // BLOCK)) for s in range(samples)]
    out = np.empty((samples, *x.shape), np.float32)
    for number, (rows, (block,)) in enumerate(blocks(x)):
        for s in range(samples):
            drawn = _reconstruct_block(model, block, keys[s][number], dropout, noise)
            out[s, rows] = np.asarray(drawn)[: rows.stop - rows.start]
    return out


def decode(
    model: VAE,
    z: Float[np.ndarray, "rows latent"],
    *,
    seed: int = 0,
    dropout: bool = False,
    noise: bool = False,
) -> Float[np.ndarray, "rows variables"]:
    """The decoder's output for each latent vector."""
    return _decode(model, z, jax.random.fold_in(jax.random.key(seed), 3), dropout, noise)


def sample(
    model: VAE, n: int, *, seed: int, dropout: bool, noise: bool, batch: int = 0
) -> Float[np.ndarray, "rows variables"]:
    """`n` decoder outputs for latents drawn from the prior; those of each `batch` of a seed are others."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 4), batch)
    latent_key, output_key = jax.random.split(key)
    z = _drawn_from_prior(model, latent_key, n)
    return _decode(model, np.asarray(z), output_key, dropout, noise)


def samples(
    model: VAE, n: int, *, seed: int, dropout: bool, noise: bool
) -> Iterator[Float[np.ndarray, "rows variables"]]:
    """The same, however many: a batch of some million numbers at a time."""
    size = max(BLOCK, BATCH_NUMBERS // model.likelihood.dim)
    for batch, first in enumerate(range(0, n, size)):
        yield sample(model, min(size, n - first), seed=seed, dropout=dropout, noise=noise, batch=batch)


def _decode(
    model: VAE, z: Float[np.ndarray, "rows latent"], key: Key[Array, ""], dropout: bool, noise: bool
) -> Float[np.ndarray, "rows variables"]:
    found = []
    for number, (rows, (block,)) in enumerate(blocks(z)):
        decoded = _decode_block(model, block, jax.random.fold_in(key, number), dropout, noise)
        found.append(np.asarray(decoded)[: rows.stop - rows.start])
    return np.concatenate(found)


@quickly_compiled
def _drawn_from_prior(model: VAE, key: Key[Array, ""], n: int) -> Float[Array, "n latent"]:
    return jnp.asarray(model.prior_over_latents().sample(key, (n,)))


@eqx.filter_jit
def _encode_block(model: VAE, x: Float[Array, "rows variables"]) -> Float[Array, "2 rows latent"]:
    q = model.encode(x)
    assert q.mean is not None and q.variance is not None
    return jnp.stack([q.mean, jnp.sqrt(q.variance)])


@quickly_compiled
def _reconstruct_block(
    model: VAE, x: Float[Array, "rows variables"], key: Key[Array, ""], dropout: bool, noise: bool
) -> Float[Array, "rows variables"]:
    encoder_key, latent_key, decoder_key = jax.random.split(key, 3)
    q = model.encode(x, encoder_key if dropout else None)
    z = model.posterior.sample(q, latent_key, 1)[0]
    return _show(model, z, decoder_key, dropout, noise)


@quickly_compiled
def _decode_block(
    model: VAE, z: Float[Array, "rows latent"], key: Key[Array, ""], dropout: bool, noise: bool
) -> Float[Array, "rows variables"]:
    return _show(model, z, key, dropout, noise)


def _show(model: VAE, z: Array, key: Array, dropout: bool, noise: bool) -> Array:
    dropout_key, noise_key = jax.random.split(key)
    decoder_key = dropout_key if dropout else None
    if noise:
        return jnp.asarray(model.decode(z, decoder_key).sample(noise_key), jnp.float32)
    return model.location(z, decoder_key)
