"""`evaluate`: all the numbers on a fitted model and held-out rows, with baselines beside them."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from vaefit import baselines
from vaefit.by_column import ColumnScore, TableRows, by_column, drawn_and_real, fit_baselines
from vaefit.data import Dataset, spread
from vaefit.display import Display, Silent
from vaefit.errors import DataError, SettingsError, VaefitError
from vaefit.evaluation import (
    Annealing,
    Evaluator,
    anneal,
    bracket,
    coverage,
    importance_sample,
    latent_use,
    reconstruction_mse,
    simulate,
    visited,
    why_no_intervals,
    why_undefined,
)
from vaefit.evaluation.bits import bits_per_dim, is_mass_on_grey, levels_of
from vaefit.evaluation.sample_quality import SampleQuality, principal_features, sample_quality
from vaefit.reading import own_rows
from vaefit.run import Run
from vaefit.scores import MODEL, Evaluation, Score

__all__ = ["MODEL", "Evaluation", "Score", "evaluate", "standard_error"]

Features = Callable[[np.ndarray], np.ndarray]

AIS_ROWS = 32  # annealing takes seconds a row; these are spread evenly
AIS_DRAWS = 1000  # of the importance sampling beside it
MOST_SAMPLES = 2000


def evaluate(
    run: Run,
    rows: object,
    *,
    samples: int = 5000,
    seed: int = 0,
    ais: bool = False,
    train: object = None,
    with_baselines: bool | Collection[str] = True,
    with_samples: bool = True,
    with_columns: bool = True,
    features: Features | None = None,
    display: Display | None = None,
) -> Evaluation:
    """Every number on every row, exactly once; see `vaefit evaluate --help`.

    `samples` is K, the draws of the importance-sampled log-likelihood. Baselines are fitted to `train`, or to
    the run's own training rows, read again (`with_baselines` may name those that are wanted).
    `with_columns`: of typed columns, each given the others. `features` maps rows in the data's units to the
    space of one more sample-quality line (a FID, where it is a network).

    Raises:
        VaefitError: the rows cannot be read, or have another size or scale than those fitted.

    >>> from vaefit import fit
    >>> x = np.random.default_rng(0).normal(size=(220, 4))
    >>> run = fit(x[:200], latent_dim=2, epochs=2, encoder_layers=(8,), decoder_layers=(8,))
    >>> found = evaluate(run, x[200:], samples=50, train=x[:200])
    >>> found.n, sorted(found.baselines)[:2]
    (20, ['factor-analysis', 'full-gaussian'])
    """
    if samples < 1:
        raise SettingsError(f"samples must be at least 1, found {samples}")
    display = display or Silent()
    dataset = run.dataset(rows)
    seen = _Rows.of(run, dataset, seed)
    notices: list[str] = []
    numbers = _likelihoods(run, seen, samples, seed, display, notices)
    fitted_to = _training_rows(run, train, display, notices) if with_baselines or with_samples else None
    levels = _levels(run, dataset, notices)
    value = numbers.log_likelihood
    beside, columns, typed = {}, {}, run.model.likelihood.typed
    if typed and (with_baselines or with_samples):
        to_beat = fitted_to if with_baselines else None
        beside, columns = _of_table(run, dataset, to_beat, seed, display, notices, with_columns)
    elif with_baselines:
        wanted = None if with_baselines is True else with_baselines
        beside = _baselines(run, seen, fitted_to, levels, seed, display, notices, wanted)
    quality = {}
    if with_samples and typed:
        quality = _table_quality(run, dataset, seed, notices)
    elif with_samples:
        quality = _quality(run, seen, fitted_to, features, seed, notices)
    return Evaluation(
        n=dataset.n,
        dim=dataset.dim,
        draws=samples,
        log_likelihood=None if value is None else float(value.mean()),
        log_likelihood_se=None if value is None else standard_error(value),
        log_likelihood_growth=numbers.growth,
        elbo=float(numbers.elbo.mean()),
        rate=float(numbers.rate.mean()),
        distortion=float(numbers.rate.mean() * -1 - numbers.elbo.mean()),
        bits_per_dim=None if value is None else bits_per_dim(float(value.mean()), dataset.dim, levels),
        reconstruction_mse=None if typed else float(reconstruction_mse(run.model, seen.middle).mean()),
        coverage=_coverage(run, seen, seed, notices),
        latents=latent_use(run.model, seen.x, seed=seed, progress=partial(display.working, "latents")),
        baselines=beside,
        sample_quality=quality,
        ais=_ais(run, seen, seed, display, notices) if ais else None,
        notices=tuple(notices),
        rows=numbers.elbo if value is None else value,
        columns=columns,
    )


@dataclass(frozen=True)
class _Rows:
    """Rows in network units: `x` as evaluation sees them, `middle` without the noise of dequantisation."""

    x: np.ndarray
    middle: np.ndarray
    log_jacobian: np.ndarray

    @classmethod
    def of(cls, run: Run, dataset: Dataset, seed: int) -> "_Rows":
        x = visited(run.transform.forward(dataset.values), run.transform.visit, seed)
        return cls(x, run.inputs(dataset), run.transform.row_log_jacobian(x))


@dataclass(frozen=True)
class _Likelihoods:
    log_likelihood: np.ndarray | None
    elbo: np.ndarray
    rate: np.ndarray
    growth: float | None


def _likelihoods(
    run: Run, seen: _Rows, samples: int, seed: int, display: Display, notices: list[str]
) -> _Likelihoods:
    if why := _why_no_likelihood(run):
        settings = run.settings
        draws = settings.samples if run.model.likelihood.joint else settings.validation_samples
        notices.append(
            f"no log-likelihood and no bits/dim: {why}; the ELBO is that of likelihood "
            f"{settings.likelihood}, with {draws} draws a row"
        )
        evaluator = Evaluator(
            run.model, samples=draws, seed=seed, log_jacobian=run.transform.row_log_jacobian
        )
        rate, distortion = evaluator.rows(run.model, seen.x).T
        return _Likelihoods(None, -rate - distortion, rate, None)
    progress = partial(display.working, "log-likelihood")
    found = importance_sample(run.model, seen.x, draws=samples, seed=seed, progress=progress)
    return _Likelihoods(
        found.log_likelihood + seen.log_jacobian, found.elbo + seen.log_jacobian, found.rate, found.growth
    )


def _why_no_likelihood(run: Run) -> str | None:
    if is_mass_on_grey(run.transform, run.model.likelihood):
        return (
            "the data are grey values, and the likelihood is a mass of zeros and ones: its distortion is a "
            "cross-entropy (--binarise, or --likelihood gaussian, have one)"
        )
    return why_undefined(run.model)


def _levels(run: Run, dataset: Dataset, notices: list[str]) -> int | None:
    """The scale of bits/dim; where resizing took it away, that is said."""
    scale = run.transform, run.model.likelihood
    levels = levels_of(*scale, dataset.resized)
    if levels is None and levels_of(*scale) is not None:
        notices.append("no bits/dim: images were resized, and their pixels are no longer those of the data")
    return levels


def _coverage(run: Run, seen: _Rows, seed: int, notices: list[str]) -> dict[str, float] | None:
    if why := why_no_intervals(run.model):
        notices.append(f"no predictive intervals: {why}")
        return None
    return {f"{100 * level:g}%": share for level, share in coverage(run.model, seen.x, seed=seed).items()}


def _training_rows(run: Run, train: object, display: Display, notices: list[str]) -> Dataset | None:
    """The rows that baselines are fitted to: those the model was fitted to."""
    try:
        return run.dataset(train) if train is not None else own_rows(run, display)[0]
    except VaefitError as problem:
        notices.append(f"no baselines, as the run's training rows cannot be read: {problem}")
        return None


def _baselines(
    run: Run,
    seen: _Rows,
    train: Dataset | None,
    levels: int | None,
    seed: int,
    display: Display,
    notices: list[str],
    wanted: Collection[str] | None,
) -> dict[str, Score]:
    likelihood, transform = run.model.likelihood, run.transform
    if train is None or is_mass_on_grey(transform, likelihood):
        return {}
    binary = likelihood.discrete and not likelihood.levels
    fitted_to, rows = _Rows.of(run, train, run.settings.seed), seen
    log_jacobian = seen.log_jacobian
    if likelihood.levels:
        # A density of (v + u)/L beside a mass of levels: at most its logarithm plus D log L.
        fitted_to, rows = _spread(fitted_to, likelihood.levels), _spread(seen, likelihood.levels)
        log_jacobian = log_jacobian - transform.dim * math.log(likelihood.levels)
    names, found = [n for n in baselines.for_data(binary) if wanted is None or n in wanted], {}
    for number, name in enumerate(names):
        display.working(f"baseline {name}", number, len(names))
        try:
            made = baselines.find(name).fit(fitted_to.x, run.model.posterior.latent_dim, seed)
            value = made.log_likelihood(rows.x) + log_jacobian
            rebuilt = made.reconstruct(rows.middle)
        except VaefitError as problem:
            notices.append(f"baseline left out: {problem}")
            continue
        found[name] = Score(
            float(value.mean()),
            bits_per_dim(float(value.mean()), transform.dim, levels),
            None if rebuilt is None else float(((rebuilt - rows.middle) ** 2).mean()),
            made.made,
            standard_error(value),
        )
    return found


def _of_table(
    run: Run,
    dataset: Dataset,
    train: Dataset | None,
    seed: int,
    display: Display,
    notices: list[str],
    with_columns: bool,
) -> tuple[dict[str, Score], dict[str, ColumnScore]]:
    """Baselines of a table with typed columns, and the model beside them on each column."""
    rows = TableRows.of(run, dataset, seed)
    made = {}
    if train is not None:
        made = fit_baselines(TableRows.of(run, train, run.settings.seed), seed, display, notices)
    found = {}
    for name, one in made.items():
        value = one.log_likelihood(rows.numbers)
        found[name] = Score(float(value.mean()), None, None, one.made, standard_error(value))
    return found, by_column(run, rows, made, seed, display) if with_columns else {}


def _spread(rows: _Rows, levels: int) -> _Rows:
    def dequantise(x: Any, u: Any) -> Any:
        return x + u / levels

    return _Rows(visited(rows.x, dequantise), rows.middle, rows.log_jacobian)


def _quality(
    run: Run, seen: _Rows, train: Dataset | None, features: Features | None, seed: int, notices: list[str]
) -> dict[str, SampleQuality]:
    n = min(MOST_SAMPLES, len(seen.x))
    drawn = run.sample(n, seed=seed, noise=not run.model.likelihood.joint)
    spaces: Mapping[str, Features | None] = {
        "pixels" if len(run.transform.shape) > 1 else "columns": None,
        **({} if train is None else {"pca": principal_features(_in_units(run, train))}),
        **({} if features is None else {"features": features}),
    }
    return _measured(drawn.reshape(n, -1), run.transform.inverse(seen.x), spaces, seed, notices)


def _table_quality(run: Run, dataset: Dataset, seed: int, notices: list[str]) -> dict[str, SampleQuality]:
    """In a space of standardised numbers and categories one by one, new cells missing as real ones are."""
    drawn, real = drawn_and_real(run, TableRows.of(run, dataset, seed), MOST_SAMPLES, seed)
    return _measured(drawn, real, {"cells": None}, seed, notices)


def _measured(
    drawn: np.ndarray, real: np.ndarray, spaces: Mapping[str, Features | None], seed: int, notices: list[str]
) -> dict[str, SampleQuality]:
    try:
        return {n: sample_quality(drawn, real, seed=seed, features=space) for n, space in spaces.items()}
    except DataError as problem:
        notices.append(f"no sample quality: {problem}")
        return {}


def _in_units(run: Run, dataset: Dataset) -> np.ndarray:
    return run.transform.inverse(run.inputs(dataset))


def _ais(run: Run, seen: _Rows, seed: int, display: Display, notices: list[str]) -> dict[str, float] | None:
    """Annealing on some rows, spread evenly, and its two-sided bracket on rows of the model's own."""
    if _why_no_likelihood(run):
        notices.append("no annealing, as there is no log-likelihood")
        return None
    how = Annealing(chains=8, steps=300)
    chosen = spread(len(seen.x), AIS_ROWS)
    some, log_jacobian = seen.x[chosen], float(seen.log_jacobian[chosen].mean())
    on_rows = anneal(run.model, some, how, seed=seed, progress=partial(display.working, "annealing"))
    by_draws = importance_sample(run.model, some, draws=AIS_DRAWS, seed=seed)
    both = bracket(run.model, len(some), how, seed=seed, progress=partial(display.working, "bracket"))
    simulated = simulate(run.model, len(some), seed=seed)[1]
    of_simulated = float(run.transform.row_log_jacobian(simulated).mean())
    own = importance_sample(run.model, simulated, draws=AIS_DRAWS, seed=seed)
    return {
        "rows": len(some),
        "log_likelihood": float(on_rows.log_likelihood.mean()) + log_jacobian,
        "log_likelihood_se": on_rows.mean_standard_error,
        "importance_sampled": float(by_draws.log_likelihood.mean()) + log_jacobian,
        "simulated_lower": float(both.lower.mean()) + of_simulated,
        "simulated_importance_sampled": float(own.log_likelihood.mean()) + of_simulated,
        "simulated_upper": float(both.upper.mean()) + of_simulated,
        "simulated_gap": both.gap,
    }


def standard_error(values: Float[np.ndarray, " rows"]) -> float:
    """Of the mean of independent values; NaN for a single one."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
