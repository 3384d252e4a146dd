"""The one noise of evaluation: each row's own, whatever its neighbours."""

import numpy as np
from jaxtyping import Float, UInt64

from vaefit.data import Visit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def visited(
    x: Float[np.ndarray, "rows variables"], visit: Visit | None, seed: int = 0
) -> Float[np.ndarray, "rows variables"]:
    """The rows as evaluation sees them: dequantised or binarised, with noise from the seed and the row alone.

    Equal rows get equal noise, in any order, subset or block: a row's number does not depend on which others
    are evaluated with it. Source (dequantisation): Theis et al. 2016, arXiv:1511.01844.

    >>> x = np.arange(6, dtype=np.float32).reshape(3, 2)
    >>> spread = lambda x, u: x + u
    >>> bool((visited(x, spread)[1:] == visited(x[1:], spread)).all())
    True
    """
    return x if visit is None else visit(x, row_noise(x, seed)).astype(x.dtype)


def row_noise(x: Float[np.ndarray, "rows variables"], seed: int) -> Float[np.ndarray, "rows variables"]:
    """Uniform numbers on [0, 1), a hash of the seed and the row's values."""
    rng = np.random.default_rng([seed, 1])
    factors = rng.integers(2**63, size=x.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    values = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    with np.errstate(over="ignore"):
        rows = _mixed((values * factors).sum(axis=1, dtype=np.uint64))
        cells = _mixed(rows[:, None] + _GOLDEN * np.arange(1, x.shape[1] + 1, dtype=np.uint64))
    # As many bits as float32 holds below 1.
    return ((cells >> np.uint64(40)) * 2.0**-24).astype(np.float32)


def _mixed(h: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """SplitMix64's finaliser (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return h ^ (h >> np.uint64(31))
