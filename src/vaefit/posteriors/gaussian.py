"""The diagonal Gaussian posterior."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from vaefit.posteriors._diagonal import Diagonal


class Gaussian(Diagonal):
    r"""Diagonal Gaussian, $q(z|x) = N(\mu(x), \mathrm{diag}\,\sigma(x)^2)$, $\sigma = e^s$.

    The encoder's first `latent_dim` outputs are $\mu$, the rest $s = \log \sigma$.

    >>> q = Gaussian(latent_dim=2)(jnp.zeros((5, 4)))
    >>> q.batch_shape, q.event_shape
    ((5,), (2,))
    """

    reference: ClassVar[str] = "Kingma & Welling 2013, arXiv:1312.6114"

    def linear_start(
        self, weight: Float[Array, "in latent"], offset: Float[Array, " latent"], sd: Float[Array, " latent"]
    ) -> tuple[Float[Array, "in width"], Float[Array, " width"]]:
        """The means' columns; the log sds do not depend on x."""
        return jnp.pad(weight, ((0, 0), (0, self.latent_dim))), jnp.concatenate([offset, jnp.log(sd)])
