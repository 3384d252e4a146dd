"""One column of a table on its own: frequencies of bins, smoothed by a simple family."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from vaefit.data import Column

BINS = (4, 8, 16, 32, 64, 128)
ROWS_A_BIN = 20
MOST_DISTINCT = 1000
MOST_ROWS = 50_000
# Pseudo-rows of the family: so many, or so many a row.
FEW, SHARES = (1.0, 3.0, 10.0, 30.0, 100.0), (0.1, 0.3, 1.0, 10.0, 1e6)
_LEAST = 1e-300


@dataclass(frozen=True, eq=False)
class Marginal:
    r"""The distribution of one column: a histogram and a family, as leaving one out finds best.

    $p(v) = (N_b / w_b + \alpha g(v)) / (N + \alpha)$ with N_b of the N values in v's bin, w_b wide, and g a
    simple family. A density per unit of the value; where `discrete`, the mass of a code or count.
    """

    discrete: bool
    edges: Float[np.ndarray, " bins_1"]
    counts: Float[np.ndarray, " bins"]
    alpha: float
    family: Any  # of scipy.stats, frozen
    mean: float
    mode: float

    @classmethod
    def fit(cls, column: Column, values: Float[np.ndarray, " rows"]) -> "Marginal":
        """The best of several bins, families and weights of the family for values without NaN."""
        v = values[:: -(-len(values) // MOST_ROWS)]
        discrete = is_discrete(column)
        at, of = np.unique(v, return_counts=True)
        middle = float(v.mean()), float(at[of.argmax()])
        found = []
        for family in _families(column, v):
            g = _height(family, discrete, v)
            for edges in _edges(column, v):
                counts = np.histogram(v, edges)[0].astype(np.float64)
                bins = np.clip(np.searchsorted(edges, v, side="right") - 1, 0, len(counts) - 1)
                others = (counts[bins] - 1) / np.diff(edges)[bins]
                for alpha in (*FEW, *(share * len(v) for share in SHARES)):
                    score = np.log(np.maximum((others + alpha * g) / (len(v) - 1 + alpha), _LEAST)).sum()
                    found.append((score, cls(discrete, edges, counts, alpha, family, *middle)))
        return max(found, key=lambda one: one[0])[1]

    def log_density(self, v: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        """log p(v), nats."""
        inside = (v >= self.edges[0]) & (v <= self.edges[-1])
        bins = np.clip(np.searchsorted(self.edges, v, side="right") - 1, 0, len(self.counts) - 1)
        histogram = np.where(inside, (self.counts / np.diff(self.edges))[bins], 0.0)
        p = (histogram + self.alpha * _height(self.family, self.discrete, v)) / (self._n + self.alpha)
        return np.log(np.maximum(p, _LEAST))

    def below(self, v: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The distribution function; of codes and counts it is to be asked at halves."""
        counted = np.interp(v, self.edges, np.concatenate([[0.0], np.cumsum(self.counts)]))
        return (counted + self.alpha * self.family.cdf(v)) / (self._n + self.alpha)

    def ends(
        self, v: Float[np.ndarray, " rows"]
    ) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """Where the distribution function starts and ends within a value: equal for a density."""
        if self.discrete:
            return self.below(v - 0.5), self.below(v + 0.5)
        return self.below(v), self.below(v)

    def quantile(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The value below which a share u lies, within what was seen."""
        grid = np.unique(np.concatenate([self.edges, np.linspace(self.edges[0], self.edges[-1], 1001)]))
        return np.interp(u, self.below(grid), grid)

    @property
    def _n(self) -> float:
        return float(self.counts.sum())


def is_discrete(column: Column) -> bool:
    """Whether its values have masses: codes of categories, and counts."""
    return column.type in ("binary", "ordinal", "categorical", "count")


def _height(family: Any, discrete: bool, v: np.ndarray) -> np.ndarray:
    return family.pmf(v) if discrete else family.pdf(v)


def _families(column: Column, v: np.ndarray) -> Iterable[Any]:
    """Families fitted by moments or medians; those with heavy tails for what nobody has seen yet."""
    if column.categories:
        return [stats.randint(0, len(column.categories))]
    mean, variance = float(v.mean()), float(v.var())
    if column.type == "count":
        mean = max(mean, 1e-3)
        over = max(variance, 1.001 * mean)
        return [stats.nbinom(mean**2 / (over - mean), mean / over), stats.geom(1 / (1 + mean), loc=-1)]
    if column.type == "proportion":
        return [stats.uniform(-column.step, 1 + 2 * column.step)]
    sd = np.sqrt(variance) or 1.0
    centre = float(np.median(v))
    spread = float(np.median(np.abs(v - centre))) or sd
    found = [stats.norm(mean, sd), stats.laplace(centre, spread / np.log(2)), stats.t(2, centre, spread)]
    if column.type != "positive":
        return found
    logs = np.log(np.maximum(v, _LEAST))
    positive = [stats.lognorm(logs.std() or 1.0, scale=np.exp(logs.mean()))]
    return [*positive, stats.gamma(mean**2 / sd**2, scale=sd**2 / mean)]


def _edges(column: Column, v: np.ndarray) -> Iterable[np.ndarray]:
    """Bins between quantiles; of values on a grid, between steps."""
    if column.categories:
        return [np.arange(len(column.categories) + 1) - 0.5]
    half = 0.5 if column.type == "count" else column.step / 2
    # Values on a grid come spread over their step; low is on the grid.
    seen = np.unique(column.low + 2 * half * np.round((v - column.low) / (2 * half)) if half else v)
    found = []
    for bins in (number for number in BINS if number <= max(len(v) // ROWS_A_BIN, BINS[0])):
        quantiles = np.quantile(v, np.linspace(0, 1, bins + 1))
        if half:
            quantiles = seen[np.clip(np.searchsorted(seen, quantiles - half), 0, len(seen) - 1)]
        found.append(_around(quantiles, half))
    if half and len(seen) <= MOST_DISTINCT:
        found.append(_around(seen, half))
    return found


def _around(at: np.ndarray, half: float) -> np.ndarray:
    """Edges half a step to both sides; at the values themselves where there is no step."""
    if not half:
        edges = np.unique(at)
        return edges if len(edges) > 1 else edges[0] + np.array([-0.5, 0.5])
    places = np.concatenate([at - half, at + half])
    # The same edge twice, but for rounding, would be a bin without width.
    return at[0] - half + 2 * half * np.unique(np.round((places - at[0] + half) / (2 * half)))
