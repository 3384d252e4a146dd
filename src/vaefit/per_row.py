"""What every row is worth to a model and to densities beside it: block by block, means in float64."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from vaefit.data import Dataset
from vaefit.display import Display
from vaefit.errors import VaefitError
from vaefit.evaluation import (
    Evaluator,
    Tally,
    covered,
    importance_sample,
    reconstruction_mse,
    visited,
    why_no_intervals,
    why_undefined,
)
from vaefit.evaluation.bits import is_mass_on_grey
from vaefit.evaluation.blocks import Progress
from vaefit.row_blocks import Blocks, InMemory
from vaefit.run import Run

Values = Float[np.ndarray, " rows"]


@dataclass(frozen=True, eq=False)
class Seen:
    """Rows in network units: `x` as evaluation sees them, `middle` without the noise of dequantisation.

    `first` is the number of the first of them among all rows.
    """

    x: Float[np.ndarray, "rows variables"]
    middle: Float[np.ndarray, "rows variables"]
    log_jacobian: Values
    first: int = 0

    @classmethod
    def of(cls, run: Run, dataset: Dataset, seed: int, first: int = 0) -> "Seen":
        """The rows of a data set, with the one noise of evaluation."""
        x = visited(run.transform.forward(dataset.values), run.transform.visit, seed)
        return cls(x, run.inputs(dataset), run.transform.row_log_jacobian(x), first)


# The numbers of rows, by name.
Ask = Callable[[Seen, Progress], dict[str, np.ndarray]]


@runtime_checkable
class Beside(Protocol):
    """A density without a network, fitted already."""

    @property
    def made(self) -> str:
        """How it came out."""
        ...

    def log_likelihood(self, seen: Seen) -> Values:
        """log p(x) of each row at the data's own scale, nats."""
        ...

    def squared_error(self, seen: Seen) -> Values | None:
        """Of each row rebuilt, in network units; None where it rebuilds nothing."""
        ...


@dataclass(frozen=True, eq=False)
class Worth:
    """Numbers of all rows: means in `model`, and for each density beside it in `beside`.

    The model's are `elbo`, `rate`, and, where they are defined, `log_likelihood`, `growth` (from a quarter of
    the draws to all), `squared_error`, `covered`; a density's `log_likelihood` and maybe `squared_error`.
    `rows` holds each row's log-likelihood, or its ELBO where there is none; `left_out` says why of densities
    that could not be asked.
    """

    rows: Values
    model: Mapping[str, Tally]
    beside: Mapping[str, Mapping[str, Tally]]
    left_out: Mapping[str, str]


def why_no_likelihood(run: Run) -> str | None:
    """Why a run's rows have no likelihood, in words; None where they have."""
    if is_mass_on_grey(run.transform, run.model.likelihood):
        return (
            "the data are grey values, and the likelihood is a mass of zeros and ones: its distortion is a "
            "cross-entropy (--binarise, or --likelihood gaussian, have one)"
        )
    return why_undefined(run.model)


def draws_of_bound(run: Run) -> int:
    """Draws a row of the ELBO of a likelihood without a density."""
    return run.settings.samples if run.model.likelihood.joint else run.settings.validation_samples


def worth(
    run: Run,
    held: InMemory | Blocks,
    others: Mapping[str, Beside],
    *,
    samples: int,
    seed: int,
    display: Display,
    float32: bool | None = None,
) -> Worth:
    """One pass over all rows; those of a block get the numbers they would get among all rows at once."""
    what = "ELBO" if why_no_likelihood(run) else "log-likelihood"
    of_rows, rows = _asking(run, samples, seed, float32), np.empty(held.n)
    model: dict[str, Tally] = defaultdict(Tally)
    beside: dict[str, dict[str, Tally]] = {name: defaultdict(Tally) for name in others}
    left_out: dict[str, str] = {}
    for block in held.read(what=what):
        seen = Seen.of(run, block.rows, seed, block.first)
        found = of_rows(seen, block.progress(display, what, held.n))
        for name, values in found.items():
            model[name].add(values)
        rows[block.first : block.first + block.rows.n] = found.get("log_likelihood", found["elbo"])
        for name in [name for name in others if name not in left_out]:
            try:
                _ask(others[name], seen, beside[name])
            except VaefitError as problem:
                left_out[name] = str(problem)
    return Worth(rows, model, {n: t for n, t in beside.items() if n not in left_out}, left_out)


def _ask(other: Beside, seen: Seen, tallies: Mapping[str, Tally]) -> None:
    value, error = other.log_likelihood(seen), other.squared_error(seen)
    tallies["log_likelihood"].add(value)
    if error is not None:
        tallies["squared_error"].add(error)


def _asking(run: Run, samples: int, seed: int, float32: bool | None) -> Ask:
    """What finds the model's numbers of rows."""
    bounds = _by_bound(run, seed) if why_no_likelihood(run) else _by_draws(run, samples, seed, float32)
    intervals = why_no_intervals(run.model) is None

    def ask(seen: Seen, progress: Progress) -> dict[str, np.ndarray]:
        found = bounds(seen, progress)
        if not run.model.likelihood.typed:
            found["squared_error"] = reconstruction_mse(run.model, seen.middle)
        if intervals:
            found["covered"] = covered(run.model, seen.x, seed=seed, first=seen.first)
        return found

    return ask


def _by_draws(run: Run, samples: int, seed: int, float32: bool | None) -> Ask:
    def ask(seen: Seen, progress: Progress) -> dict[str, np.ndarray]:
        found = importance_sample(
            run.model, seen.x, draws=samples, seed=seed, float32=float32, progress=progress
        )
        return {
            "log_likelihood": found.log_likelihood + seen.log_jacobian,
            "elbo": found.elbo + seen.log_jacobian,
            "rate": found.rate,
            "growth": found.log_likelihood - found.log_likelihood_quarter,
        }

    return ask


def _by_bound(run: Run, seed: int) -> Ask:
    evaluator = Evaluator(
        run.model, samples=draws_of_bound(run), seed=seed, log_jacobian=run.transform.row_log_jacobian
    )

    def ask(seen: Seen, progress: Progress) -> dict[str, np.ndarray]:
        rate, distortion = evaluator.rows(run.model, seen.x, seen.first).T
        progress(1, 1)
        return {"elbo": -rate - distortion, "rate": rate}

    return ask
