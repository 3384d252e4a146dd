"""What is drawn black and what white, and between which limits; without matplotlib, for pages too."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Num, UInt8

from vaefit.data import Transform

Points = Sequence[tuple[int, float]]


def grey_range(transform: Transform, reference: Num[np.ndarray, "..."]) -> tuple[float, float]:
    """What is drawn black and what white: by the data's own range where it has one, else by `reference`'s."""
    if transform.kind == "pixels":
        return 0.0, float(getattr(transform, "levels", 256) - 1)
    if transform.kind in ("two-valued", "binarise", "unit-interval"):
        low, high = (float(v) for v in transform.inverse(np.array([0.0, 1.0])))
        return low, high
    return float(reference.min()), float(reference.max())


def grey_levels(
    tiles: Num[np.ndarray, "..."], transform: Transform, reference: Num[np.ndarray, "..."]
) -> UInt8[np.ndarray, "..."]:
    """Values as 0..255 for the eye."""
    low, high = grey_range(transform, reference)
    scaled = np.clip((tiles - low) / max(high - low, 1e-12), 0.0, 1.0)
    return np.round(255 * scaled).astype(np.uint8)


def settled_limits(points: Points) -> tuple[float, float] | None:
    """Limits that leave out the first epochs and single spikes where they would dwarf everything else."""
    finite = [(epoch, value) for epoch, value in points if np.isfinite(value)]
    last = max((epoch for epoch, _ in finite), default=0)
    settled = [value for epoch, value in finite if epoch >= 0.1 * last]
    if last < 10:
        return None
    low, high = (float(v) for v in np.quantile(settled, [0.02, 0.98]))
    everything = [value for _, value in finite]
    span = max(high - low, 1e-9)
    if max(everything) - min(everything) <= 2 * span:
        return None
    return max(min(everything), low - span / 4), min(max(everything), high + span / 4) + span / 20
