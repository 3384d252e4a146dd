"""A Gaussian copula: columns with marginals of their own, and correlations between their normal scores."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.special import log_ndtr, logsumexp, ndtr, ndtri

from vaefit.baselines._marginals import Marginal, is_discrete
from vaefit.baselines._typed import TypedBaseline
from vaefit.data import Column
from vaefit.errors import DataError

MOST_COLUMNS = 200
MOST_ROWS = 5000
SWEEPS, BURN_IN = 60, 20
DRAWS = 64
CELLS_AT_ONCE = 2_000_000
_NEAR = 1e-10  # scores stay within +-6.4: beyond it nothing is told apart


@dataclass(frozen=True, eq=False)
class GaussianCopula(TypedBaseline):
    r"""A Gaussian copula: each column's own marginal, and one correlation matrix.

    $p(x) = \prod_d f_d(x_d) / \phi(s_d) \cdot N(s; 0, R)$ with scores $s_d = \Phi^{-1}(F_d(x_d))$. The score
    of a category or count is anywhere within its share of the normal distribution: that integral is a mean
    over sequential draws (Genz 1992, J. Comp. Graph. Stat. 1), so the log-likelihood is a consistent
    estimate, too low rather than too high. R is fitted by stochastic EM: scores drawn given the row's others,
    missing ones too, in turns with their correlation, shrunk as by D rows of uncorrelated scores. Missing
    cells are left out of R.

    Source: Hoff 2007, arXiv:math/0610413.
    """

    correlation: Float[np.ndarray, "columns columns"] = field(repr=False)
    seed: int = 0

    reference: ClassVar[str] = "Hoff 2007, arXiv:math/0610413"

    @classmethod
    def _fit(
        cls, values: np.ndarray, columns: tuple[Column, ...], marginals: tuple[Marginal, ...], seed: int
    ) -> "GaussianCopula":
        if len(columns) > MOST_COLUMNS:
            raise DataError(f"{cls.name()}: expected at most {MOST_COLUMNS} columns, found {len(columns)}")
        rng = np.random.default_rng(seed)
        some = rng.permutation(len(values))[:MOST_ROWS]
        told = f", on {len(some)} of {len(values)} rows" if len(some) < len(values) else ""
        correlation = _correlation(*_scores(values[some], marginals), rng)
        return cls(columns, marginals, f"correlations of scores{told}", correlation, seed)

    def _log_likelihood(self, values: np.ndarray) -> np.ndarray:
        order = np.argsort([is_discrete(column) for column in self.columns], kind="stable")
        found = [self._draw(values[rows], order)[0] for rows in self._blocks(len(values))]
        return logsumexp(np.concatenate(found, axis=1), axis=0) - np.log(DRAWS)

    def _each(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_density, guess = np.zeros(values.shape), np.zeros(values.shape)
        for d in range(len(self.columns)):
            for rows in self._blocks(len(values)):
                log_density[rows, d], guess[rows, d] = self._given_others(values[rows], d)
        return log_density, guess

    def _given_others(self, values: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
        """log p(x_d | the others) and their guess: a mixture of normal scores, a draw each."""
        places = sorted(range(len(self.columns)), key=lambda i: (i == d, is_discrete(self.columns[i])))
        marginal = self.marginals[d]
        hidden = values.copy()
        hidden[:, d] = np.nan
        present = ~np.isnan(hidden)
        present[:, d] = True
        log_weight, mean, sd = self._draw(hidden, np.array(places), present)
        log_weight = log_weight - logsumexp(log_weight, axis=0)
        v = np.nan_to_num(values[:, d])
        low, high = (_score(end) for end in marginal.ends(v))
        if marginal.discrete:
            inside = np.maximum(ndtr((high - mean) / sd) - ndtr((low - mean) / sd), _NEAR**2)
            log_density = logsumexp(log_weight + np.log(inside), axis=0)
        else:
            gain = -0.5 * ((low - mean) / sd) ** 2 - np.log(sd) + 0.5 * low**2
            log_density = marginal.log_density(v) + logsumexp(log_weight + gain, axis=0)
        return np.asarray(log_density), self._guess(d, np.exp(log_weight), mean, sd)

    def _guess(self, d: int, weight: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
        marginal, levels = self.marginals[d], len(self.columns[d].categories)
        if levels:
            edges = _score(marginal.below(np.arange(levels + 1) - 0.5))
            below = np.stack([(weight * ndtr((edge - mean) / sd)).sum(axis=0) for edge in edges])
            return np.diff(below, axis=0).argmax(axis=0).astype(np.float64)
        nodes, shares = np.polynomial.hermite_e.hermegauss(9)
        shares = shares / shares.sum()
        found = [
            share * (weight * marginal.quantile(ndtr(mean + sd * node))).sum(axis=0)
            for node, share in zip(nodes, shares, strict=True)
        ]
        return np.sum(found, axis=0)

    def _draw(
        self, values: np.ndarray, order: np.ndarray, present: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-weights (draws, rows) of drawn scores, and mean and sd of the last one given those before."""
        there = ~np.isnan(values)
        low, high = _scores(values, self.marginals)
        root = _roots(self.correlation, there if present is None else present, order)
        alone = np.where(there, self._alone(values), 0.0)
        u = self._uniform()
        y = np.zeros((DRAWS, *values.shape))
        total, mean = np.zeros((DRAWS, len(values))), np.zeros((DRAWS, len(values)))
        for place, d in enumerate(order):
            mean = np.einsum("ri,kri->kr", root[:, place, :place], y[:, :, :place])
            sd = root[:, place, place]
            if not self.marginals[d].discrete:
                at = np.where(there[:, d], (low[:, d] - mean) / sd, 0.0)
                part = alone[:, d] - 0.5 * at**2 - np.log(sd) + 0.5 * low[:, d] ** 2
                y[:, :, place] = at
            else:
                y[:, :, place], part = _within(
                    (low[:, d] - mean) / sd, (high[:, d] - mean) / sd, u[:, d, None]
                )
            total += np.where(there[:, d], part, 0.0)
        return total, mean, root[:, -1, -1]

    def _uniform(self) -> np.ndarray:
        """Points spread over the unit cube, the same for every row: a row's number depends on no other."""
        return stats.qmc.Sobol(len(self.columns), rng=self.seed).random(DRAWS)

    def _blocks(self, rows: int) -> Iterator[slice]:
        size = max(1, CELLS_AT_ONCE // (len(self.columns) * max(DRAWS, len(self.columns))))
        return (slice(start, start + size) for start in range(0, max(rows, 1), size))


def _score(u: np.ndarray) -> np.ndarray:
    return np.asarray(ndtri(np.clip(u, _NEAR, 1 - _NEAR)))


def _scores(values: np.ndarray, marginals: tuple[Marginal, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Between which normal scores every cell is; anywhere, where it is missing."""
    ends = [marginal.ends(np.nan_to_num(v)) for marginal, v in zip(marginals, values.T, strict=True)]
    low, high = (_score(np.stack(side, axis=1)) for side in zip(*ends, strict=True))
    missing = np.isnan(values)
    discrete = np.array([marginal.discrete for marginal in marginals])
    low = np.where(discrete & (low <= _score(np.zeros(()))), -np.inf, low)
    high = np.where(discrete & (high >= _score(np.ones(()))), np.inf, high)
    return np.where(missing, -np.inf, low), np.where(missing, np.inf, high)


def _within(low: np.ndarray, high: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The point a share u of the way through a normal distribution between low and high, and log its mass."""
    # In the lower tail, where differences of the distribution function keep their digits.
    flip = low > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    below, above = log_ndtr(low), log_ndtr(high)
    inside = above + np.log1p(-np.exp(np.minimum(below - above, -1e-12)))
    u = np.where(flip, 1 - u, u)
    drawn = ndtri(np.clip(np.exp(below) + u * np.exp(inside), 1e-300, 1 - 1e-16))
    drawn = np.clip(drawn, low, high)
    return np.where(flip, -drawn, drawn), inside


def _roots(correlation: np.ndarray, present: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The Cholesky factor for each row, where missing cells go with nothing."""
    both = present[:, order, None] & present[:, None, order]
    own = np.eye(len(order), dtype=bool)
    return np.linalg.cholesky(np.where(both | own, correlation[np.ix_(order, order)] * (both | own), 0.0))


def _correlation(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Stochastic EM: scores given the others, then the correlation of scores; the mean of later sweeps."""
    n, dim = low.shape
    fixed = low == high
    s = np.where(fixed, low, _within(low, high, rng.random(low.shape))[0])
    correlation, kept = _of_scores(s), []
    for sweep in range(SWEEPS if dim > 1 and not fixed.all() else 1):
        precision = np.linalg.inv(correlation)
        for d in np.flatnonzero(~fixed.all(axis=0)):
            sd = 1 / np.sqrt(precision[d, d])
            mean = s[:, d] - (s @ precision[d]) / precision[d, d]
            inside = (low[:, d] - mean) / sd, (high[:, d] - mean) / sd
            drawn = mean + sd * _within(*inside, rng.random(n))[0]
            s[:, d] = np.where(fixed[:, d], s[:, d], drawn)
        correlation = _of_scores(s)
        if sweep >= BURN_IN or n < 2:
            kept.append(correlation)
    return np.mean(kept, axis=0) if kept else correlation


def _of_scores(s: np.ndarray) -> np.ndarray:
    n, dim = s.shape
    second = (s.T @ s + dim * np.eye(dim)) / (n + dim)
    sd = np.sqrt(np.diag(second))
    return second / np.outer(sd, sd)
