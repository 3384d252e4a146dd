"""The Bernoulli likelihood for two-valued data."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, Support
from vaefit.likelihoods._softplus import softplus

# The probability given to what never happened in the data.
_NEVER = 1e-3
# Of a logarithm in a sum over variables: more would save little. 2^128 would be infinite.
_MOST_FACTORS = 16


class _Logits(dist.BernoulliLogits):
    """numpyro's, with its log-probability in one pass over the outputs, and so its gradient."""

    def log_prob(self, value: ArrayLike) -> Array:
        logits = jnp.asarray(self.logits)
        return _log_prob(logits, jnp.asarray(value, logits.dtype))


@jax.custom_jvp
def _log_prob(logits: Array, value: Array) -> Array:
    # What is sure is 0 beside the softplus, however sure.
    surprise = softplus(-jnp.abs(logits))
    return jnp.where(logits > 0, (value - 1.0) * logits - surprise, value * logits - surprise)


_log_prob.defjvps(
    lambda change, _, logits, value: (value - jax.nn.sigmoid(logits)) * change,
    lambda change, _, logits, _value: logits * change,
)


def _sum_log_prob(logits: Float[Array, "*batch dim"], x: Float[Array, "rows dim"]) -> Float[Array, "*batch"]:
    r"""The sum of $x l - \max(l, 0) - \log(1 + e^{-|l|})$ with one logarithm for some of the variables.

    A product of at most `_MOST_FACTORS` numbers between 1 and 2 is finite; both sums are taken in one pass.
    """
    *batch, dim = logits.shape
    # As many as leave whole vectors of a processor, where there are such.
    numbers = [n for n in range(1, _MOST_FACTORS + 1) if dim % n == 0]
    factors = max(numbers, key=lambda n: (dim // n % 16 == 0, n))
    logits, x = (a.reshape(*batch, factors, -1) for a in (logits, jnp.broadcast_to(x, logits.shape)))
    linear, product = jax.lax.reduce(
        (x * logits - jnp.maximum(logits, 0.0), 1.0 + jnp.exp(-jnp.abs(logits))),
        (jnp.zeros((), logits.dtype), jnp.ones((), logits.dtype)),
        lambda a, b: (a[0] + b[0], a[1] * b[1]),
        (len(batch),),
    )
    return jnp.sum(linear - jnp.log(product), axis=-1)


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
    lipschitz: ClassVar[bool] = True

    @property
    def width(self) -> int:
        """One log-odds for each variable."""
        return self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent Bernoulli variables."""
        # Unvalidated: grey values give the cross-entropy; what may be given is checked once, in `fit`.
        return _Logits(output, validate_args=False)

    def of_rows(
        self, output: Float[Array, "*batch width"], x: Float[Array, "rows dim"]
    ) -> Float[Array, "*batch"]:
        """Sums of `log_prob`, with fewer logarithms."""
        return _sum_log_prob(output, x)

    def noise_variance(self, mean: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """p (1 - p), kept away from 0 where a variable never changes."""
        p = jnp.clip(mean, _NEVER, 1 - _NEVER)
        return p * (1 - p)

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["Bernoulli", Float[Array, " width"]]:
        """Log-odds of the mean, kept away from 0 and 1 where a variable never changes."""
        return self, jax.scipy.special.logit(jnp.clip(mean, _NEVER, 1 - _NEVER))
