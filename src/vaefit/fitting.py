"""`fit`: from data and settings to a run, the whole way."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from vaefit import ahead, backend, data, doctor, processes, run
from vaefit.assemble import build_trainer
from vaefit.data import Dataset
from vaefit.display import Display, Silent
from vaefit.errors import RunError, SettingsError
from vaefit.finishing import finish, rehearse_report, run_reference, write_report
from vaefit.folder import check_free
from vaefit.journal import Journal, likeness
from vaefit.preparing import Split, forward, prepare, prepared_from
from vaefit.reading import read_and_split
from vaefit.run import Run
from vaefit.settle import Settled, check_support
from vaefit.tensorboard import FOLDER as BOARD
from vaefit.tensorboard import Board, clear
from vaefit.train import Trainer


def fit(
    rows: object,
    *,
    out: str | Path | None = None,
    recipe: str = "default",
    force: bool = False,
    init_from: str | Path | None = None,
    tensorboard: bool = False,
    report: bool = False,
    watch: Callable[[str], None] | None = None,
    weights: Float[np.ndarray, " rows"] | None = None,
    display: Display | None = None,
    **settings: Any,
) -> Run:
    """Fit a VAE to rows: a path, a NumPy array, or a data set.

    `settings` are those of `vaefit fit --help`, on top of the recipe's. With `out` the run folder is written
    as training goes on, and pictures at its end. With `init_from` training starts at another run's weights,
    and its settings (but for those of its data) stand in for the recipe's. With `tensorboard` the run folder
    has event files too, with `report` a page to look at, `report.html`. `watch` is told the address of a page
    on this machine that shows the fit as it goes on (`watch=print`). With `weights`, positive, a row counts
    in training and validation as that many.

    Raises:
        VaefitError: the data or a setting cannot be used, or training came to nothing; the message says why.

    >>> import numpy as np
    >>> from vaefit import fit
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> fitted = fit(x, latent_dim=2, epochs=2, encoder_layers=(8,), decoder_layers=(8,))
    >>> fitted.encode(x)[0].shape, fitted.sample(3).shape
    ((200, 2), (3, 4))
    """
    display = display or Silent()
    folder = Path(out).expanduser() if out is not None else None
    if folder is not None and processes.is_first():
        check_out(folder, rows, force)
    elif folder is None and tensorboard:
        raise SettingsError("tensorboard writes into the run folder, found no out; give out, a folder")
    fitted, trainer, split = prepare(
        rows, recipe=recipe, init_from=init_from, weights=weights, display=display, ahead=True, **settings
    )
    journal = Journal(fitted, display)
    if folder is not None:
        journal.begin(folder)
        if processes.is_first():
            clear(folder / BOARD)
    return _train(fitted, trainer, journal, split, tensorboard=tensorboard, report=report, watch=watch)


def fit_seeds(rows: object, *, seeds: int, out: str | Path, **how: Any) -> list[Run]:
    """One run for each of several seeds, in `out`/seed-S; all else as in `fit`.

    Raises:
        VaefitError: as `fit` does.
    """
    if seeds < 1:
        raise SettingsError(f"seeds must be at least 1, found {seeds}")
    first = how.pop("seed", None) or 0
    return [
        fit(rows, out=Path(out) / f"seed-{seed}", seed=seed, **how)
        for seed in range(int(first), int(first) + seeds)
    ]


def train_on(
    fitted: Run,
    rows: object,
    *,
    epochs: int,
    seed: int,
    weights: Float[np.ndarray, " rows"] | None = None,
    display: Display | None = None,
) -> Run:
    """A run trained on from its weights, with these rows alone, at its learning rate; nothing is written.

    Every row trains, the optimiser starts anew, and the weights after the last step are kept.

    Raises:
        VaefitError: the rows are not like those fitted, or training came to nothing.
    """
    display, dataset = display or Silent(), fitted.dataset(rows)
    alone = {"schedule": "constant", "stages": (), "validation": "0", "early_stopping": 0}
    settings = fitted.settings.with_(epochs=epochs, seed=seed, **alone)
    x = forward(fitted.transform, dataset)
    check_support(settings, x, dataset.source)
    trainer = build_trainer(settings, fitted.transform, fitted.model, x, weights=weights)
    trainer.names = dataset.names
    journal = Journal(replace(fitted, folder=None), display)
    display.started(epochs)
    trainer.run(journal)
    trained = replace(
        fitted,
        model=trainer.kept(),
        folder=None,
        history=_joined(fitted.history, journal.history),
        summary={},
    )
    trained.reference = run_reference(trained, trainer)
    return trained


def _joined(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Epochs and steps counted on from the records before."""
    done = before[-1] if before else {"epoch": 0, "step": 0}
    return before + [{**r, **{name: done[name] + r[name] for name in ("epoch", "step")}} for r in after]


