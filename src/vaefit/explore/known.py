"""The run's own rows, as new ones are held against them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from vaefit.data import Dataset, spread
from vaefit.evaluation import Evaluator, why_undefined
from vaefit.evaluation.importance import ROWS
from vaefit.evaluation.surprise import distortion_of_variables
from vaefit.run import Run
from vaefit.scoring import MOST_TRAINING_ROWS, log_likelihood, seen, share_less_odd

# Draws of q(z|x) a row, as in `vaefit score`.
DRAWS = 500
# Rows that the usual distortion of a variable is the mean of.
MOST_USUAL = 512


@dataclass(eq=False)
class Known:
    """Rows, their latents, and as they come their scores: log-likelihoods, or ELBOs where there are none.

    `scored` marks the rows scored so far; `usual` is the mean distortion of each variable, once it is known.
    """

    run: Run
    rows: Dataset
    what: str
    means: Float[np.ndarray, "rows latent"] = field(init=False)
    scores: Float[np.ndarray, " rows"] = field(init=False)
    scored: Bool[np.ndarray, " rows"] = field(init=False)
    usual: Float[np.ndarray, " variables"] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.means = self.run.encode(self.rows)[0]
        self.scores, self.scored = np.zeros(self.rows.n), np.zeros(self.rows.n, bool)

    @property
    def wanted(self) -> int:
        """How many rows will be scored."""
        return min(self.rows.n, MOST_TRAINING_ROWS)

    @property
    def done(self) -> int:
        """How many are scored."""
        return int(self.scored.sum())

    def pieces(self) -> Iterator[None]:
        """Score the rows, a few at each step; in an order that makes the first ones a fair sample."""
        chosen = np.array(spread(self.rows.n, MOST_TRAINING_ROWS))
        order = np.random.default_rng(0).permutation(chosen)
        some, total = order[:MOST_USUAL], np.zeros(self.run.transform.dim)
        for start in range(0, len(order), ROWS):
            at = order[start : start + ROWS]
            self.scores[at] = score(self.run, self.rows.take(at), block=ROWS)[0]
            self.scored[at] = True
            yield
            if start < len(some):
                at = some[start : start + ROWS]
                x = seen(self.run, self.rows.take(at), 0)
                total += distortion_of_variables(self.run.model, x).sum(axis=0)
                self.usual = total / min(start + ROWS, len(some))
                yield

    def percentile(self, score: float) -> float | None:
        """The share of rows that are less odd than this score, in percent; None before any is scored."""
        there = self.scores[self.scored]
        return float(share_less_odd(np.array([score]), there)[0]) if len(there) else None

    def nearest(self, mean: Float[np.ndarray, " latent"], most: int) -> list[tuple[int, float]]:
        """The rows whose posterior means are nearest, with their distances."""
        distances = np.linalg.norm(self.means - mean, axis=1)
        return [(int(i), float(distances[i])) for i in np.argsort(distances, kind="stable")[:most]]

    def equal_to(self, row: Dataset) -> int | None:
        """A row that is the same in every variable."""
        there = self.rows.values
        same = ((there == row.values) | (np.isnan(there) & np.isnan(row.values))).all(axis=1)
        return int(same.argmax()) if same.any() else None


def score(
    run: Run, rows: Dataset, *, block: int
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"] | None]:
    """Each row's log-likelihood and its standard error, nats; its ELBO, without one, where there is none."""
    if why_undefined(run.model) is None:
        return log_likelihood(run, seen(run, rows, 0), DRAWS, block=block)
    transform = run.transform
    evaluator = Evaluator(
        run.model,
        samples=run.settings.samples,
        seed=0,
        visit=transform.visit,
        log_jacobian=transform.row_log_jacobian,
    )
    return -evaluator.rows(run.model, transform.forward(rows.values)).sum(axis=1), None
