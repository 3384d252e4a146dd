"""`score`: how odd each row is, and which of its cells make it so."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float

from vaefit.data import Dataset, spread
from vaefit.display import Display, Silent
from vaefit.errors import SettingsError, VaefitError
from vaefit.evaluation import importance_sample, visited, why_undefined
from vaefit.evaluation.blocks import Progress, unseen
from vaefit.evaluation.importance import ROWS
from vaefit.reading import own_rows
from vaefit.run import Run

# Training rows, at most, that a row's score is held against.
MOST_TRAINING_ROWS = 2000
# As many of them say what a cell of each column usually costs.
USUAL_ROWS = 200


@dataclass(frozen=True, eq=False)
class Scores:
    """Anomaly scores, nats: -log p(x), higher is odder.

    `standard_error` is that of the importance-sampled estimate. `percentile` is the share of training rows
    that are less odd, in percent (None: they cannot be read). `explained` holds, for each cell,
    -log p(cell | the row's other cells), nats; NaN where the cell is missing. `usual` is its mean over
    training rows, for each column (None: as for `percentile`).
    """

    score: Float[np.ndarray, " rows"]
    standard_error: Float[np.ndarray, " rows"]
    percentile: Float[np.ndarray, " rows"] | None
    explained: Float[np.ndarray, "rows variables"] | None
    usual: Float[np.ndarray, " variables"] | None = None

    @property
    def excess(self) -> Float[np.ndarray, "rows variables"] | None:
        """What each cell costs beyond what its column usually does, nats: of densities the unit drops out."""
        if self.explained is None or self.usual is None:
            return self.explained
        return self.explained - self.usual


def score(
    run: Run,
    rows: object,
    *,
    draws: int = 500,
    explain: bool = False,
    seed: int = 0,
    display: Display | None = None,
) -> Scores:
    r"""The anomaly score $-\log p(x)$ of every row, by importance sampling.

    With `explain` also $-\log p(x_d|x_{-d}) = \log p(x_{-d}) - \log p(x)$ for every cell: what is odd is what
    the other cells would not have led one to expect.

    Raises:
        SettingsError: the likelihood is no density of x, or one that takes no missing cells is to explain.
        DataError: the rows do not suit the run.

    >>> import polars as pl
    >>> from vaefit import fit, score
    >>> table = pl.DataFrame({"x": [0.5, 1.5, None, 2.25] * 10, "kind": ["a", "b", "a", None] * 10})
    >>> run = fit(table, epochs=1, latent_dim=1, encoder_layers=(), decoder_layers=())
    >>> found = score(run, table.head(4), draws=50, explain=True)
    >>> found.score.shape, found.explained.shape, found.percentile is None
    ((4,), (4, 2), True)
    """
    scorer = Scorer(run, draws=draws, explain=explain, seed=seed, display=display)
    return scorer(run.dataset(rows), seed)


class Scorer:
    """Scores rows of a run, all at once or block by block; training rows are scored once, the first time.

    Raises:
        SettingsError: as `score` does.
    """

    def __init__(
        self, run: Run, *, draws: int, explain: bool, seed: int, display: Display | None = None
    ) -> None:
        if why := why_undefined(run.model):
            raise SettingsError(f"expected a likelihood to score rows by, found none: {why}")
        if explain and not run.model.likelihood.typed:
            raise SettingsError(
                f"--explain leaves cells out one by one, and likelihood {run.settings.likelihood} takes no "
                "missing cells; fit a table (likelihood columns)"
            )
        self._run, self._draws, self._explain, self._seed = run, draws, explain, seed
        self._display = display or Silent()

    def __call__(self, dataset: Dataset, seed: int) -> Scores:
        """The scores of rows, by draws of this seed."""
        run, x = self._run, seen(self._run, dataset, seed)
        found, error = log_likelihood(run, x, self._draws, seed, progress=self._telling("scoring"))
        explained = self._explained("explaining", x, found, seed) if self._explain else None
        there, usual = self._training
        return Scores(
            -found, error, None if there is None else share_less_odd(found, there), explained, usual
        )

    @cached_property
    def _training(
        self,
    ) -> tuple[Float[np.ndarray, " training"] | None, Float[np.ndarray, " variables"] | None]:
        """The log-likelihoods of training rows, and what a cell of each column usually costs them."""
        train = _training_rows(self._run, self._seed, self._display)
        if train is None:
            return None, None
        progress = self._telling("training rows")
        there = log_likelihood(self._run, train, self._draws, self._seed, progress=progress)[0]
        if not self._explain:
            return there, None
        some = spread(len(train), USUAL_ROWS)
        parts = self._explained("usual costs", train[some], there[some], self._seed)
        return there, np.nansum(parts, axis=0) / np.maximum((~np.isnan(parts)).sum(axis=0), 1)

    def _explained(
        self, what: str, x: np.ndarray, whole: np.ndarray, seed: int
    ) -> Float[np.ndarray, "rows variables"]:
        return _explained(self._run, x, whole, self._draws, seed, self._telling(what))

    def _telling(self, what: str) -> Progress:
        return partial(self._display.working, what)


def seen(run: Run, dataset: Dataset, seed: int) -> Float[np.ndarray, "rows variables"]:
    """Rows as they are scored: at network scale, with the one noise of evaluation."""
    return visited(run.transform.forward(dataset.values), run.transform.visit, seed)


def log_likelihood(
    run: Run,
    x: Float[np.ndarray, "rows variables"],
    draws: int,
    seed: int = 0,
    *,
    block: int = ROWS,
    progress: Progress = unseen,
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """log p(x) of rows as they are seen, nats at the data's own scale, and its standard error."""
    found = importance_sample(run.model, x, draws=draws, seed=seed, block=block, progress=progress)
    error = np.sqrt(np.maximum(1 / found.effective_draws - 1 / draws, 0.0))
    return found.log_likelihood + run.transform.row_log_jacobian(x), error


def _training_rows(run: Run, seed: int, display: Display) -> Float[np.ndarray, "training variables"] | None:
    try:
        train = own_rows(run, display)[0]
    except VaefitError as problem:
        display.notice(f"no percentiles, as the run's training rows cannot be read: {problem}")
        return None
    return seen(run, train.take(spread(train.n, MOST_TRAINING_ROWS)), seed)


def share_less_odd(
    found: Float[np.ndarray, " rows"], there: Float[np.ndarray, " training"]
) -> Float[np.ndarray, " rows"]:
    """How many of the training rows are likelier than each row, in percent, by their log-likelihoods.

    >>> share_less_odd(np.array([-3.0, -1.0]), np.array([-2.0, -1.0, 0.0, 1.0])).tolist()
    [100.0, 50.0]
    """
    likelier = len(there) - np.searchsorted(np.sort(there), found, side="right")
    return 100 * likelier / len(there)


def row_explained(
    run: Run, x: Float[np.ndarray, "1 variables"], *, draws: int = 500, seed: int = 0
) -> Float[np.ndarray, " variables"]:
    """What `score` explains of a single row as it is seen: -log p(cell | the row's other cells), nats.

    All cells are left out side by side, in blocks of rows, so that a row takes moments.
    """
    whole = log_likelihood(run, x, draws, seed)[0]
    without = np.repeat(x, x.shape[1], axis=0)
    np.fill_diagonal(without, np.nan)
    rest = log_likelihood(run, without, draws, seed)[0]
    return np.where(np.isnan(x[0]), np.nan, rest - whole)


def _explained(
    run: Run,
    x: Float[np.ndarray, "rows variables"],
    whole: np.ndarray,
    draws: int,
    seed: int,
    progress: Progress,
) -> Float[np.ndarray, "rows variables"]:
    found = np.full(x.shape, np.nan)
    for column in range(x.shape[1]):
        progress(column, x.shape[1])
        without = x.copy()
        without[:, column] = np.nan
        part = importance_sample(run.model, without, draws=draws, seed=seed).log_likelihood
        there = ~np.isnan(x[:, column])
        rest = part + run.transform.row_log_jacobian(without)
        found[there, column] = (rest - whole)[there]
    progress(x.shape[1], x.shape[1])
    return found
