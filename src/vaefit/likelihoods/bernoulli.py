"""The Bernoulli likelihood for two-valued data."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, Support

# The probability given to what never happened in the data.
_NEVER = 1e-3


class Bernoulli(Likelihood):
    r"""Bernoulli with the decoder's outputs as log-odds, for data of zeros and ones.

    $\log p(x|z) = x \log \pi + (1 - x) \log(1 - \pi)$, $\pi = \mathrm{sigmoid}(\text{output})$. For grey
    values between 0 and 1 the same formula is a cross-entropy, not a likelihood.

    >>> Bernoulli(dim=3)(jnp.zeros((2, 3))).log_prob(jnp.ones((2, 3))).round(3)[0, 0]
    Array(-0.693, dtype=float32)
    """

    reference: ClassVar[str] = "Kingma & Welling 2013, arXiv:1312.6114"
    support: ClassVar[Support] = "unit"
    discrete: ClassVar[bool] = True

    @property
    def width(self) -> int:
        """One log-odds for each variable."""
        return self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent Bernoulli variables."""
        # Unvalidated: grey values give the cross-entropy; what may be given is checked once, in `fit`.
        return dist.BernoulliLogits(output, validate_args=False)

    def noise_variance(self, mean: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """p (1 - p), kept away from 0 where a variable never changes."""
        p = jnp.clip(mean, _NEVER, 1 - _NEVER)
        return p * (1 - p)

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["Bernoulli", Float[Array, " width"]]:
        """Log-odds of the mean, kept away from 0 and 1 where a variable never changes."""
        return self, jax.scipy.special.logit(jnp.clip(mean, _NEVER, 1 - _NEVER))
