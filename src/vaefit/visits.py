"""What training sees of a row: something a little different at every visit."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from vaefit.hashing import random_uniform

Rows = Float[Array, "*rows variables"] | Float[np.ndarray, "*rows variables"]


@dataclass(frozen=True)
class Visit:
    """How a batch is varied: spread over the width of a level (dequantisation), mirrored half of the time.

    `quantum` is the width of one level in network units, 0 for data without levels; `mirror` is the shape of
    an image whose mirror image is as likely as itself, or None. Source (dequantisation): Theis et al. 2016,
    arXiv:1511.01844.

    >>> Visit(quantum=0.5)(jnp.zeros((2, 3)), jax.random.key(0)).max() < 0.5
    Array(True, dtype=bool)
    """

    quantum: float = 0.0
    mirror: tuple[int, ...] | None = None

    def __call__(
        self, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, "batch variables"]:
        """The batch as it is seen this time."""
        level_key, side_key = jax.random.split(key)
        if self.mirror is not None:
            flip = jax.random.bernoulli(side_key, shape=(len(x), 1))
            x = jnp.where(flip, mirrored(x, self.mirror), x)
        return x + self.quantum * random_uniform(level_key, x.shape) if self.quantum else x


def mirrored(x: Rows, shape: tuple[int, ...]) -> Rows:
    """Every image with left and right exchanged; `shape` is (H, W) or (H, W, 3). NumPy or JAX.

    >>> mirrored(jnp.arange(4.0), (2, 2)).tolist()
    [1.0, 0.0, 3.0, 2.0]
    """
    images = x.reshape(*x.shape[:-1], shape[0], shape[1], -1)
    return images[..., ::-1, :].reshape(x.shape)
