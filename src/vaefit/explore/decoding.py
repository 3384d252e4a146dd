"""What the decoder makes of latent vectors, a few at a time: one compiled program whatever is asked."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from vaefit.evaluation.blocks import blocks
from vaefit.explore.refusal import Refused
from vaefit.model import VAE
from vaefit.run import Run

# Latent vectors that are decoded together, and those of one request.
BLOCK, MOST = 8, 64


def decode(run: Run, z: Float[np.ndarray, "rows latent"]) -> list[Float[np.ndarray, "rows numbers"]]:
    """Mean of p(x|z) in the data's units, and where there are any its sd, and the chances of categories."""
    found = []
    for rows, (block,) in blocks(z, size=BLOCK):
        found.append([np.asarray(part)[: rows.stop - rows.start] for part in _decode_block(run.model, block)])
    mean, *rest = (np.concatenate(parts) for parts in zip(*found, strict=True))
    scales = [run.transform.inverse_scale(rest.pop(0))] if has_sd(run.model) else []
    return [run.transform.inverse(mean), *scales, *rest]


@eqx.filter_jit
def _decode_block(model: VAE, z: Float[Array, "rows latent"]) -> list[Float[Array, "rows numbers"]]:
    return jax.vmap(lambda one: decoded(model, one))(z)


def checked(run: Run, z: object) -> Float[np.ndarray, "rows latent"]:
    """Latent vectors of a request.

    Raises:
        Refused: they are not a few rows of finite numbers, one for each latent.
    """
    latent_dim = run.model.posterior.latent_dim
    try:
        found = np.asarray(z, np.float32)
    except (TypeError, ValueError):
        found = np.empty(())
    if found.ndim != 2 or found.shape[1] != latent_dim or not 0 < len(found) <= MOST:
        raise Refused(f"expected 1 to {MOST} rows of {latent_dim} numbers to decode, found others")
    if not np.isfinite(found).all():
        raise Refused("expected finite numbers to decode, found others")
    return found


def decoded(model: VAE, z: Float[Array, " latent"]) -> list[Array]:
    output = model.decoder(z).output
    found = [model.likelihood.location(output)]
    if has_sd(model):
        found.append(
            jnp.broadcast_to(jnp.sqrt(jnp.asarray(model.likelihood(output).variance)), found[0].shape)
        )
    return found


def has_sd(model: VAE) -> bool:
    return not model.likelihood.joint
