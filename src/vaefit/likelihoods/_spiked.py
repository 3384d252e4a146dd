"""A likelihood with spikes: values that come far more often than those around them."""

from collections.abc import Iterator
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro import distributions as dist
from numpyro.distributions import constraints

from vaefit.likelihoods._base import Likelihood

Stretches = tuple[tuple[float, float], ...]
# Log-odds of a spike that is not there, and how often what never came is taken to have come.
_NONE, _NEVER = -1e9, 0.5


class Spiked(Likelihood):
    r"""Another likelihood f mixed with spikes: hours a week are 40, a gain is 0, and else anything.

    $\log p(x|z) = \log \big(\pi_0(z) f(x|z) + \sum_j \pi_j(z) \, [x \in I_j] / |I_j|\big)$ for each variable,
    its spikes the stretches $I_j$ over which a common value is spread (dequantised), $\pi$ a softmax of
    decoder outputs. A value's mass in a column of whole numbers is its density over the step of one, so that
    counts have spikes too.
    """

    reference: ClassVar[str] = "Lambert 1992, Technometrics 34 (zero-inflated counts)"

    rest: Likelihood
    # Of each variable, by its start and end.
    spikes: tuple[Stretches, ...] = eqx.field(static=True)

    @property
    def width(self) -> int:
        """Log-odds of each spike and of the rest, for each variable, and what the rest needs."""
        return self.dim * (1 + self._most) + self.rest.width

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent mixtures of spikes and the rest."""
        log_odds, rest = self._split(output)
        return _Mixed(log_odds, self.rest(rest), self._ends())

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """The mean of the spikes and of the rest's location."""
        log_odds, rest = self._split(output)
        weight = jax.nn.softmax(log_odds, axis=-1)
        return weight[..., 0] * self.rest.location(rest) + jnp.sum(
            weight[..., 1:] * self._ends().mean(axis=-1), axis=-1
        )

    def start_from(self, x: Float[np.ndarray, "rows dim"]) -> tuple["Spiked", Float[Array, " width"]]:
        """Each spike as often as in the data, and the rest at the values that are none."""
        at = np.stack(list(self._which(x)), axis=-1)
        # A column of nothing but spikes: the rest may as well start at all of it.
        apart = np.where((at == 0) | ~(at == 0).any(axis=0), x, np.nan)
        rest, bias = self.rest.start_from(apart)
        assert bias is not None
        counts = np.stack([(at == j).sum(axis=0) for j in range(1 + self._most)], axis=-1) + _NEVER
        log_odds = jnp.asarray(np.log(counts / counts.sum(axis=-1, keepdims=True)).ravel(), jnp.float32)
        return eqx.tree_at(lambda part: part.rest, self, rest), jnp.concatenate([log_odds, bias])

    @property
    def _most(self) -> int:
        return max(map(len, self.spikes))

    def _ends(self) -> Float[np.ndarray, "dim most 2"]:
        """Where each spike starts and ends; any stretch for what is none, as its odds are nil."""
        missing = ((0.0, 1.0),)
        return np.array([(*found, *missing * (self._most - len(found))) for found in self.spikes], np.float32)

    def _split(self, output: Array) -> tuple[Float[Array, "*batch dim odds"], Float[Array, "*batch rest"]]:
        n = self.dim * (1 + self._most)
        log_odds = output[..., :n].reshape(*output.shape[:-1], self.dim, 1 + self._most)
        there = np.arange(1 + self._most) <= np.array([len(found) for found in self.spikes])[:, None]
        return jnp.where(there, log_odds, _NONE), output[..., n:]

    def _which(self, x: Float[np.ndarray, "rows dim"]) -> Iterator[np.ndarray]:
        """Which spike each value of a column is, from 1; 0: none; -1: missing."""
        for column, stretches in zip(x.T, self.spikes, strict=True):
            found = np.where(np.isnan(column), -1, 0)
            for j, (start, end) in enumerate(stretches):
                found[(column >= start) & (column <= end)] = j + 1
            yield found


class _Mixed(dist.Distribution):
    """Uniform distributions over stretches (dim, most, 2) and another one, by log-odds, that one's first."""

    arg_constraints: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        "log_odds": constraints.real_matrix
    }
    support = constraints.real  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def __init__(
        self,
        log_odds: Float[Array, "*batch dim odds"],
        rest: dist.Distribution,
        ends: Float[np.ndarray, "dim most 2"],
    ) -> None:
        self.log_odds, self.rest, self.ends = log_odds, rest, ends
        super().__init__(batch_shape=log_odds.shape[:-1], validate_args=False)

    def log_prob(self, value: Any, intermediates: Any = None) -> Array:
        weight = jax.nn.log_softmax(self.log_odds, axis=-1)
        start, end = self.ends[..., 0], self.ends[..., 1]
        x = jnp.asarray(value)[..., None]
        spiked = jnp.where((x >= start) & (x <= end), weight[..., 1:] - np.log(end - start), _NONE)
        rest = weight[..., 0] + jnp.asarray(self.rest.log_prob(value))
        return jnp.logaddexp(rest, jax.nn.logsumexp(spiked, axis=-1))

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        which_key, place_key, rest_key = jax.random.split(key, 3)
        shape = sample_shape + self.batch_shape
        which = jax.random.categorical(which_key, self.log_odds, shape=shape)
        place = self.ends[..., 0] + (self.ends[..., 1] - self.ends[..., 0]) * jax.random.uniform(
            place_key, (*shape, 1)
        )
        rest = jnp.asarray(self.rest.sample(rest_key, sample_shape))
        chosen = jax.nn.one_hot(which, self.log_odds.shape[-1])
        return jnp.where(which == 0, rest, jnp.sum(chosen[..., 1:] * place, axis=-1))

    @property
    def mean(self) -> Array:
        return self._moment(self.ends.mean(axis=-1), jnp.asarray(self.rest.mean))

    @property
    def variance(self) -> Array:
        squares = (self.ends**2).sum(axis=-1) / 3 + self.ends.prod(axis=-1) / 3
        rest = jnp.asarray(self.rest.variance) + jnp.asarray(self.rest.mean) ** 2
        return self._moment(squares, rest) - self.mean**2

    def _moment(self, of_spikes: np.ndarray, of_rest: Array) -> Array:
        weight = jax.nn.softmax(self.log_odds, axis=-1)
        return weight[..., 0] * of_rest + jnp.sum(weight[..., 1:] * of_spikes, axis=-1)
