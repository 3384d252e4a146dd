"""L1 on posterior means."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from vaefit.model import VAE, Terms
from vaefit.penalties._base import Penalty


class MeanL1(Penalty):
    r"""Sum over batch and latents of |posterior mean|.

    $\sum_{i,k} |\mu_k(x_i)|$: a sum over the batch, not a mean, as in the 2016 program.
    """

    reference: ClassVar[str] = "the 2016 post's program (sparse_mean)"

    def __call__(
        self, terms: Terms, model: VAE, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, ""]:
        """The penalty of one batch."""
        mean = terms.posterior.mean
        assert mean is not None
        return jnp.sum(jnp.abs(mean) * terms.rows[:, None])
