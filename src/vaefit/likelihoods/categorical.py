"""The categorical likelihood."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro import distributions as dist
from numpyro.distributions import constraints

from vaefit.likelihoods._base import Likelihood, Support

# Log-odds of a category that is not there, and how often one that never came is taken to have come.
_NONE, _NEVER = -1e9, 0.5


class Categorical(Likelihood):
    r"""Categorical: each variable is one of its own number of categories, coded 0, 1, 2 ...

    $\log p(x = c|z) = o_c(z) - \log \sum_j \exp o_j(z)$, o the decoder's outputs for that variable.

    >>> Categorical(dim=2, categories=(2, 3)).width
    5
    """

    reference: ClassVar[str] = "Nazabal et al. 2020, arXiv:1807.03653"
    support: ClassVar[Support] = "binary"
    discrete: ClassVar[bool] = True

    # Two of each variable, where nobody says.
    categories: tuple[int, ...] = eqx.field(static=True, default=())

    def __post_init__(self) -> None:
        if not self.categories:
            self.categories = (2,) * self.dim

    @property
    def width(self) -> int:
        """Log-odds of each category of each variable."""
        return sum(self.categories)

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent categorical variables."""
        most = max(self.categories)
        first = np.cumsum([0, *self.categories[:-1]])
        places = first[:, None] + np.arange(most)
        there = np.arange(most) < np.array(self.categories)[:, None]
        logits = output[..., np.minimum(places, self.width - 1)]
        return _Codes(jnp.where(there, logits, _NONE))

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """The likeliest category's code."""
        return likeliest(self(output))

    def start_from(self, x: Float[np.ndarray, "rows dim"]) -> tuple["Categorical", Float[Array, " width"]]:
        """Each category as often as in the data."""
        log_odds = []
        for codes, number in zip(x.T, self.categories, strict=True):
            seen = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=number) + _NEVER
            log_odds.append(np.log(seen / seen.sum()))
        return self, jnp.asarray(np.concatenate(log_odds), jnp.float32)


def codes(logits: Float[Array, "*batch dim categories"]) -> dist.Distribution:
    """The distribution of codes with these log-odds; what is not a category has a very small one."""
    return _Codes(logits)


def likeliest(distribution: dist.Distribution) -> Float[Array, "*batch dim"]:
    """The code of the largest probability."""
    assert isinstance(distribution, _Codes)
    return jnp.argmax(distribution.logits, axis=-1).astype(distribution.logits.dtype)


class _Codes(dist.Distribution):
    """Categories as floating-point codes."""

    arg_constraints: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        "logits": constraints.real_matrix
    }
    support = constraints.nonnegative  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def __init__(self, logits: Array) -> None:
        self.logits = logits
        super().__init__(batch_shape=logits.shape[:-1], validate_args=False)

    def log_prob(self, value: Any, intermediates: Any = None) -> Array:
        log_p = jax.nn.log_softmax(self.logits, axis=-1)
        # A product, not a gather: on CPUs gradients of gathers are scatters, which are slow.
        chosen = jax.nn.one_hot(jnp.asarray(value).astype(jnp.int32), log_p.shape[-1])
        return jnp.sum(jnp.where(chosen > 0, log_p, 0.0), axis=-1)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        return jax.random.categorical(key, self.logits, shape=sample_shape + self.batch_shape).astype(
            self.logits.dtype
        )

    @property
    def probs(self) -> Array:
        return jax.nn.softmax(self.logits, axis=-1)

    @property
    def mean(self) -> Array:
        return self.probs @ jnp.arange(1.0 * self.logits.shape[-1])

    @property
    def variance(self) -> Array:
        return self.probs @ jnp.arange(1.0 * self.logits.shape[-1]) ** 2 - self.mean**2
