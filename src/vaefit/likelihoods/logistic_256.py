"""The discretised logistic likelihood for 8-bit pixels."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro import distributions as dist
from numpyro.distributions import constraints

from vaefit.likelihoods._base import Likelihood, Support, unconstrained
from vaefit.options import option

STEP = 1 / 256
# Half a level inside the ends, so that the centre can be the middle of any level, the end ones included.
LOWEST, HIGHEST = STEP / 2, 1 - STEP / 2


class Logistic256(Likelihood):
    r"""Logistic of decoder-output location and scale, cut into the 256 levels of 8-bit pixels.

    $p(v|z) = F(\frac{(v+1)/256 - \mu}{s}) - F(\frac{v/256 - \mu}{s})$ for level v, F the logistic function;
    levels 0 and 255 have the tails as well, so that the 256 masses sum to one.
    $\mu = \tfrac1{512} + \tfrac{255}{256} \mathrm{sigmoid}(\text{output})$ and
    $\log s = m + \mathrm{softplus}(\text{output} - m)$: what Tomczak & Welling 2018 (arXiv:1705.07120)
    clamp is bounded smoothly here, so that no gradient dies at a bound.

    >>> levels = jnp.arange(256)[:, None] / 256
    >>> round(float(jnp.exp(Logistic256(dim=1)(jnp.zeros(2)).log_prob(levels)).sum()), 4)
    1.0
    """

    reference: ClassVar[str] = "Kingma et al. 2016, arXiv:1606.04934"
    support: ClassVar[Support] = "unit"
    discrete: ClassVar[bool] = True
    levels: ClassVar[int | None] = 256

    log_scale_min: float = option(-4.5, "smallest log scale of the discretised logistic, pixels in [0, 1]")

    @property
    def width(self) -> int:
        """A location and a log scale for each variable."""
        return 2 * self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent discretised logistic variables; level v is the value v / 256."""
        raw_location, raw_scale = jnp.split(output, 2, axis=-1)
        location = LOWEST + (HIGHEST - LOWEST) * jax.nn.sigmoid(raw_location)
        log_scale = self.log_scale_min + jax.nn.softplus(raw_scale - self.log_scale_min)
        return _DiscretisedLogistic(location, jnp.exp(log_scale))

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["Logistic256", Float[Array, " width"]]:
        """The data's own mean and sd, away from black, white and the smallest scale."""
        location = jax.scipy.special.logit(jnp.clip(mean / (HIGHEST - LOWEST), 1e-3, 1 - 1e-3))
        log_scale = jnp.log(jnp.maximum(sd, STEP) * np.sqrt(3) / np.pi)
        above = jnp.maximum(log_scale - self.log_scale_min, 1e-2)
        return self, jnp.concatenate([location, self.log_scale_min + unconstrained(above)])


class _DiscretisedLogistic(dist.Distribution):
    arg_constraints: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        "loc": constraints.unit_interval,
        "scale": constraints.positive,
    }
    support = constraints.unit_interval  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def __init__(self, loc: Array, scale: Array) -> None:
        self.loc, self.scale = loc, scale
        super().__init__(batch_shape=jnp.shape(loc), validate_args=False)

    def log_prob(self, value: Any, intermediates: Any = None) -> Array:
        # F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)): no difference of nearly equal numbers, even in the tails.
        low, width = (value - self.loc) / self.scale, STEP / self.scale
        below_end = jnp.where(value > HIGHEST - STEP, 0.0, jax.nn.log_sigmoid(low + width))
        above_start = jnp.where(value < LOWEST, 0.0, jax.nn.log_sigmoid(-low))
        inner = (value >= LOWEST) & (value <= HIGHEST - STEP)
        return below_end + above_start + jnp.where(inner, jnp.log(-jnp.expm1(-width)), 0.0)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        drawn = self.loc + self.scale * jax.random.logistic(key, sample_shape + self.batch_shape)
        return jnp.clip(jnp.floor(drawn / STEP), 0, 255) * STEP

    @property
    def mean(self) -> Array:
        # The sum over levels of P(value >= level), as an integral by the midpoint rule: right to 1e-4, and
        # better the larger the scale.
        centre = self.loc - LOWEST
        below, above = centre / self.scale, (centre - (HIGHEST - LOWEST)) / self.scale
        return self.scale * (jax.nn.softplus(below) - jax.nn.softplus(above))

    @property
    def variance(self) -> Array:
        # E x^2 - (E x)^2 by the masses of all levels above the lowest, measured from the mean.
        levels = STEP * jnp.arange(1, 256)
        above = jax.nn.sigmoid((self.loc[..., None] - levels) / self.scale[..., None])
        mean = self.mean[..., None]
        return mean[..., 0] ** 2 + STEP * jnp.sum(above * (2 * (levels - mean) - STEP), axis=-1)
