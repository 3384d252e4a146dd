"""What several baselines need: a common scale, fewer rows, and how many components."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vaefit.data import Dataset, split
from vaefit.ppca import variance_floor

HELD_OUT = 0.2


@dataclass(frozen=True, eq=False)
class Scale:
    """Columns to mean 0 and sd 1; a variance below `variance_floor` (a constant column) counts as that."""

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> "Scale":
        """The scale of the rows of `x`."""
        variance = x.var(axis=0, dtype=np.float64)
        floor = variance_floor(float(variance.mean()))
        return cls(x.mean(axis=0, dtype=np.float64), np.sqrt(np.maximum(variance, floor)))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) / self.sd

    def undo(self, y: np.ndarray) -> np.ndarray:
        """Back to the data's scale."""
        return y * self.sd + self.mean

    @property
    def log_jacobian(self) -> float:
        """To add to a log-density of standardised rows, nats."""
        return -float(np.log(self.sd).sum())


def fewer_rows(x: np.ndarray, cells: int, least: int, seed: int) -> tuple[np.ndarray, str]:
    """At most `cells` / D of the rows (but `least`), drawn without replacement, and what to say about it."""
    most = max(least, cells // x.shape[1])
    if len(x) <= most:
        return x, ""
    chosen = np.random.default_rng(seed).choice(len(x), most, replace=False)
    return x[np.sort(chosen)], f", on {most} of {len(x)} rows"


class Scored(Protocol):
    """A fitted density of rows."""

    def score(self, x: np.ndarray, /) -> float:
        """Mean log-likelihood, nats per datum."""
        ...


def choose_components(
    fit: Callable[[np.ndarray, int], Scored], x: np.ndarray, candidates: Sequence[int], seed: int
) -> tuple[int, float]:
    """The number of components with the best likelihood on held-out blocks of the rows, and that likelihood.

    Tried in order until twice in a row no better; never more than a third of the rows.
    """
    candidates = [k for k in candidates if k == 1 or 3 * k <= len(x)]
    if len(x) < 3 or len(candidates) == 1:
        return 1, -np.inf
    train, held_out = split(Dataset.from_array(x), HELD_OUT, "block", seed)
    best, score, worse = 1, -np.inf, 0
    for k in candidates:
        now = fit(x[train], k).score(x[held_out])
        best, score, worse = (k, now, 0) if now > score else (best, score, worse + 1)
        if worse == 2:
            break
    return best, score
