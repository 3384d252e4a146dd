"""The gamma likelihood, for positive numbers."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, Support, limited, unconstrained, unlimited

# Smaller shapes pile all probability up at zero.
SHAPE_MIN = 1e-2


class Gamma(Likelihood):
    r"""Gamma with decoder-output mean and shape.

    $\log p(x|z) = a \log(a/m) + (a - 1) \log x - a x / m - \log \Gamma(a)$, x > 0, mean m(z), shape a(z).

    >>> Gamma(dim=3).width
    6
    """

    reference: ClassVar[str] = "McCullagh & Nelder 1989, Generalized Linear Models, chapter 8"
    support: ClassVar[Support] = "positive"

    @property
    def width(self) -> int:
        """Log mean and shape for each variable."""
        return 2 * self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent gamma variables."""
        log_mean, raw = jnp.split(output, 2, axis=-1)
        shape = SHAPE_MIN + jax.nn.softplus(raw)
        return dist.Gamma(shape, shape * jnp.exp(-limited(log_mean)), validate_args=False)

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["Gamma", Float[Array, " width"]]:
        """The data's own mean and sd."""
        shape = jnp.clip((mean / jnp.maximum(sd, 1e-6)) ** 2, 2 * SHAPE_MIN, 1e4)
        return self, jnp.concatenate([unlimited(jnp.log(mean)), unconstrained(shape - SHAPE_MIN)])