def check_out(folder: Path, rows: object, force: bool) -> None:
    """See that a run of these rows may be written to a folder.

    Raises:
        RunError: another run or other files are there, or it lies inside the data.
    """
    check_free(folder, force)
    _check_outside(folder, rows)


def _check_outside(folder: Path, rows: object) -> None:
    if not isinstance(rows, str | Path) or not Path(rows).expanduser().is_dir():
        return
    if folder.resolve().is_relative_to(Path(rows).expanduser().resolve()):
        raise RunError(
            f"{folder} lies inside the data, {rows}: its pictures would be read as data next time; choose "
            "another --out"
        )


def resume(
    folder: str | Path,
    rows: object = None,
    *,
    epochs: int | None = None,
    tensorboard: bool = False,
    report: bool = False,
    watch: Callable[[str], None] | None = None,
    display: Display | None = None,
) -> Run:
    """Take up a run where its last checkpoint left it; `epochs` is the new total.

    Data and settings are the run's own; `rows` are needed only where the run was fitted to an array.
    The learning rate's schedule keeps its horizon.

    Raises:
        RunError: there is no run or checkpoint, or the data have changed.
    """
    display = display or Silent()
    backend.configure()
    fitted = run.load(folder)
    if epochs is not None:
        fitted.settings = fitted.settings.with_(epochs=epochs)
    if rows is None and fitted.source.get("path") == "array":
        raise RunError(f"{folder} was fitted to an array, not to files; expected the same array as rows")
    train_rows, held_out = read_and_split(
        fitted.source["path"] if rows is None else rows,
        fitted.settings,
        display,
        data.schema_of(fitted.transform),
    )
    settled = Settled(fitted.settings, fitted.transform, ())
    fitted, trainer, _ = prepared_from(settled, train_rows, held_out, fitted)
    fitted.folder = Path(folder)
    journal = Journal(fitted, display)
    journal.take_up(trainer)
    if processes.is_first():
        fitted.save_settings()
    split = Split(train_rows, held_out)
    return _train(fitted, trainer, journal, split, tensorboard=tensorboard, report=report, watch=watch)


def _train(
    fitted: Run,
    trainer: Trainer,
    journal: Journal,
    split: Split,
    *,
    tensorboard: bool,
    report: bool,
    watch: Callable[[str], None] | None,
) -> Run:
    if processes.count() > 1:
        processes.check_same(likeness(fitted, trainer))
    if not processes.is_first():
        return _train_in_step(fitted, trainer, journal)
    shown = contextlib.nullcontext() if watch is None else _watched(fitted, trainer, journal, split, watch)
    with shown:
        return _train_and_show(fitted, trainer, journal, split, tensorboard=tensorboard, report=report)


def _train_in_step(fitted: Run, trainer: Trainer, journal: Journal) -> Run:
    """What the processes after the first do: the same training, and nothing else."""
    with journal.stopping_on_signals(), journal.saving_what_was_good(trainer):
        trainer.run(journal)
    fitted.model, fitted.history = trainer.kept(), journal.history
    return fitted


@contextlib.contextmanager
def _watched(
    fitted: Run, trainer: Trainer, journal: Journal, split: Split, told: Callable[[str], None]
) -> Iterator[None]:
    """The fit in a page of this machine; it hears how the fit ended."""
    from vaefit.explore.watching import Watch

    rows = data.as_fitted(split.last, fitted.transform)
    watch = Watch(journal.display, fitted, trainer.last, rows, journal.history)
    journal.display = watch
    told(watch.address)
    try:
        yield
    except BaseException as problem:
        watch.close(f"The fit was stopped: {str(problem) or type(problem).__name__}")
        raise
    watch.close(f"The fit is done: {fitted.summary['epochs']} epochs in {fitted.summary['seconds']:.0f} s.")


def _train_and_show(
    fitted: Run, trainer: Trainer, journal: Journal, split: Split, *, tensorboard: bool, report: bool
) -> Run:
    display = journal.display
    if report and fitted.folder is not None:
        ahead.meanwhile(partial(rehearse_report, fitted, split))
    if not tensorboard:
        found = _train_and_finish(fitted, trainer, journal, split.last)
    else:
        assert fitted.folder is not None
        board = Board(display, fitted.folder / BOARD, journal.history)
        journal.display = board
        with contextlib.closing(board):
            found = _train_and_finish(fitted, trainer, journal, split.last)
            board.finish(fitted, split.last)
    if report and fitted.folder is not None:
        write_report(fitted, found, split, display)
    return fitted


def _train_and_finish(fitted: Run, trainer: Trainer, journal: Journal, shown: Dataset) -> doctor.Report:
    """Train, save all, and say what the doctor finds."""
    began, seconds_before = time.perf_counter(), trainer.progress.seconds
    journal.display.started(fitted.settings.most_epochs)
    with journal.stopping_on_signals(), journal.saving_what_was_good(trainer):
        trainer.run(journal)
    ahead.finished()
    return finish(fitted, trainer, journal, shown, seconds_before + time.perf_counter() - began)
