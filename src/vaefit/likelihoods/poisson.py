"""The Poisson likelihood, for counts."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, Support, limited, unlimited


class Poisson(Likelihood):
    r"""Poisson with decoder-output log rate.

    $\log p(x|z) = x \log \lambda(z) - \lambda(z) - \log x!$, x = 0, 1, 2 ...

    >>> Poisson(dim=1)(jnp.zeros(1)).log_prob(jnp.zeros(1)).tolist()
    [-1.0]
    """

    reference: ClassVar[str] = "McCullagh & Nelder 1989, Generalized Linear Models, chapter 6"
    support: ClassVar[Support] = "count"
    discrete: ClassVar[bool] = True

    @property
    def width(self) -> int:
        """A log rate for each variable."""
        return self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent Poisson variables."""
        return dist.Poisson(jnp.exp(limited(output)), validate_args=False)

    def noise_variance(self, mean: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """The mean itself, kept away from 0 where nothing was counted."""
        return jnp.maximum(mean, 1e-3)

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["Poisson", Float[Array, " width"]]:
        """The data's own mean."""
        del sd
        return self, unlimited(jnp.log(jnp.maximum(mean, 1e-3)))
