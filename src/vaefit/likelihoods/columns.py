"""The likelihood of a table's row: each column's own family."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro import distributions as dist
from numpyro.distributions import constraints

from vaefit.data import Variable
from vaefit.likelihoods._base import Likelihood
from vaefit.likelihoods._spiked import Spiked
from vaefit.likelihoods.bernoulli import Bernoulli
from vaefit.likelihoods.beta import Beta
from vaefit.likelihoods.categorical import Categorical
from vaefit.likelihoods.gamma import Gamma
from vaefit.likelihoods.gaussian import Gaussian
from vaefit.likelihoods.log_normal import LogNormal
from vaefit.likelihoods.negative_binomial import NegativeBinomial
from vaefit.likelihoods.ordinal import Ordinal
from vaefit.likelihoods.poisson import Poisson
from vaefit.likelihoods.student_t import StudentT
from vaefit.options import Value, option

FAMILIES: dict[str, Callable[..., Likelihood]] = {
    "gaussian": Gaussian,
    "student-t": StudentT,
    "log-normal": LogNormal,
    "gamma": Gamma,
    "poisson": Poisson,
    "negative-binomial": NegativeBinomial,
}
# A value every family takes: what stands in where a cell is missing, and counts for nothing.
_ANY = {"positive": 1.0, "proportion": 0.5}


class Columns(Likelihood):
    r"""Each column by the family of its type; missing cells (NaN) have log-density zero.

    $\log p(x|z) = \sum_{d \text{ observed}} \log p_d(x_d|z)$: leaving missing cells out of the sum is
    integrating over them, as cells are independent given z. Real columns and dates are Gaussian or Student-t,
    positive ones log-normal or gamma, counts negative binomial or Poisson, proportions beta, two categories
    Bernoulli, more of them categorical or ordered logistic. Numbers have spikes, mixed with these, at values
    that come far more often than those around them.

    >>> variables = (Variable("real"), Variable("categorical", 3))
    >>> part = Columns(dim=2, variables=variables)
    >>> part(jnp.zeros(part.width)).log_prob(jnp.array([jnp.nan, 2.0])).round(3).tolist()
    [0.0, -1.099...]
    """

    reference: ClassVar[str] = "Nazabal et al. 2020, arXiv:1807.03653"

    typed: ClassVar[bool] = True

    real: Literal["student-t", "gaussian"] = option("student-t", "family of real columns and dates")
    positive: Literal["log-normal", "gamma"] = option("log-normal", "family of positive columns")
    count: Literal["negative-binomial", "poisson"] = option("negative-binomial", "family of counts")
    # All real, where nobody says.
    variables: tuple[Variable, ...] = eqx.field(static=True, default=())
    families: tuple[Likelihood, ...] = eqx.field(default=())

    def __post_init__(self) -> None:
        if not self.variables:
            self.variables = (Variable("real"),) * self.dim
        if not self.families:
            self.families = tuple(self._family(kind, at) for kind, at in self._groups())

    @classmethod
    def of_variables(cls, dim: int, variables: tuple[Variable, ...], **options: Value) -> "Columns":
        """The likelihood of these variables."""
        return cls(dim=dim, variables=variables, **options)  # pyright: ignore[reportArgumentType]

    @property
    def width(self) -> int:
        """What all families need, one after the other."""
        return sum(family.width for family in self.families)

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent cells, each of its column's family."""
        return _Cells(
            tuple(family(part) for family, part in self._parts(output)), self._places(), self._fill()
        )

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """Each column's own: means of numbers, medians of positive ones, the likeliest category."""
        found = [
            jnp.round(family.location(part)) if kind == "binary" else family.location(part)
            for (kind, _), (family, part) in zip(self._groups(), self._parts(output), strict=True)
        ]
        return _in_order(found, self._places())

    def chances(self, output: Float[Array, "*batch width"]) -> dict[int, Float[Array, "*batch levels"]]:
        """The probability of each category of the columns that have some, by the column's place."""
        found = {}
        for (kind, at), (family, part) in zip(self._groups(), self._parts(output), strict=True):
            if kind in ("binary", "ordinal", "categorical"):
                for number, place in enumerate(at):
                    found[place] = _of_levels(family(part), number, self.variables[place].levels or 2)
        return dict(sorted(found.items()))

    def start_from(self, x: Float[np.ndarray, "rows dim"]) -> tuple["Columns", Float[Array, " width"]]:
        """Each family at its own columns of the data."""
        started = [
            family.start_from(x[:, at]) for family, (_, at) in zip(self.families, self._groups(), strict=True)
        ]
        biases = [bias for _, bias in started if bias is not None]
        assert len(biases) == len(started)
        families = tuple(family for family, _ in started)
        return eqx.tree_at(lambda part: part.families, self, families), jnp.concatenate(biases)

    def _groups(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The kinds there are, each with the places of its columns."""
        groups = [(variable.kind, bool(variable.spikes)) for variable in self.variables]
        for group in dict.fromkeys(groups):
            yield group[0], tuple(i for i, one in enumerate(groups) if one == group)

    def _family(self, kind: str, at: tuple[int, ...]) -> Likelihood:
        family, spikes = self._plain_family(kind, at), tuple(self.variables[i].spikes for i in at)
        return Spiked(dim=len(at), rest=family, spikes=spikes) if any(spikes) else family

    def _plain_family(self, kind: str, at: tuple[int, ...]) -> Likelihood:
        if kind in ("real", "positive", "count"):
            return FAMILIES[getattr(self, kind)](dim=len(at))
        if kind == "proportion":
            return Beta(dim=len(at))
        if kind == "binary":
            return Bernoulli(dim=len(at))
        levels = tuple(self.variables[i].levels for i in at)
        return (Ordinal if kind == "ordinal" else Categorical)(dim=len(at), categories=levels)

    def _parts(self, output: Array) -> Iterator[tuple[Likelihood, Array]]:
        ends = np.cumsum([family.width for family in self.families])
        return zip(self.families, jnp.split(output, ends[:-1], axis=-1), strict=True)

    def _places(self) -> tuple[tuple[int, ...], ...]:
        return tuple(at for _, at in self._groups())

    def _fill(self) -> np.ndarray:
        return np.array([_ANY.get(variable.kind, 0.0) for variable in self.variables], np.float32)


class _Cells(dist.Distribution):
    """Distributions of groups of cells as one of all cells, in the table's order."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleVariableOverride]
    support = constraints.real  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def __init__(
        self, groups: tuple[dist.Distribution, ...], places: tuple[tuple[int, ...], ...], fill: np.ndarray
    ) -> None:
        self.groups, self.places, self.fill = groups, places, fill
        batch = groups[0].batch_shape[:-1]
        super().__init__(batch_shape=(*batch, sum(map(len, places))), validate_args=False)

    def log_prob(self, value: Any, intermediates: Any = None) -> Array:
        missing = jnp.isnan(value)
        # Filled before, not after: a NaN that is later put out of sight still spoils the gradient.
        filled = jnp.where(missing, self.fill, value)
        log_p = self._each(lambda group, at: jnp.asarray(group.log_prob(filled[..., list(at)])))
        return jnp.where(missing, 0.0, log_p)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        keys = iter(jax.random.split(key, len(self.groups)))
        return self._each(lambda group, _: jnp.asarray(group.sample(next(keys), sample_shape)))

    @property
    def mean(self) -> Array:
        return self._each(lambda group, _: jnp.asarray(group.mean))

    @property
    def variance(self) -> Array:
        return self._each(lambda group, _: jnp.asarray(group.variance))

    def _each(self, of: Callable[[dist.Distribution, tuple[int, ...]], Array]) -> Array:
        return _in_order(
            [
                of(group, at).astype(jnp.result_type(float))
                for group, at in zip(self.groups, self.places, strict=True)
            ],
            self.places,
        )


def _of_levels(p: Any, number: int, levels: int) -> Array:
    """The probabilities of the levels of one variable of a distribution of codes, or of zeros and ones."""
    probs = jnp.asarray(p.probs)
    if probs.ndim > len(p.batch_shape):
        return probs[..., number, :levels]
    return jnp.stack([1 - probs[..., number], probs[..., number]], axis=-1)


def _in_order(found: list[Array], places: tuple[tuple[int, ...], ...]) -> Array:
    """Groups of columns put side by side, then each where it belongs."""
    order = np.argsort(np.concatenate([np.array(at) for at in places]))
    together = jnp.concatenate(found, axis=-1)
    return together if (order == np.arange(len(order))).all() else together[..., order]
