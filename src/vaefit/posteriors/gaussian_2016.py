"""The Gaussian posterior of the 2016 program."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.options import option
from vaefit.posteriors._diagonal import Diagonal, mean_and_sd


class Gaussian2016(Diagonal):
    r"""Diagonal Gaussian of the 2016 program: $v = e^s$ is the sample's sd and the variance in the KL.

    $z = \mu + v \epsilon$, but $-\mathrm{KL} := \sum \log \max(e, v) + 1 - \mu^2 - v$ with no 1/2: not the KL
    divergence of the distribution that is sampled, kept to reproduce that program (see docs/post-2016.md).

    >>> Gaussian2016(latent_dim=2)(jnp.zeros((5, 4))).batch_shape
    (5,)
    """

    reference: ClassVar[str] = "the 2016 post's program"
    exact: ClassVar[bool] = False

    epsilon: float = option(1e-7, "the 2016 parts' guard against log(0) and division by 0", above=0.0)

    def kl(self, q: dist.Distribution, prior: dist.Distribution) -> Float[Array, "*batch"]:
        """The program's KL term, with v as a variance and without the 1/2."""
        mean, v = mean_and_sd(q)
        return -jnp.sum(jnp.log(jnp.maximum(self.epsilon, v)) + 1.0 - mean**2 - v, axis=-1)
