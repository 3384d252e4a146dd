"""What the decoder makes of latent vectors, a few at a time: one compiled program whatever is asked."""

import numpy as np
from jaxtyping import Float

from vaefit.evaluation.blocks import blocks
from vaefit.explore.refusal import Refused
from vaefit.report.decoder import decoded
from vaefit.run import Run

# Latent vectors that are decoded together, and those of one request.
BLOCK, MOST = 8, 64


def decode(run: Run, z: Float[np.ndarray, "rows latent"]) -> list[Float[np.ndarray, "rows numbers"] | None]:
    """Mean of p(x|z) in the data's units, its sd, and the chances of categories; None for what it lacks."""
    found = []
    for rows, (block,) in blocks(z, size=BLOCK):
        n = rows.stop - rows.start
        found.append([None if part is None else part[:n] for part in decoded(run, np.asarray(block))])
    return [None if parts[0] is None else np.concatenate(parts) for parts in zip(*found, strict=True)]


def checked(run: Run, z: object) -> Float[np.ndarray, "rows latent"]:
    """Latent vectors of a request.

    Raises:
        Refused: they are not a few rows of finite numbers, one for each latent.
    """
    latent_dim = run.model.posterior.latent_dim
    try:
        with np.errstate(over="ignore"):
            found = np.asarray(z, np.float32)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 2 or found.shape[-1] != latent_dim or not 0 < len(found) <= MOST:
        raise Refused(f"expected 1 to {MOST} rows of {latent_dim} numbers to decode, found others")
    if not np.isfinite(found).all():
        raise Refused("expected finite numbers to decode, found others")
    return found
