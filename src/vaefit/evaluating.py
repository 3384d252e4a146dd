"""`evaluate`: all the numbers on a fitted model and held-out rows, with baselines beside them."""

from collections.abc import Callable, Collection, Mapping
from functools import partial

import numpy as np
from jaxtyping import Float

from vaefit import beside
from vaefit.by_column import TableRows, by_column, drawn_and_real
from vaefit.data import Dataset, spread
from vaefit.display import Display, Silent
from vaefit.errors import DataError, SettingsError, VaefitError
from vaefit.evaluation import (
    Annealing,
    Tally,
    anneal,
    bracket,
    importance_sample,
    latent_use,
    products,
    simulate,
    why_no_intervals,
)
from vaefit.evaluation.bits import bits_per_dim, levels_of
from vaefit.evaluation.coverage import LEVELS
from vaefit.evaluation.sample_quality import SampleQuality, principal_features, sample_quality
from vaefit.per_row import Beside, Seen, draws_of_bound, why_no_likelihood, worth
from vaefit.reading import own_rows
from vaefit.row_blocks import rows_of
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
    float32: bool | None = None,
    display: Display | None = None,
) -> Evaluation:
    """Every number on every row, exactly once; see `vaefit evaluate --help`.

    Rows of a path beyond memory are looked at block by block: likelihoods and errors are means over all rows;
    what takes rows together (use of the latents, sample quality) is of some of them, evenly drawn, and says
    of how many.

    `samples` is K, the draws of the importance-sampled log-likelihood. Baselines are fitted to `train`, or to
    the run's own training rows, read again (`with_baselines` may name those that are wanted).
    `with_columns`: of typed columns, each given the others. `features` maps rows in the data's units to the
    space of one more sample-quality line (a FID, where it is a network). `float32` is that of
    `vaefit.evaluation.importance_sample`.

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
    display, notices = display or Silent(), list[str]()
    if why := why_no_likelihood(run):
        notices.append(
            f"no log-likelihood and no bits/dim: {why}; the ELBO is that of likelihood "
            f"{run.settings.likelihood}, with {draws_of_bound(run)} draws a row"
        )
    held = rows_of(run, rows, display)
    # What takes all rows at once, or only some of them, looks at these.
    some = held.sample()
    seen = Seen.of(run, some, seed)
    fitted_to = _training_rows(run, train, display, notices) if with_baselines or with_samples else None
    others = _fitted(run, fitted_to, with_baselines, seed, display, notices)
    found = worth(run, held, others, samples=samples, seed=seed, display=display, float32=float32)
    notices += [f"baseline left out: {why}" for why in found.left_out.values()]
    levels = _levels(run, some, notices)
    own = _score(found.model, levels, some.dim)
    elbo, rate = float(found.model["elbo"].mean), float(found.model["rate"].mean)
    columns = {}
    if run.model.likelihood.typed and with_columns and (with_baselines or with_samples):
        made = {name: one.baseline for name, one in others.items() if isinstance(one, beside.Typed)}
        columns = by_column(run, TableRows.of(run, some, seed), made, seed, display)
    quality = _quality(run, some, seen, fitted_to, features, seed, notices) if with_samples else {}
    return Evaluation(
        n=held.n,
        dim=some.dim,
        draws=samples,
        log_likelihood=own.log_likelihood,
        log_likelihood_se=own.log_likelihood_se,
        log_likelihood_growth=_mean(found.model, "growth"),
        elbo=elbo,
        rate=rate,
        distortion=-rate - elbo,
        bits_per_dim=own.bits_per_dim,
        reconstruction_mse=own.reconstruction_mse,
        coverage=_coverage(run, found.model, notices),
        latents=latent_use(run.model, seen.x, seed=seed, progress=partial(display.working, "latents")),
        baselines={n: _score(t, levels, some.dim, others[n].made) for n, t in found.beside.items()},
        sample_quality=quality,
        ais=_ais(run, seen, seed, display, notices, float32) if ais else None,
        notices=tuple(notices),
        rows=found.rows,
        columns=columns,
        products="float32" if why_no_likelihood(run) else products(run.model, samples, float32),
    )


def _fitted(
    run: Run,
    fitted_to: Dataset | None,
    wanted: bool | Collection[str],
    seed: int,
    display: Display,
    notices: list[str],
) -> Mapping[str, Beside]:
    """The densities to stand beside the model."""
    if fitted_to is None or not wanted:
        return {}
    if fitted_to.n < fitted_to.total:
        notices.append(
            f"baselines are fitted to {fitted_to.n:,} of {fitted_to.total:,} training rows, evenly drawn; "
            "the model to all of them"
        )
    return beside.fitted(run, fitted_to, seed, display, notices, None if wanted is True else wanted)


def _score(tallies: Mapping[str, Tally], levels: int | None, dim: int, made: str = "") -> Score:
    """What a density is worth, by the means over all rows."""
    value = _mean(tallies, "log_likelihood")
    return Score(
        value,
        None if value is None else bits_per_dim(value, dim, levels),
        _mean(tallies, "squared_error"),
        made,
        None if value is None else float(tallies["log_likelihood"].standard_error),
    )


def _mean(tallies: Mapping[str, Tally], name: str) -> float | None:
    """A mean, None where it is not defined."""
    return float(tallies[name].mean) if name in tallies else None


def _levels(run: Run, dataset: Dataset, notices: list[str]) -> int | None:
    """The scale of bits/dim; where resizing took it away, that is said."""
    scale = run.transform, run.model.likelihood
    levels = levels_of(*scale, dataset.resized)
    if levels is None and levels_of(*scale) is not None:
        notices.append("no bits/dim: images were resized, and their pixels are no longer those of the data")
    return levels


def _coverage(run: Run, tallies: Mapping[str, Tally], notices: list[str]) -> dict[str, float] | None:
    if why := why_no_intervals(run.model):
        notices.append(f"no predictive intervals: {why}")
        return None
    shares = zip(LEVELS, tallies["covered"].mean, strict=True)
    return {f"{100 * level:g}%": float(share) for level, share in shares}


def _training_rows(run: Run, train: object, display: Display, notices: list[str]) -> Dataset | None:
    """The rows that baselines are fitted to: those the model was fitted to."""
    try:
        return run.dataset(train) if train is not None else own_rows(run, display)[0]
    except VaefitError as problem:
        notices.append(f"no baselines, as the run's training rows cannot be read: {problem}")
        return None


def _quality(
    run: Run,
    dataset: Dataset,
    seen: Seen,
    train: Dataset | None,
    features: Features | None,
    seed: int,
    notices: list[str],
) -> dict[str, SampleQuality]:
    """In the rows' own space; of tables, numbers standardised, categories one by one, as much missing."""
    if run.model.likelihood.typed:
        drawn, real = drawn_and_real(run, TableRows.of(run, dataset, seed), MOST_SAMPLES, seed)
        return _measured(drawn, real, {"cells": None}, seed, notices)
    n = min(MOST_SAMPLES, len(seen.x))
    drawn = run.sample(n, seed=seed, noise=not run.model.likelihood.joint)
    spaces: Mapping[str, Features | None] = {
        "pixels" if len(run.transform.shape) > 1 else "columns": None,
        **({} if train is None else {"pca": principal_features(_in_units(run, train))}),
        **({} if features is None else {"features": features}),
    }
    return _measured(drawn.reshape(n, -1), run.transform.inverse(seen.x), spaces, seed, notices)


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


def _ais(
    run: Run, seen: Seen, seed: int, display: Display, notices: list[str], float32: bool | None
) -> dict[str, float] | None:
    """Annealing on some rows, spread evenly, and its two-sided bracket on rows of the model's own."""
    if why_no_likelihood(run):
        notices.append("no annealing, as there is no log-likelihood")
        return None
    how = Annealing(chains=8, steps=300)
    chosen = spread(len(seen.x), AIS_ROWS)
    some, log_jacobian = seen.x[chosen], float(seen.log_jacobian[chosen].mean())
    on_rows = anneal(run.model, some, how, seed=seed, progress=partial(display.working, "annealing"))
    by_draws = importance_sample(run.model, some, draws=AIS_DRAWS, seed=seed, float32=float32)
    both = bracket(run.model, len(some), how, seed=seed, progress=partial(display.working, "bracket"))
    simulated = simulate(run.model, len(some), seed=seed)[1]
    of_simulated = float(run.transform.row_log_jacobian(simulated).mean())
    own = importance_sample(run.model, simulated, draws=AIS_DRAWS, seed=seed, float32=float32)
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
    tally = Tally()
    tally.add(values)
    return float(tally.standard_error)
