"""`fit`: from data and settings to a run, the whole way."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from vaefit import backend, data, initialise, recipes, run
from vaefit.assemble import (
    build_model,
    build_objective,
    build_optimizer_of,
    build_penalties,
    build_plan,
    build_schedule_of,
)
from vaefit.data import Dataset, Transform
from vaefit.errors import DataError, SettingsError
from vaefit.likelihoods import Likelihood
from vaefit.run import Run
from vaefit.settings import Settings
from vaefit.storage import write_atomically
from vaefit.train import Trainer, final_bounds

SECONDS_BETWEEN_SAVES = 2.0


class Display(Protocol):
    """Whoever shows how a fit goes on."""

    def notice(self, message: str) -> None:
        """Something the person should know."""

    def reading(self, done: int, total: int) -> None:
        """Files read so far; total is 0 while unknown."""

    def started(self, epochs: int) -> None:
        """Training begins."""

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None:
        """Some steps are done."""

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """An epoch is done."""


class Silent:
    """Shows nothing."""

    def notice(self, message: str) -> None: ...

    def reading(self, done: int, total: int) -> None: ...

    def started(self, epochs: int) -> None: ...

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None: ...

    def on_epoch(self, record: Mapping[str, Any]) -> None: ...


def fit(
    rows: object,
    *,
    out: str | Path | None = None,
    recipe: str = "default",
    force: bool = False,
    display: Display | None = None,
    **settings: Any,
) -> Run:
    """Fit a VAE to rows: a path, a NumPy array, or a data set.

    `settings` are those of `vaefit fit --help`, on top of the recipe's. With `out` the run folder is written
    as training goes on, and pictures at its end.

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
    chosen = recipes.load(recipe).settings.with_(**settings)
    folder = Path(out).expanduser() if out is not None else None
    if folder is not None:
        run.check_free(folder, force)
    backend.configure()
    train_rows, held_out = _read_and_split(rows, chosen, display)
    began = time.perf_counter()
    chosen, transform = _decide(chosen, train_rows, display, set(settings))
    x = transform.forward(train_rows.values)
    validation = None if held_out is None else _forward(transform, held_out)
    trainer = _trainer(chosen, transform, x, validation)
    _check_support(trainer.model.likelihood, x, train_rows.source)
    fitted = Run(trainer.model, chosen, transform, _source(train_rows, held_out))
    writer = _Writer(fitted, folder, force, display)
    display.started(chosen.epochs)
    trainer.run(writer)
    fitted.model = trainer.kept()
    fitted.history = writer.history
    fitted.summary = _summary(trainer, fitted, time.perf_counter() - began)
    if folder is not None:
        writer.save(trainer)
        _write_report(fitted, train_rows, held_out)
    return fitted


def _read_and_split(rows: object, settings: Settings, display: Display) -> tuple[Dataset, Dataset | None]:
    dataset = _read(rows, settings, display)
    for message in dataset.notices:
        display.notice(message)
    share = _share(settings.validation)
    if share is None:
        held_out = _read(settings.validation, settings, display)
        return dataset, held_out
    kept, held = data.split(dataset, share, settings.validation_by, settings.seed)
    return (dataset.take(kept), dataset.take(held)) if len(held) else (dataset, None)


def _read(rows: object, settings: Settings, display: Display) -> Dataset:
    if isinstance(rows, Dataset):
        return rows
    size = parse_size(settings.size)
    if not isinstance(rows, str | Path):
        return Dataset.from_array(rows, size=size, grayscale=settings.grayscale, limit=settings.limit)
    return data.read(
        rows,
        include=settings.include,
        size=size,
        grayscale=settings.grayscale,
        limit=settings.limit,
        key=settings.key,
        skip_bad=settings.skip_bad,
        progress=display.reading,
    )


def parse_size(size: str | None) -> tuple[int, int] | None:
    """(height, width) from HxW.

    Raises:
        SettingsError: it is not HxW.

    >>> parse_size("19x20")
    (19, 20)
    """
    if size is None:
        return None
    height, _, width = size.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) > 0 and int(width) > 0):
        raise SettingsError(f"size must be HxW, for example 28x20, found {size!r}")
    return int(height), int(width)


def _share(validation: str) -> float | None:
    try:
        share = float(validation)
    except ValueError:
        return None
    if not 0 <= share < 1:
        raise SettingsError(f"validation must be a share from 0 to below 1, or a path, found {validation}")
    return share


def _decide(
    settings: Settings, rows: Dataset, display: Display, asked: set[str]
) -> tuple[Settings, Transform]:
    """Settle what the settings leave to the data: transform, likelihood, latent size."""
    transform = data.choose_transform(rows, dequantise=settings.dequantise)
    if settings.likelihood == "auto":
        name, why = ("bernoulli", "two-valued data") if transform.kind == "two-valued" else ("gaussian", _why(transform))
        settings = settings.with_(likelihood=name)
        sd = f" (sd: {settings.get('sigma')})" if name == "gaussian" else ""
        display.notice(f"likelihood: {name}{sd}, for {why}")
    elif transform.kind == "pixels" and settings.dequantise is None and settings.likelihood == "bernoulli":
        transform = data.choose_transform(rows, dequantise=False)
        display.notice("likelihood bernoulli on grey values: its ELBO is a cross-entropy, not a log-likelihood")
    _check_asked(settings, asked)
    for message in transform.notices:
        display.notice(message)
    if settings.schedule_epochs is None:
        settings = settings.with_(schedule_epochs=settings.epochs)
    return settings, transform


