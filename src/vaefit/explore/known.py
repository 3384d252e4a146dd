"""The run's own rows, as new ones are held against them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from vaefit.data import Dataset, spread
from vaefit.evaluation import Evaluator, why_undefined
from vaefit.evaluation.importance import ROWS
from vaefit.evaluation.surprise import distortion_of_variables
from vaefit.run import Run
from vaefit.scoring import MOST_TRAINING_ROWS, log_likelihood, row_explained, seen, share_less_odd

# Draws of q(z|x) a row, as in `vaefit score`.
DRAWS = 500
# Rows, at most, that the usual cost of a variable is the mean of.
MOST_USUAL = 256
# Products that one piece of scoring may take: a fraction of a second, in which a slider has to wait.
PIECE = 2e9
# Columns, at most, that are left out one by one: each takes as long as scoring a row.
MOST_LEFT_OUT = 64


@dataclass(eq=False)
class Known:
    """Rows, their latents, and as they come their scores: log-likelihoods, or ELBOs where there are none.

    `what` calls the rows, and `numbers` are their places in the data, from 0.
    `scored` marks the rows scored so far; `usual` is what each variable costs in the mean, nats, once it is
    known: its distortion, or where cells are left out one by one -log p(cell | the row's other cells).
    """

    run: Run
    rows: Dataset
    what: str
    numbers: Int[np.ndarray, " rows"]
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
        order = np.random.default_rng(0).permutation(spread(self.rows.n, MOST_TRAINING_ROWS))
        costs: list[Float[np.ndarray, "rows variables"]] = []
        block = _rows_at_once(self.run)
        for start in range(0, len(order), block):
            at = order[start : start + block]
            self.scores[at] = score(self.run, self.rows.take(at), block=block)[0]
            self.scored[at] = True
            yield
            few = at[:1] if leaves_out(self.run) else at
            if sum(map(len, costs)) < MOST_USUAL:
                costs.append(cost(self.run, self.rows.take(few)))
                self.usual = _mean_of_known(np.concatenate(costs))
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


def _rows_at_once(run: Run) -> int:
    """How many rows are scored in one piece: fewer for larger decoders."""
    weights = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(run.model.decoder, eqx.is_array)))
    return int(np.clip(PIECE / (DRAWS * weights), 1, ROWS))


def _mean_of_known(costs: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, " variables"]:
    there = ~np.isnan(costs)
    return np.where(there, costs, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)


def leaves_out(run: Run) -> bool:
    """Whether a row's cells are left out one by one to find what is odd: if few, that may be missing."""
    return run.model.likelihood.typed and run.transform.dim <= MOST_LEFT_OUT


def cost(run: Run, rows: Dataset) -> Float[np.ndarray, "rows variables"]:
    """What each variable of rows costs, nats, as in `Known.usual`; NaN for cells that are missing."""
    x = seen(run, rows, 0)
    if leaves_out(run):
        return np.stack([row_explained(run, row[None]) for row in x])
    return np.where(np.isnan(x), np.nan, distortion_of_variables(run.model, x))


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
