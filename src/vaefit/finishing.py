"""What training came to: the run saved, its pictures, its page, what the doctor finds."""

from dataclasses import asdict
from typing import Any

import equinox as eqx
import jax
import numpy as np

from vaefit import data, doctor, readme
from vaefit.data import Dataset
from vaefit.display import Display
from vaefit.errors import Interrupted
from vaefit.evaluation import Reference, reference_of
from vaefit.folder import README, REPORT, write_atomically
from vaefit.journal import Journal
from vaefit.preparing import Split
from vaefit.run import Run
from vaefit.train import Trainer, final_bounds


def finish(
    fitted: Run,
    trainer: Trainer,
    journal: Journal,
    shown: Dataset,
    seconds: float,
    *,
    pictures: bool = True,
) -> doctor.Report:
    """Keep what training of so many seconds came to, save all, and say what the doctor finds."""
    fitted.model, fitted.history = trainer.kept(), journal.history
    fitted.reference = run_reference(fitted, trainer)
    if trainer.validation is not None and trainer.progress.best_epoch == 0:
        smaller = 0.1 * trainer.progress.rate_scale * fitted.settings.learning_rate
        journal.display.notice(
            "no epoch was better than the start on the validation rows: the start is kept; try "
            f"more --epochs, or --learning-rate {smaller:.0e}"
        )
    fitted.summary = _summary(trainer, fitted, seconds)
    if fitted.folder is not None:
        journal.save(trainer)
        fitted.save_reference()
    # From the rows in memory.
    found = doctor.look(doctor.evidence_of_fit(fitted, trainer, shown), slow=False)
    fitted.summary["findings"] = [f.to_dict() for f in found.findings if f.severity != "information"]
    if fitted.folder is not None and pictures:
        write_pictures(fitted, shown)
    elif fitted.folder is not None:
        write_atomically(fitted.folder / README, readme.text(fitted, pictures=False))
    return found


def write_pictures(fitted: Run, shown: Dataset) -> None:
    """The pictures of a run that is done, and its README with them."""
    # Not needed before: half a second until the first step is seen.
    from vaefit.figures.draw import write_all

    assert fitted.folder is not None
    write_all(fitted, shown, fitted.folder)
    write_atomically(fitted.folder / README, readme.text(fitted))


def rehearse_report(fitted: Run, split: Split) -> None:
    """Compile, while training goes on, what the page needs.

    Of typed columns alone: their likelihoods take longest to compile, and a network of few rows is no work.
    """
    if not fitted.model.likelihood.typed:
        return
    from vaefit.report.rehearsal import rehearse

    rehearse(fitted, split.last)


def write_report(fitted: Run, found: doctor.Report, split: Split, display: Display) -> None:
    """The page; whatever happens to it, the fit is done and saved."""
    assert fitted.folder is not None
    try:
        from vaefit.report import Facts, write_page

        train, held_out = (None if r is None else data.as_fitted(r, fitted.transform) for r in split)
        assert train is not None
        write_page(Facts.of_fit(fitted, found, train, held_out, display), fitted.folder / REPORT)
    except Interrupted:
        raise
    except Exception as problem:
        why = " ".join(str(problem).split()) or type(problem).__name__
        display.notice(f"no {REPORT}: {why[:200]}; all else of the run is saved (vaefit report tries again)")


def run_reference(fitted: Run, trainer: Trainer) -> Reference | None:
    """Of tables of numbers; images vary too much for some rows to stand for all."""
    if fitted.transform.kind != "standardise" or len(fitted.transform.shape) > 1:
        return None
    return reference_of(fitted.model, trainer.x, seed=fitted.settings.seed, weights=trainer.weights)


def _summary(trainer: Trainer, fitted: Run, seconds: float) -> dict[str, Any]:
    train, validation = final_bounds(trainer, fitted.model)
    progress = trainer.progress
    return {
        "run": None if fitted.folder is None else str(fitted.folder),
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch if trainer.validation is not None else progress.epoch,
        "seconds": seconds,
        "train": asdict(train),
        "validation": None if validation is None else asdict(validation),
        "skipped_steps": int(trainer.state.skipped),
        **({} if trainer.stream is None else _of_stream(trainer, fitted)),
        "parameters": sum(p.size for p in jax.tree.leaves(eqx.filter(fitted.model, eqx.is_inexact_array))),
    }


def _of_stream(trainer: Trainer, fitted: Run) -> dict[str, Any]:
    """How many rows the training ELBO is of, and the share of the time in which the device had none."""
    return {"train_rows": len(trainer.x), "waiting": _waiting(fitted.history)}


def _waiting(history: list[dict[str, Any]]) -> float:
    """The share of the time in training in which the device had no rows; by epochs, of the middle one."""
    found = [record["waiting"] for record in history if "waiting" in record]
    return float(np.median(found)) if found else 0.0
