"""The Gaussian posterior of the 2016 program."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.options import option
from vaefit.posteriors._base import Posterior


class Gaussian2016(Posterior):
    r"""Diagonal Gaussian of the 2016 program: $v = e^s$ is the sample's sd and the variance in the KL.

    $z = \mu + v \epsilon$, but $-\mathrm{KL} := \sum \log \max(e, v) + 1 - \mu^2 - v$ with no 1/2: not the KL
    divergence of the distribution that is sampled, kept to reproduce that program (see docs/post-2016.md).

    >>> Gaussian2016(latent_dim=2)(jnp.zeros((5, 4))).batch_shape
    (5,)
    """

    reference: ClassVar[str] = "the 2016 post's program"
    exact: ClassVar[bool] = False

    epsilon: float = option(1e-7, "the 2016 parts' guard against log(0) and division by 0", above=0.0)

    @property
    def width(self) -> int:
        """A mean and a log v for each latent."""
        return 2 * self.latent_dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """The distribution that is sampled, with v as its sd."""
        mean, log_v = jnp.split(output, 2, axis=-1)
        return dist.Normal(mean, jnp.exp(log_v), validate_args=False).to_event(1)

    def kl(self, q: dist.Distribution, prior: dist.Distribution) -> Float[Array, "*batch"]:
        """The program's KL term, with v as a variance and without the 1/2."""
        assert isinstance(q, dist.Independent) and isinstance(q.base_dist, dist.Normal)
        mean, v = jnp.asarray(q.base_dist.loc), jnp.asarray(q.base_dist.scale)
        return -jnp.sum(jnp.log(jnp.maximum(self.epsilon, v)) + 1.0 - mean**2 - v, axis=-1)
