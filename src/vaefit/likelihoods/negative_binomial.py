"""The negative binomial likelihood, for counts that vary more than a Poisson's."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, Support, limited, unconstrained, unlimited

# The limits between which its concentration starts: one sample's moments say little beyond.
LEAST, MOST = 1e-2, 1e3


class NegativeBinomial(Likelihood):
    r"""Negative binomial with decoder-output mean and concentration.

    $\log p(x|z) = \log \binom{x + r - 1}{x} + x \log \frac{m}{m + r} + r \log \frac{r}{m + r}$ with
    mean m(z), concentration r(z), variance $m + m^2/r$.

    >>> NegativeBinomial(dim=3).width
    6
    """

    reference: ClassVar[str] = "Lopez et al. 2018, Nature Methods 15 (scVI)"
    support: ClassVar[Support] = "count"
    discrete: ClassVar[bool] = True

    @property
    def width(self) -> int:
        """Log mean and concentration for each variable."""
        return 2 * self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent negative binomial variables."""
        log_mean, raw = jnp.split(output, 2, axis=-1)
        concentration = 1e-3 + jax.nn.softplus(raw)
        return dist.NegativeBinomial2(jnp.exp(limited(log_mean)), concentration, validate_args=False)

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["NegativeBinomial", Float[Array, " width"]]:
        """The data's own mean and sd."""
        mean = jnp.maximum(mean, 1e-3)
        concentration = jnp.clip(mean**2 / jnp.maximum(sd**2 - mean, 1e-6), LEAST, MOST)
        return self, jnp.concatenate([unlimited(jnp.log(mean)), unconstrained(concentration - 1e-3)])
