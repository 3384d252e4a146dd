"""All checks, and the rows to hold a run against."""

from typing import NamedTuple

import numpy as np

from vaefit.data import Dataset
from vaefit.data.streams import Whole
from vaefit.display import Display, Silent
from vaefit.doctor import bernoulli, duplicates, gradients, latents, neighbours, scale, training, variance
from vaefit.doctor.evidence import Evidence, Rows
from vaefit.doctor.finding import Check, Finding
from vaefit.errors import DataError
from vaefit.reading import held_against, positions
from vaefit.run import Run
from vaefit.train import Trainer

CHECKS = (
    Check("weights not finite", "history", training.not_finite),
    Check("skipped steps", "history", training.skipped),
    Check("loss oscillates", "history", training.oscillating),
    Check("training not finished", "history", training.unfinished),
    Check("validation falls", "history", training.falling),
    Check("over-fitting", "both", training.overfitted),
    Check("start kept", "history", training.start_kept),
    Check("collapsed latents", "rows", latents.collapsed),
    Check("wasteful rate", "rows", latents.wasteful_rate, numbers=True),
    Check("sd at its floor", "rows", variance.at_floor, numbers=True),
    Check("sd above the data's", "rows", variance.too_wide, numbers=True),
    Check("exploding gradients", "rows", gradients.exploding, slow=True),
    Check("vanishing gradients", "rows", gradients.vanishing, slow=True),
    Check("dead units", "rows", gradients.dead_units),
    Check("saturated Bernoulli", "rows", bernoulli.saturated, numbers=True),
    Check("Bernoulli on grey values", "rows", bernoulli.grey_values, numbers=True),
    Check("outliers", "rows", scale.outliers, numbers=True),
    Check("outside the training range", "both", scale.outside, numbers=True),
    Check("levels stored as floats", "rows", scale.levels_as_floats, numbers=True),
    Check("values out of reach", "rows", scale.unreachable, numbers=True),
    Check("constant variables", "rows", duplicates.constant),
    Check("duplicated variables", "rows", duplicates.equal_columns, numbers=True),
    Check("duplicated rows", "rows", duplicates.equal_rows),
    Check("leakage", "both", duplicates.shared_rows),
    Check("near-copies", "both", neighbours.near_copies, numbers=True),
    Check("validation beside training", "both", neighbours.neighbours_in_order, numbers=True),
)


class Report(NamedTuple):
    """What was found, the gravest first, and the names of the checks that could be made."""

    findings: list[Finding]
    checked: list[str]


def examine(run: Run, rows: object = None, display: Display | None = None) -> list[Finding]:
    """What is wrong with a run, the gravest first; an empty list where nothing is.

    Without `rows` the run's own data are read again and split as they were. `rows` as many as the run was
    fitted to stand in for data that cannot be read again; any others are held against the training rows.

    Raises:
        DataError: the rows are of another size or scale than those fitted.

    >>> from vaefit import fit
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> twice = np.repeat(x, 2, axis=0)
    >>> run = fit(twice, latent_dim=2, epochs=2, encoder_layers=(8,), decoder_layers=(8,))
    >>> [f.name for f in examine(run, twice)]
    ['duplicated rows']
    """
    return report(run, rows, display).findings


def report(run: Run, rows: object = None, display: Display | None = None) -> Report:
    """The findings of `examine`, and what was checked.

    Raises:
        DataError: the rows are of another size or scale than those fitted.
    """
    evidence, missing = _evidence(run, rows, display or Silent())
    found = look(evidence)
    return Report([*found.findings, *missing], found.checked)


def look(evidence: Evidence, *, slow: bool = True) -> Report:
    """Make every check that the evidence allows; the slow ones too, unless told otherwise."""
    there = {
        "history": True,
        "rows": evidence.train is not None or evidence.held_out is not None,
        "both": evidence.train is not None and evidence.held_out is not None,
    }
    typed = evidence.run.model.likelihood.typed
    made = [
        check
        for check in CHECKS
        if there[check.needs] and (slow or not check.slow) and not (typed and check.numbers)
    ]
    # What overflows or divides by nothing is compared with a threshold like any other number.
    with np.errstate(all="ignore"):
        found = [finding for check in made if (finding := check.look(evidence)) is not None]
    order = ("serious", "warning", "information")
    return Report(sorted(found, key=lambda f: order.index(f.severity)), [check.name for check in made])


def evidence_of_fit(run: Run, trainer: Trainer, last: Dataset) -> Evidence:
    """A run just fitted, with the rows in memory; `last` are the validation rows, if there are any."""
    whole = None if trainer.stream is None else trainer.stream.whole
    held = 0 if trainer.validation is None else len(trainer.validation)
    where = _positions(run, len(trainer.x), held, whole)
    train = Rows(trainer.x, where[0], trainer.names)
    held_out = None if trainer.validation is None else Rows(trainer.validation, where[1], last.names)
    return Evidence(run, train, held_out, last.columns, trainer)


def _evidence(run: Run, rows: object, display: Display) -> tuple[Evidence, list[Finding]]:
    found = held_against(run, rows, display)
    missing = [] if found.missing is None else [_missing(found.missing, found.held_out)]
    return evidence_of(run, found.train, found.held_out, own=found.own), missing


def _missing(problem: DataError, given: Dataset | None) -> Finding:
    looked_at = "only its history and weights" if given is None else "DATA beside its history and weights"
    return Finding(
        "data not read",
        "information",
        f"the data of this run cannot be read again ({problem}): {looked_at} were looked at",
        "give DATA" if given is None else "put them back for the checks that need training rows",
    )


def evidence_of(run: Run, train: Dataset | None, held_out: Dataset | None, *, own: bool) -> Evidence:
    """A run, and rows to hold it against; `own` are split as the run's settings say."""
    counts = [0 if rows is None else rows.n for rows in (train, held_out)]
    whole = None if train is None else train.whole
    where = _positions(run, *counts, whole) if own else (None, None)
    columns = next((rows.columns for rows in (train, held_out) if rows is not None), None)
    return Evidence(run, _rows(run, train, where[0]), _rows(run, held_out, where[1]), columns)


def _rows(run: Run, dataset: Dataset | None, where: np.ndarray | None) -> Rows | None:
    if dataset is None:
        return None
    return Rows(run.transform.forward(dataset.values), where, dataset.names)


def _positions(
    run: Run, train: int, held_out: int, whole: Whole | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Where rows stood in the data, where that is known."""
    if whole is not None:
        return whole.sampled, whole.held_out if len(whole.held_out) == held_out else None
    found = positions(run.settings, train + held_out) if train and held_out else None
    if found is None or (len(found[0]), len(found[1])) != (train, held_out):
        return None, None
    return found
