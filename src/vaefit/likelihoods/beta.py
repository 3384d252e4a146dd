"""The beta likelihood, for proportions."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, Support, unconstrained

# The density has no value at 0 and 1 themselves; half a dequantised step may lie beyond.
EDGE = 1e-6
LEAST = 1e-2


class Beta(Likelihood):
    r"""Beta with decoder-output mean and precision.

    $\log p(x|z) = (a - 1) \log x + (b - 1) \log(1 - x) - \log B(a, b)$ with $a = m \phi$, $b = (1 - m) \phi$,
    mean m(z), precision $\phi(z)$; values nearer to 0 or 1 than 1e-6 are taken as that near.

    >>> Beta(dim=3).width
    6
    """

    reference: ClassVar[str] = "Ferrari & Cribari-Neto 2004, Journal of Applied Statistics 31"
    support: ClassVar[Support] = "unit"

    @property
    def width(self) -> int:
        """Log-odds of the mean, and precision, for each variable."""
        return 2 * self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent beta variables."""
        raw_mean, raw = jnp.split(output, 2, axis=-1)
        mean = EDGE + (1 - 2 * EDGE) * jax.nn.sigmoid(raw_mean)
        precision = LEAST + jax.nn.softplus(raw)
        return _InnerBeta(mean * precision, (1 - mean) * precision, validate_args=False)

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["Beta", Float[Array, " width"]]:
        """The data's own mean and sd."""
        mean = jnp.clip(mean, 2 * EDGE, 1 - 2 * EDGE)
        precision = jnp.clip(mean * (1 - mean) / jnp.maximum(sd**2, 1e-8) - 1, 2 * LEAST, 1e4)
        return self, jnp.concatenate([jax.scipy.special.logit(mean), unconstrained(precision - LEAST)])


class _InnerBeta(dist.Beta):
    def log_prob(self, value: Any) -> Array:
        return super().log_prob(jnp.clip(value, EDGE, 1 - EDGE))
