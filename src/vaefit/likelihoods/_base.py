"""What every likelihood offers."""

from abc import abstractmethod
from typing import ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution

from vaefit.data import Variable
from vaefit.options import Value

# Any number, 0 to 1, just 0 and 1, above 0, or 0, 1, 2 ...
Support = Literal["real", "unit", "binary", "positive", "count"]


class Likelihood(eqx.Module):
    """The family of p(x|z): independent variables given z, one distribution each."""

    dim: int = eqx.field(static=True)
    reference: ClassVar[str] = ""
    # Which values it can give a density.
    support: ClassVar[Support] = "real"
    # Whether its log-density is a probability mass (bits per dimension then has no scale term).
    discrete: ClassVar[bool] = False
    # How many levels of pixels it is a probability mass over (x = level / levels); None: not of pixels.
    levels: ClassVar[int | None] = None
    # Whether an error of a decoder output changes the log-density by no more than itself.
    lipschitz: ClassVar[bool] = False
    # Whether the density takes all samples of z together; it then returns one sample-axis entry.
    joint: ClassVar[bool] = False
    # Whether it tells kinds of variables apart, and takes NaN for what is missing.
    typed: ClassVar[bool] = False

    @classmethod
    def of_variables(cls, dim: int, variables: tuple[Variable, ...], **options: Value) -> "Likelihood":
        """The likelihood of rows of `dim` variables, which are these where it tells them apart."""
        del variables
        return cls(dim=dim, **options)

    @property
    @abstractmethod
    def width(self) -> int:
        """How many decoder outputs it needs."""

    @abstractmethod
    def __call__(self, output: Float[Array, "*batch width"]) -> Distribution:
        """p(x|z) with batch shape (*batch, dim): a log-density for each variable."""

    def of_rows(
        self, output: Float[Array, "*batch width"], x: Float[Array, "rows dim"]
    ) -> Float[Array, "*batch"]:
        """log p(x|z) of whole rows, nats; it may be faster than by variable, and have no gradients."""
        return jnp.sum(jnp.asarray(self(output).log_prob(x)), axis=-1)

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """What the decoder shows for a z: the mean of p(x|z)."""
        mean = self(output).mean
        assert mean is not None
        return mean

    def smoothed(
        self, output: Float[Array, "*batch width"], bandwidth: Float[Array, " dim"]
    ) -> Distribution | None:
        """p(x|z) convolved with a Gaussian kernel of these sds; None: not to be had in closed form."""
        del output, bandwidth
        return None

    def noise_variance(self, mean: Float[Array, " dim"]) -> Float[Array, " dim"] | None:
        """The variance of x given its mean, where it is settled by it; None: free."""
        del mean
        return None

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["Likelihood", Float[Array, " width"] | None]:
        """The likelihood and decoder output bias whose p(x|z) has this mean and sd; None: it has no say."""
        del mean, sd
        return self, None

    def start_from(
        self, x: Float[np.ndarray, "rows dim"]
    ) -> tuple["Likelihood", Float[Array, " width"] | None]:
        """The same for rows of data, NaN where cells are missing."""
        mean, sd = np.nanmean(x, axis=0, dtype=np.float64), np.nanstd(x, axis=0, dtype=np.float64)
        return self.start_at(jnp.asarray(mean, jnp.float32), jnp.asarray(sd, jnp.float32))


# Means of counts and positive numbers stay within exp(+-30) of one: a wild decoder must not reach infinity.
_LOG_LIMIT = 30.0


def limited(log_mean: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """A log mean that stays finite when exponentiated; itself where it is moderate."""
    return _LOG_LIMIT * jnp.tanh(log_mean / _LOG_LIMIT)


def unlimited(log_mean: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The number that is limited to this one."""
    return _LOG_LIMIT * jnp.arctanh(jnp.clip(log_mean / _LOG_LIMIT, -0.99, 0.99))


def unconstrained(positive: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The number whose softplus is this one."""
    return positive + jnp.log(-jnp.expm1(-positive))
