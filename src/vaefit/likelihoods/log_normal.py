"""The log-normal likelihood, for positive numbers."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, Support, unconstrained
from vaefit.options import option


class LogNormal(Likelihood):
    r"""Log-normal: the log of each variable is Gaussian, with decoder-output mean and sd.

    $\log p(x|z) = \log N(\log x; \mu(z), \sigma(z)^2) - \log x$, x > 0.

    >>> LogNormal(dim=3).width
    6
    """

    reference: ClassVar[str] = "Nazabal et al. 2020, arXiv:1807.03653"
    support: ClassVar[Support] = "positive"

    log_sd_min: float = option(1e-2, "smallest sd of the log of a log-normal variable", above=0.0)

    @property
    def width(self) -> int:
        """Mean and sd of the log, for each variable."""
        return 2 * self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent log-normal variables."""
        mean, raw = jnp.split(output, 2, axis=-1)
        return dist.LogNormal(mean, self.log_sd_min + jax.nn.softplus(raw), validate_args=False)

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """The median: the mean of a long tail is a number that nearly no value is near."""
        return jnp.exp(output[..., : self.dim])

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["LogNormal", Float[Array, " width"]]:
        """The data's own mean and sd."""
        variance = jnp.log1p((sd / mean) ** 2)
        above = jnp.maximum(jnp.sqrt(variance) - self.log_sd_min, 1e-3)
        return self, jnp.concatenate([jnp.log(mean) - variance / 2, unconstrained(above)])
