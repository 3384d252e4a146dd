"""What every likelihood offers."""

from abc import abstractmethod
from typing import ClassVar, Literal

import equinox as eqx
from jaxtyping import Array, Float
from numpyro.distributions import Distribution


class Likelihood(eqx.Module):
    """The family of p(x|z): independent variables given z, one distribution each."""

    dim: int = eqx.field(static=True)
    reference: ClassVar[str] = ""
    # Which values it can give a density: any number, 0 to 1, or just 0 and 1.
    support: ClassVar[Literal["real", "unit", "binary"]] = "real"
    # Whether its log-density is a probability mass (bits per dimension then has no scale term).
    discrete: ClassVar[bool] = False
    # How many levels of pixels it is a probability mass over (x = level / levels); None: not of pixels.
    levels: ClassVar[int | None] = None
    # Whether the density takes all samples of z together; it then returns one sample-axis entry.
    joint: ClassVar[bool] = False

    @property
    @abstractmethod
    def width(self) -> int:
        """How many decoder outputs it needs."""

    @abstractmethod
    def __call__(self, output: Float[Array, "*batch width"]) -> Distribution:
        """p(x|z) with batch shape (*batch, dim): a log-density for each variable."""

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """What the decoder shows for a z: the mean of p(x|z)."""
        mean = self(output).mean
        assert mean is not None
        return mean

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
