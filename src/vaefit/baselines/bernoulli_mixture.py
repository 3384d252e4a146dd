"""A mixture of independent Bernoullis."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from scipy.special import softmax

from vaefit.baselines._base import Baseline
from vaefit.baselines._tools import choose_components, fewer_rows

CELLS = 8_000_000
CELLS_TO_CHOOSE = 3_000_000
LEAST_ROWS = 1000
COMPONENTS = (1, 2, 4, 8, 16, 32, 64)
ITERATIONS = 60
TOLERANCE = 1e-3  # nats per datum
SMOOTHING = 0.5  # added to the ones and to the zeros of each variable, and to each component's rows


@dataclass(frozen=True, eq=False)
class BernoulliMixture(Baseline):
    r"""A mixture of independent Bernoullis, as many as held-out rows support.

    $p(x) = \sum_c \pi_c \prod_d p_{cd}^{x_d} (1 - p_{cd})^{1 - x_d}$ by EM in log space; half a one and
    half a zero are added to every variable of a component. Held-out blocks of a fifth of the rows choose 1 to
    64 components; then all rows are fitted, at most 8 million numbers (but 1000 rows). Rows are rebuilt as
    $E[p_c | x]$.
    """

    mixture: "Mixture"

    reference: ClassVar[str] = "Juan & Vidal 2002, Pattern Recognition 35(12)"
    binary: ClassVar[bool] = True

    @classmethod
    def _fit(cls, x: np.ndarray, latent_dim: int, seed: int) -> "BernoulliMixture":
        few, told = fewer_rows(x, CELLS, LEAST_ROWS, seed)
        few = few.astype(np.float64)
        fit = partial(em, seed=seed)
        trial, _ = fewer_rows(few, CELLS_TO_CHOOSE, LEAST_ROWS, seed)
        components, _ = choose_components(fit, trial, COMPONENTS, seed)
        return cls(x.shape[1], f"{components} component{'s' * (components > 1)}{told}", fit(few, components))

    def _log_likelihood(self, x: np.ndarray) -> np.ndarray:
        return self.mixture.log_likelihood(x)

    def _reconstruct(self, x: np.ndarray) -> np.ndarray:
        return softmax(self.mixture.log_joint(x), axis=1) @ self.mixture.probability


@dataclass(frozen=True, eq=False)
class Mixture:
    """Weights (components,) and probabilities of a one (components, variables)."""

    weight: np.ndarray
    probability: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, share: np.ndarray) -> "Mixture":
        """The M step: smoothed frequencies, each row counted by its share (rows, components)."""
        rows = share.sum(axis=0)
        ones = share.T @ x
        weight = (rows + SMOOTHING) / (len(x) + SMOOTHING * len(rows))
        return cls(weight, (ones + SMOOTHING) / (rows[:, None] + 2 * SMOOTHING))

    def log_joint(self, x: np.ndarray) -> np.ndarray:
        """log p(x, component), nats (rows, components)."""
        log_one, log_zero = np.log(self.probability), np.log1p(-self.probability)
        return x @ (log_one - log_zero).T + log_zero.sum(axis=1) + np.log(self.weight)

    def log_likelihood(self, x: np.ndarray) -> np.ndarray:
        """log p(x), nats per datum."""
        return np.logaddexp.reduce(self.log_joint(x), axis=1)

    def score(self, x: np.ndarray, /) -> float:
        """Mean log-likelihood, nats per datum."""
        return float(self.log_likelihood(x).mean())

    def log_prior(self) -> float:
        """Log-density of the smoothing as a prior, up to a constant, nats: EM climbs likelihood plus this."""
        p = self.probability
        return SMOOTHING * float(np.log(self.weight).sum() + np.log(p).sum() + np.log1p(-p).sum())


def em(x: np.ndarray, components: int, seed: int, iterations: int = ITERATIONS) -> Mixture:
    """EM from distinct random rows, softened, until a step gains less than 0.001 nats per datum."""
    start = np.random.default_rng(seed).choice(len(x), components, replace=False)
    found = Mixture(np.full(components, 1 / components), 0.25 + 0.5 * x[start])
    before = -np.inf
    for _ in range(iterations):
        joint = found.log_joint(x)
        reached = float(np.logaddexp.reduce(joint, axis=1).mean()) + found.log_prior() / len(x)
        if reached - before < TOLERANCE:
            break
        found, before = Mixture.of(x, softmax(joint, axis=1)), reached
    return found
