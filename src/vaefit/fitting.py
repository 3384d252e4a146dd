"""`fit`: from data and settings to a run, the whole way."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from vaefit import backend, by_ppca, data, doctor, initialise, processes, readme, recipes, run
from vaefit.assemble import begin_compiling, build_trainer, builder
from vaefit.data import Dataset, Transform, Variable
from vaefit.display import Display, Silent
from vaefit.errors import Interrupted, RunError, SettingsError
from vaefit.evaluation import Reference, reference_of, visited
from vaefit.folder import README, REPORT, check_free, write_atomically
from vaefit.journal import Journal, likeness
from vaefit.model import VAE
from vaefit.networks import shown_numbers
from vaefit.reading import read_and_split, split_weights
from vaefit.run import Run
from vaefit.settings import Settings
from vaefit.settle import Settled, check_support, parse_share, settle
from vaefit.tensorboard import FOLDER as BOARD
from vaefit.tensorboard import Board, clear
from vaefit.train import Trainer, final_bounds


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


class Split(NamedTuple):
    """Training and validation rows (None where there are none)."""

    train: Dataset
    held_out: Dataset | None

    @property
    def last(self) -> Dataset:
        """The rows to show at the end."""
        return self.train if self.held_out is None else self.held_out


class Prepared(NamedTuple):
    """All that training needs: the run so far, its trainer, and the rows."""

    fitted: Run
    trainer: Trainer
    split: Split


def prepare(
    rows: object,
    *,
    recipe: str,
    init_from: str | Path | None,
    display: Display,
    weights: Float[np.ndarray, " rows"] | None = None,
    ahead: bool = False,
    **settings: Any,
) -> Prepared:
    """All that `fit` does before training: data read, settings settled, model built; nothing is written.

    With `ahead` the steps are compiled meanwhile.

    Raises:
        VaefitError: the data or a setting cannot be used; the message says why.
    """
    earlier = None if init_from is None else run.load(init_from)
    base = recipes.load(recipe).settings if earlier is None else _inherited(earlier.settings)
    chosen = base.with_(**settings)
    if parse_share(chosen.validation) is None:
        # Kept whole, so that the run can be taken up from any folder.
        chosen = chosen.with_(validation=str(Path(chosen.validation).expanduser().resolve()))
    backend.configure()
    train_rows, held_out = read_and_split(rows, chosen, display)
    settled = settle(chosen, train_rows, set(settings))
    fitted, trainer, notices = _prepare(
        settled, train_rows, held_out, earlier, ahead=ahead and weights is None
    )
    if weights is not None:
        if train_rows.whole is not None:
            raise SettingsError("weights go with rows in memory, found rows read block by block; --no-stream")
        trainer = _weighted(trainer, weights, chosen)
    for message in (*settled.notices, *notices):
        display.notice(message)
    return Prepared(fitted, trainer, Split(train_rows, held_out))


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
    x = _forward(fitted.transform, dataset)
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
    trained.reference = _reference(trained, trainer)
    return trained


def _joined(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Epochs and steps counted on from the records before."""
    done = before[-1] if before else {"epoch": 0, "step": 0}
    return before + [{**r, **{name: done[name] + r[name] for name in ("epoch", "step")}} for r in after]


def _weighted(trainer: Trainer, weights: Float[np.ndarray, " rows"], settings: Settings) -> Trainer:
    n = len(trainer.x)
    if trainer.validation is not None and parse_share(settings.validation) is not None:
        n += len(trainer.validation)
    train, held_out = split_weights(weights, settings, n)
    return replace(trainer, weights=train, validation_weights=held_out)


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
    fitted, trainer, _ = _prepare(settled, train_rows, held_out, fitted)
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
        _report(fitted, found, split, display)
    return fitted


def _report(fitted: Run, found: doctor.Report, split: Split, display: Display) -> None:
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


def _train_and_finish(fitted: Run, trainer: Trainer, journal: Journal, shown: Dataset) -> doctor.Report:
    """Train, save all, and say what the doctor finds."""
    began, seconds_before = time.perf_counter(), trainer.progress.seconds
    journal.display.started(fitted.settings.most_epochs)
    with journal.stopping_on_signals(), journal.saving_what_was_good(trainer):
        trainer.run(journal)
    return finish(fitted, trainer, journal, shown, seconds_before + time.perf_counter() - began)


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
    fitted.reference = _reference(fitted, trainer)
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


