"""The ordered logistic likelihood, for categories in order."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, Support, unconstrained
from vaefit.likelihoods.categorical import codes, likeliest

_NEVER = 0.5
_LEAST_GAP = 1e-3


class Ordinal(Likelihood):
    r"""Ordered logistic: a decoder-output place and scale, and learned cuts between neighbouring categories.

    $P(x \le c|z) = \mathrm{sigmoid}((b_c - \mu(z)) / s(z))$ with cuts $b_0 < b_1 < \dots$ of each
    variable; categories are coded 0, 1, 2 ...

    >>> Ordinal(dim=2, categories=(3, 5)).width
    4
    """

    reference: ClassVar[str] = "McCullagh 1980, Journal of the Royal Statistical Society B 42"
    support: ClassVar[Support] = "binary"
    discrete: ClassVar[bool] = True

    # Two of each variable, where nobody says.
    categories: tuple[int, ...] = eqx.field(static=True, default=())
    first_cut: Float[Array, " dim"] | None = eqx.field(default=None)
    raw_gaps: Float[Array, "dim gaps"] | None = eqx.field(default=None)

    def __post_init__(self) -> None:
        if not self.categories:
            self.categories = (2,) * self.dim
        if self.first_cut is None:
            gaps = max(0, max(self.categories) - 2)
            self.first_cut = jnp.zeros(self.dim)
            self.raw_gaps = unconstrained(jnp.ones((self.dim, gaps)))

    @property
    def width(self) -> int:
        """A place and a scale for each variable."""
        return 2 * self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent ordered variables."""
        assert self.first_cut is not None and self.raw_gaps is not None
        place, raw_scale = jnp.split(output, 2, axis=-1)
        gaps = _LEAST_GAP + jax.nn.softplus(self.raw_gaps)
        cuts = jnp.concatenate([self.first_cut[:, None], gaps], axis=1).cumsum(axis=1)
        # A softplus that is 1 at 0, so that an output of zeros leaves the word to the cuts.
        scale = 1e-2 + jax.nn.softplus(raw_scale + np.log(np.expm1(0.99)))
        z = (cuts - place[..., None]) / scale[..., None]
        upper = jnp.concatenate([z, jnp.full((*z.shape[:-1], 1), jnp.inf)], axis=-1)
        lower = jnp.concatenate([jnp.full((*z.shape[:-1], 1), -jnp.inf), z], axis=-1)
        numbers = np.arange(max(self.categories)) - np.array(self.categories)[:, None]
        upper = jnp.where(numbers >= -1, jnp.inf, upper)
        return codes(jnp.where(numbers < 0, _log_between(lower, upper), -1e9))

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """The likeliest category's code."""
        return likeliest(self(output))

    def start_from(self, x: Float[np.ndarray, "rows dim"]) -> tuple["Ordinal", Float[Array, " width"]]:
        """Cuts at which each category is as frequent as in the data."""
        assert self.raw_gaps is not None
        first, gaps = [], np.ones(self.raw_gaps.shape)
        for row, (column, number) in enumerate(zip(x.T, self.categories, strict=True)):
            seen = np.bincount(column[~np.isnan(column)].astype(np.int64), minlength=number) + _NEVER
            below = np.cumsum(seen)[:-1] / seen.sum()
            cuts = np.log(below) - np.log1p(-below)
            first.append(cuts[0])
            gaps[row, : number - 2] = np.diff(cuts)
        found = eqx.tree_at(
            lambda part: (part.first_cut, part.raw_gaps),
            self,
            (
                jnp.asarray(first, jnp.float32),
                unconstrained(jnp.maximum(jnp.asarray(gaps, jnp.float32) - _LEAST_GAP, _LEAST_GAP)),
            ),
        )
        return found, jnp.zeros(self.width)


def _log_between(lower: Any, upper: Any) -> Array:
    """log(sigmoid(upper) - sigmoid(lower)), without the difference of nearly equal numbers."""
    width = jnp.where(jnp.isfinite(upper - lower), upper - lower, 1.0)
    inner = jnp.isfinite(upper) & jnp.isfinite(lower)
    return (
        jax.nn.log_sigmoid(jnp.where(jnp.isfinite(upper), upper, 1e4))
        + jax.nn.log_sigmoid(-jnp.where(jnp.isfinite(lower), lower, -1e4))
        + jnp.where(inner, jnp.log(-jnp.expm1(-width)), 0.0)
    )
