"""`compare`: several runs on the same rows, with paired differences."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vaefit.data import Dataset
from vaefit.display import Display, Silent
from vaefit.errors import SettingsError
from vaefit.evaluating import Evaluation, Score, evaluate, standard_error
from vaefit.reading import own_rows
from vaefit.run import Run


@dataclass(frozen=True)
class Difference:
    """Mean over rows of one run's log-likelihood minus the best one's, and its standard error; nats."""

    mean: float
    standard_error: float


@dataclass(frozen=True)
class Comparison:
    """One line a run; the differences are paired: row by row, to the best run."""

    n: int
    best: str
    scores: dict[str, Score]
    differences: dict[str, Difference]
    active_units: dict[str, int]
    notices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "n": self.n,
            "best": self.best,
            "notices": list(self.notices),
            "runs": {
                name: {
                    **asdict(score),
                    "active_units": self.active_units[name],
                    "difference": asdict(self.differences[name]),
                }
                for name, score in self.scores.items()
            },
        }


def compare(
    runs: Sequence[Run],
    rows: object = None,
    *,
    samples: int = 1000,
    seed: int = 0,
    display: Display | None = None,
) -> Comparison:
    """Evaluate runs on the same rows; without `rows`, on the validation rows they have in common.

    Raises:
        SettingsError: fewer than two runs, or without `rows` runs that held out different rows.
    """
    if len(runs) < 2:
        raise SettingsError(f"expected at least two runs to compare, found {len(runs)}")
    display = display or Silent()
    held_out = _common_validation(runs, display) if rows is None else rows
    names = _names(runs)
    alone: dict[str, Any] = {"with_baselines": False, "with_samples": False, "display": display}
    found = {
        name: evaluate(run, held_out, samples=samples, seed=seed, **alone)
        for name, run in zip(names, runs, strict=True)
    }
    _check_same_scale(runs, found)
    best = max(found, key=lambda name: found[name].rows.mean())
    return Comparison(
        n=found[best].n,
        best=best,
        scores={name: one.score for name, one in found.items()},
        differences={name: _difference(one, found[best]) for name, one in found.items()},
        active_units={name: one.latents.active_units for name, one in found.items()},
        notices=_notices(found),
    )


def _notices(found: dict[str, Evaluation]) -> tuple[str, ...]:
    """Each notice once, with the runs it is about where these are not all."""
    about: dict[str, list[str]] = {}
    for name, one in found.items():
        for message in one.notices:
            about.setdefault(message, []).append(name)
    return tuple(
        message if len(names) == len(found) else f"{', '.join(names)}: {message}"
        for message, names in about.items()
    )


def _difference(one: Evaluation, best: Evaluation) -> Difference:
    paired = one.rows - best.rows
    return Difference(float(paired.mean()), standard_error(paired))


def _common_validation(runs: Sequence[Run], display: Display) -> Dataset:
    first = _held_out_by(runs[0])
    for run in runs[1:]:
        differs = [name for name, value in _held_out_by(run).items() if value != first[name]]
        if differs:
            raise SettingsError(
                f"the runs held out different rows ({', '.join(differs)}: {first[differs[0]]} and "
                f"{_held_out_by(run)[differs[0]]}); give DATA that none of them was fitted to"
            )
    held_out = own_rows(runs[0], display)[1]
    if held_out is None:
        raise SettingsError("the runs held out no validation rows; give DATA to compare them on")
    return held_out


def _held_out_by(run: Run) -> dict[str, Any]:
    """All that decides which rows a run held out."""
    settings = run.settings
    by_seed = settings.validation_by if settings.validation != "0" else "none"
    return {
        "path": run.source.get("path"),
        "validation": settings.validation,
        "validation_by": by_seed,
        "seed": settings.seed,
        "include": settings.include,
        "limit": settings.limit,
        "key": settings.key,
    }


def _check_same_scale(runs: Sequence[Run], found: dict[str, Evaluation]) -> None:
    discrete = {run.model.likelihood.discrete for run in runs}
    defined = {one.log_likelihood is not None for one in found.values()}
    if len(discrete) > 1 or len(defined) > 1:
        raise SettingsError(
            "expected runs with comparable likelihoods, found densities beside probability masses or "
            "likelihoods without a density; their nats do not compare"
        )


def _names(runs: Sequence[Run]) -> list[str]:
    """The folders' names, or whole paths where names repeat, or numbers for runs without a folder."""
    short = [run.folder.name if run.folder else f"run {i + 1}" for i, run in enumerate(runs)]
    if len(set(short)) == len(short):
        return short
    return [str(run.folder) if run.folder else f"run {i + 1}" for i, run in enumerate(runs)]
