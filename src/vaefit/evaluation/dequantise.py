"""The one noise of evaluation: each row's own, whatever its neighbours."""

import numpy as np
from jaxtyping import Float, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def dequantised(
    x: Float[np.ndarray, "rows variables"], quantum: float, seed: int = 0
) -> Float[np.ndarray, "rows variables"]:
    r"""$x + q u$ with u uniform on [0, 1), a function of the seed and of the row's own values.

    Equal rows get equal noise, in any order, subset or block: a row's number does not depend on which others
    are evaluated with it. `quantum` is the width of one level in network units; 0 leaves x as it is. Source:
    Theis et al. 2016, arXiv:1511.01844.

    >>> x = np.arange(6, dtype=np.float32).reshape(3, 2)
    >>> bool((dequantised(x, 1.0)[1:] == dequantised(x[1:], 1.0)).all())
    True
    """
    if not quantum:
        return x
    rng = np.random.default_rng([seed, 1])
    factors = rng.integers(2**63, size=x.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    values = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    with np.errstate(over="ignore"):
        rows = _mixed((values * factors).sum(axis=1, dtype=np.uint64))
        cells = _mixed(rows[:, None] + _GOLDEN * np.arange(1, x.shape[1] + 1, dtype=np.uint64))
    return x + (quantum * ((cells >> np.uint64(11)) * 2.0**-53)).astype(x.dtype)


def _mixed(h: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """SplitMix64's finaliser (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return h ^ (h >> np.uint64(31))
