"""What training sees of a row: something a little different at every visit."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from vaefit.data import Visit
from vaefit.hashing import random_uniform

Rows = Float[Array, "*rows variables"] | Float[np.ndarray, "*rows variables"]


@dataclass(frozen=True, eq=False)
class TrainingVisit:
    """How a batch is varied: by its transform's own noise, mirrored half of the time, cells hidden.

    `noise` dequantises or binarises where the transform asks for it; `mirror` is the shape of an image whose
    mirror image is as likely as itself, or None. At most the share `hide` of a row's cells is made missing
    (each row's own share is uniform up to it): what is left is a row of the same distribution, and the
    encoder learns to do without any of them.

    >>> TrainingVisit(lambda x, u: x + u / 2)(jnp.zeros((2, 3)), jax.random.key(0)).max() < 0.5
    Array(True, dtype=bool)
    """

    noise: Visit | None = None
    mirror: tuple[int, ...] | None = None
    hide: float = 0.0

    @property
    def share_shown(self) -> float:
        """How many of a row's cells are left, on average."""
        return 1 - self.hide / 2

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrainingVisit) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        # The same method of equal transforms does the same; Python calls such methods different.
        of, method = getattr(self.noise, "__self__", None), getattr(self.noise, "__func__", self.noise)
        return of, method, self.mirror, self.hide

    def __call__(
        self, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, "batch variables"]:
        """The batch as it is seen this time."""
        noise_key, side_key = jax.random.split(key)
        if self.mirror is not None:
            flip = jax.random.bernoulli(side_key, shape=(len(x), 1))
            x = jnp.where(flip, mirrored(x, self.mirror), x)
        x = x if self.noise is None else self.noise(x, random_uniform(noise_key, x.shape))
        return self._hidden(x, jax.random.fold_in(key, 2)) if self.hide else x

    def _hidden(
        self, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, "batch variables"]:
        share_key, cell_key = jax.random.split(key)
        share = self.hide * random_uniform(share_key, (len(x), 1))
        return jnp.where(random_uniform(cell_key, x.shape) < share, jnp.nan, x)


def mirrored(x: Rows, shape: tuple[int, ...]) -> Rows:
    """Every image with left and right exchanged; `shape` is (H, W) or (H, W, 3). NumPy or JAX.

    >>> mirrored(jnp.arange(4.0), (2, 2)).tolist()
    [1.0, 0.0, 3.0, 2.0]
    """
    images = x.reshape(*x.shape[:-1], shape[0], shape[1], -1)
    return images[..., ::-1, :].reshape(x.shape)
