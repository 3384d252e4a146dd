"""Rows that are images, as pictures that stand in an answer."""

import numpy as np
from jaxtyping import Float

from vaefit.data import Transform
from vaefit.figures.ranges import grey_levels
from vaefit.report.images import uri

# More odd than usual, and less so: Okabe & Ito's vermillion and blue, told apart by colour-blind eyes.
ODD, USUAL = (213, 94, 0), (0, 114, 178)
# The excess at which a pixel is fully coloured, at least, in nats: noise is not to look like a finding.
LEAST_FULL = 1.0


def pictures(
    rows: Float[np.ndarray, "rows *shape"], transform: Transform, like: Float[np.ndarray, "*shape"]
) -> list[str]:
    """Each row as the address of a PNG that holds it; where the data have no range of their own, in that of
    `like`."""
    return [uri(levels) for levels in grey_levels(rows, transform, like)]


def spread_picture(sd: Float[np.ndarray, "height width *channels"]) -> str:
    """Standard deviations, of colours their mean: black for none, white for the largest."""
    grey = sd.mean(axis=-1) if sd.ndim == 3 else sd
    return uri(np.round(255 * grey / max(float(grey.max()), 1e-12)).astype(np.uint8))


def odd_picture(excess: Float[np.ndarray, "height width"]) -> tuple[str, float]:
    """What pixels cost beyond the usual, as colour to lay over an image; the nats of the fullest colour."""
    full = max(float(np.quantile(np.abs(excess), 0.995)), LEAST_FULL)
    strength = np.clip(np.abs(excess) / full, 0, 1)
    colours = np.where((excess > 0)[..., None], ODD, USUAL)
    rgba = np.concatenate([colours, np.round(255 * strength[..., None])], axis=-1).astype(np.uint8)
    return uri(rgba), full
