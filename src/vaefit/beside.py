"""Densities without a network, fitted to training rows, to be asked block by block beside a model."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaefit import baselines
from vaefit.baselines import Baseline, TypedBaseline
from vaefit.by_column import TableRows, fit_baselines
from vaefit.data import Dataset
from vaefit.display import Display
from vaefit.errors import VaefitError
from vaefit.evaluation import visited
from vaefit.evaluation.bits import is_mass_on_grey
from vaefit.per_row import Seen
from vaefit.run import Run


@dataclass(frozen=True, eq=False)
class Plain:
    """A density of rows in network units; beside a likelihood of `levels` a density of (v + u)/levels."""

    baseline: Baseline
    levels: int | None

    @property
    def made(self) -> str:
        """How it came out."""
        return self.baseline.made

    def log_likelihood(self, seen: Seen) -> np.ndarray:
        """log p(x) of each row at the data's own scale, nats."""
        found = self.baseline.log_likelihood(spread(seen.x, self.levels)) + seen.log_jacobian
        # A density of (v + u)/L beside a mass of levels: at most its logarithm plus D log L.
        return found - seen.x.shape[1] * math.log(self.levels) if self.levels else found

    def squared_error(self, seen: Seen) -> np.ndarray | None:
        """Of rows rebuilt from fewer numbers."""
        rebuilt = self.baseline.reconstruct(seen.middle)
        return None if rebuilt is None else ((rebuilt - seen.middle) ** 2).mean(axis=1)


@dataclass(frozen=True, eq=False)
class Typed:
    """A density of a table's numbers and codes."""

    baseline: TypedBaseline
    run: Run

    @property
    def made(self) -> str:
        """How it came out."""
        return self.baseline.made

    def log_likelihood(self, seen: Seen) -> np.ndarray:
        """log p of each row's observed cells."""
        return self.baseline.log_likelihood(self.run.transform.inverse(seen.x))

    def squared_error(self, seen: Seen) -> None:  # noqa: ARG002
        """None: numbers of many units and categories have no error in common."""
        return


def fitted(
    run: Run,
    train: Dataset,
    seed: int,
    display: Display,
    notices: list[str],
    wanted: Collection[str] | None = None,
) -> dict[str, Plain] | dict[str, Typed]:
    """The baselines for a run's kind of rows (of plain numbers those `wanted`), fitted to training rows.

    Why one is left out is told in `notices`.
    """
    likelihood = run.model.likelihood
    if likelihood.typed:
        rows = TableRows.of(run, train, run.settings.seed)
        return {n: Typed(one, run) for n, one in fit_baselines(rows, seed, display, notices).items()}
    if is_mass_on_grey(run.transform, likelihood):
        return {}
    x = spread(Seen.of(run, train, run.settings.seed).x, likelihood.levels)
    binary = likelihood.discrete and not likelihood.levels
    names, found = [n for n in baselines.for_data(binary) if wanted is None or n in wanted], {}
    for number, name in enumerate(names):
        display.working(f"baseline {name}", number, len(names))
        try:
            made = baselines.find(name).fit(x, run.model.posterior.latent_dim, seed)
        except VaefitError as problem:
            notices.append(f"baseline left out: {problem}")
            continue
        found[name] = Plain(made, likelihood.levels)
    return found


def spread(x: np.ndarray, levels: int | None) -> np.ndarray:
    """Rows dequantised where they are levels v/L."""

    def dequantise(x: Any, u: Any) -> Any:
        return x + u / levels

    return visited(x, dequantise) if levels else x
