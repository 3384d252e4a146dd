"""The 2016 program's likelihood: a Gaussian with the moments of several decoder outputs."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist
from numpyro.distributions import constraints

from vaefit.likelihoods._base import Likelihood
from vaefit.options import option


class GaussianMoments(Likelihood):
    r"""Gaussian with the mean m and variance s of M decoder outputs for one x, as in the 2016 program.

    $\log p := -\tfrac12 \log \max(e, s) - (x - m)^2 / \max(e, 2s)$ for each variable, without $\log 2\pi$;
    s is the biased variance. It takes all M samples together, so it is no density of x given one z:
    importance weighting is not defined for it.

    >>> GaussianMoments(dim=3)(jnp.zeros((10, 2, 3))).batch_shape
    (1, 2, 3)
    """

    reference: ClassVar[str] = "the 2016 post's program"
    joint: ClassVar[bool] = True

    epsilon: float = option(1e-7, "the 2016 parts' guard against log(0) and division by 0", above=0.0)

    @property
    def width(self) -> int:
        """One output for each variable."""
        return self.dim

    def __call__(self, output: Float[Array, "samples *batch width"]) -> dist.Distribution:
        """The Gaussian of the outputs' moments; the sample axis shrinks to one entry."""
        outputs = self.location(output)
        mean = jnp.mean(outputs, axis=0, keepdims=True)
        variance = jnp.mean((outputs - mean) ** 2, axis=0, keepdims=True)
        return _GuardedGaussian(mean, variance, self.epsilon)

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """The decoder's output, a sigmoid."""
        return jax.nn.sigmoid(output)


class _GuardedGaussian(dist.Distribution):
    arg_constraints: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        "loc": constraints.real,
        "spread": constraints.nonnegative,
    }
    support = constraints.real  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    pytree_data_fields = ("loc", "spread")
    pytree_aux_fields = ("epsilon",)

    def __init__(self, loc: Array, spread: Array, epsilon: float) -> None:
        self.loc, self.spread, self.epsilon = loc, spread, epsilon
        super().__init__(batch_shape=jnp.shape(loc), validate_args=False)

    def log_prob(self, value: Any, intermediates: Any = None) -> Array:
        squared = (value - self.loc) ** 2
        return -0.5 * jnp.log(jnp.maximum(self.epsilon, self.spread)) - squared / jnp.maximum(
            self.epsilon, 2.0 * self.spread
        )

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        noise = jax.random.normal(key, sample_shape + self.batch_shape)
        return self.loc + jnp.sqrt(self.spread) * noise

    @property
    def mean(self) -> Array:
        return self.loc

    @property
    def variance(self) -> Array:
        return self.spread