def _why(transform: Transform) -> str:
    levels = getattr(transform, "levels", None)
    if levels:
        return f"pixels of {levels} levels" + (", dequantised" if transform.quantum else "")
    return "standardised columns" if transform.kind == "standardise" else "values in [0, 1]"


def _check_asked(settings: Settings, asked: set[str]) -> None:
    used = settings.used_part_options()
    for name in sorted(asked):
        declared = _declared(name)
        if declared is not None and name not in used:
            kind, part = declared.split(" ", 1)
            raise SettingsError(
                f"{name} belongs to {kind} {part}, and this run has {kind} "
                f"{settings.get(kind) if kind != 'penalty' else 'weights of 0'}; leave it out or choose that {kind}"
            )


def _declared(name: str) -> str | None:
    from vaefit.settings import core_options, options

    if name in core_options() or options()[name].home == "penalties":
        return None
    return options()[name].home


def _forward(transform: Transform, held_out: Dataset) -> Float[np.ndarray, "rows variables"]:
    data.check_same(held_out, transform)
    return transform.forward(held_out.values)


def _trainer(
    settings: Settings,
    transform: Transform,
    x: Float[np.ndarray, "rows variables"],
    validation: Float[np.ndarray, "held_out variables"] | None,
) -> Trainer:
    model = build_model(settings, x.shape[1], jax.random.fold_in(jax.random.key(settings.seed), 0))
    if settings.start == "data":
        model = initialise.at_data_moments(model, x)
    objective = build_objective(settings)
    if objective.needs_each_sample and model.likelihood.joint:
        raise SettingsError(
            f"objective {settings.objective} weighs samples one by one, likelihood {settings.likelihood} takes "
            "them together; choose another of the two"
        )
    return Trainer(
        model=model,
        objective=objective,
        penalties=build_penalties(settings),
        optimizer=build_optimizer_of(settings),
        schedule=build_schedule_of(settings),
        plan=build_plan(settings, transform),
        x=x,
        validation=validation,
    )


def _check_support(likelihood: Likelihood, x: Float[np.ndarray, "rows variables"], source: str) -> None:
    if likelihood.support == "real":
        return
    bad = (x < 0) | (x > 1) if likelihood.support == "unit" else (x != 0) & (x != 1)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{source}: likelihood {type(likelihood).__name__.lower()} expects values "
            f"{'from 0 to 1' if likelihood.support == 'unit' else '0 and 1'}, found {x[row, column]:g} in row {row + 1}, "
            f"column {column + 1}; choose --likelihood gaussian"
        )


def _source(rows: Dataset, held_out: Dataset | None) -> dict[str, Any]:
    return {
        "path": rows.source,
        "rows": rows.n,
        "validation_rows": 0 if held_out is None else held_out.n,
        "shape": list(rows.shape),
    }


class _Writer:
    """Writes the run folder as epochs end, and passes everything on to the display."""

    def __init__(self, fitted: Run, folder: Path | None, force: bool, display: Display) -> None:
        self.fitted, self.folder, self.display = fitted, folder, display
        self.history: list[dict[str, Any]] = []
        self._unsaved = False
        self._saved_at = -np.inf
        if folder is not None:
            if force:
                _clear(folder)
            fitted.save(folder)
            write_atomically(folder / run.HISTORY, "")

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None:
        self.display.on_chunk(epoch, done, record)

    def on_epoch(self, record: Mapping[str, Any], trainer: Trainer) -> None:
        self.history.append(dict(record))
        if self.folder is not None:
            with (self.folder / run.HISTORY).open("a") as file:
                file.write(json.dumps(record) + "\n")
            self._unsaved |= bool(record["best"]) or trainer.validation is None
            if self._unsaved and time.monotonic() - self._saved_at > SECONDS_BETWEEN_SAVES:
                self.save(trainer)
        self.display.on_epoch(record)

    def save(self, trainer: Trainer) -> None:
        self.fitted.model = trainer.kept()
        self.fitted.save_weights()
        self._unsaved, self._saved_at = False, time.monotonic()


def _clear(folder: Path) -> None:
    """Remove the files of an earlier run; other files stay."""
    for name in (run.WEIGHTS, run.TRANSFORM, run.SETTINGS, run.HISTORY, "README.md"):
        (folder / name).unlink(missing_ok=True)


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
        "parameters": sum(p.size for p in jax.tree.leaves(eqx.filter(fitted.model, eqx.is_inexact_array))),
    }


def _write_report(fitted: Run, rows: Dataset, held_out: Dataset | None) -> None:
    from vaefit import figures, readme

    assert fitted.folder is not None
    figures.write_all(fitted, held_out or rows, fitted.folder)
    write_atomically(fitted.folder / "README.md", readme.text(fitted))