def _prepare(
    settled: Settled,
    rows: Dataset,
    held_out: Dataset | None,
    earlier: Run | None = None,
    *,
    ahead: bool = False,
) -> tuple[Run, Trainer, tuple[str, ...]]:
    """The model, its trainer, and what to tell; an earlier run gives its transform and weights."""
    settings, transform = settled.settings, settled.transform if earlier is None else earlier.transform
    x = _forward(transform, rows)
    check_support(settings, x, rows.source)
    validation = None if held_out is None else _forward(transform, held_out)
    if earlier is None:
        model, settings, notices = _start(
            settings, transform, x, validation, ahead=ahead and rows.whole is None
        )
    else:
        model, notices = earlier.model_with(settings), ()
    trainer = build_trainer(settings, transform, model, x, validation, whole=rows.whole)
    trainer.names = None if rows.whole is not None else rows.names
    return Run(model, settings, transform, _source(rows, held_out)), trainer, notices


def _reference(fitted: Run, trainer: Trainer) -> Reference | None:
    """Of tables of numbers; images vary too much for some rows to stand for all."""
    if fitted.transform.kind != "standardise" or len(fitted.transform.shape) > 1:
        return None
    return reference_of(fitted.model, trainer.x, seed=fitted.settings.seed, weights=trainer.weights)


def _inherited(settings: Settings) -> Settings:
    """The settings that go with weights: all but those of their data and its schedule."""
    of_data = {"validation", "include", "limit", "key", "skip_bad", "stream", "cache", "schedule_epochs"}
    return Settings.of(**{n: v for n, v in settings.given().items() if n not in of_data})


def _start(
    settings: Settings,
    transform: Transform,
    x: Float[np.ndarray, "rows variables"],
    validation: Float[np.ndarray, "held_out variables"] | None,
    *,
    ahead: bool,
) -> tuple[VAE, Settings, tuple[str, ...]]:
    """The model where training starts, settings with nothing left open, and what to tell."""
    seen = visited(x, transform.visit, settings.seed)
    held_out = None if validation is None else visited(validation, transform.visit)
    variables = transform.variables
    settings, notices = by_ppca.settle(
        settings,
        _as_numbers(seen, variables),
        None if held_out is None else _as_numbers(held_out, variables),
        transform.shape,
    )
    if ahead:
        begin_compiling(settings, transform, x)
    key = jax.random.fold_in(jax.random.key(settings.seed), 0)
    model = builder(settings.of_model(), x.shape[1], variables, transform.shape)(key)
    if settings.start == "random":
        return model, settings, notices
    seen = by_ppca.with_mirrored(seen, transform.shape) if settings.mirror else seen
    linear = initialise.at_linear_model(model, by_ppca.thinned(seen)) if settings.start == "ppca" else None
    return linear or initialise.at_data_moments(model, seen), settings, notices


def _as_numbers(
    x: Float[np.ndarray, "rows variables"], variables: tuple[Variable, ...]
) -> Float[np.ndarray, "rows numbers"]:
    """Rows as a linear model may take them: typed cells as encoders are shown them, means where missing."""
    return np.asarray(shown_numbers(jnp.asarray(x), variables)) if variables else x


def _forward(transform: Transform, rows: Dataset) -> Float[np.ndarray, "rows variables"]:
    return transform.forward(data.as_fitted(rows, transform).values)


def _source(rows: Dataset, held_out: Dataset | None) -> dict[str, Any]:
    path = Path(rows.source).expanduser()
    return {
        "path": str(path.resolve()) if path.exists() else rows.source,
        "rows": rows.total,
        "validation_rows": 0 if held_out is None else held_out.n,
        "shape": list(rows.shape),
    }


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
        **({} if trainer.stream is None else {"waiting": _waiting(fitted.history)}),
        "parameters": sum(p.size for p in jax.tree.leaves(eqx.filter(fitted.model, eqx.is_inexact_array))),
    }


def _waiting(history: list[dict[str, Any]]) -> float:
    """The share of the time in training in which the device had no rows; by epochs, of the middle one."""
    found = [record["waiting"] for record in history if "waiting" in record]
    return float(np.median(found)) if found else 0.0
