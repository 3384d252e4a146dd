"""The standard normal prior."""

from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.priors._base import Prior


class Normal(Prior):
    r"""Standard normal, $p(z) = N(0, I)$.

    >>> Normal(latent_dim=3)(lambda x: x).event_shape
    (3,)
    """

    reference: ClassVar[str] = "Kingma & Welling 2013, arXiv:1312.6114"
    latent_by_latent: ClassVar[bool] = True

    def __call__(
        self, encode: Callable[[Float[Array, "batch variables"]], dist.Distribution]
    ) -> dist.Distribution:
        """N(0, I) over `latent_dim` latents."""
        zeros = jnp.zeros(self.latent_dim)
        return dist.Normal(zeros, jnp.ones_like(zeros), validate_args=False).to_event(1)
