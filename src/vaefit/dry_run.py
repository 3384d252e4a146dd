"""`plan`: what a fit would be and cost, found by a few of its steps; no run folder is written."""

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from vaefit.display import Display, Silent
from vaefit.evaluation import BLOCK
from vaefit.fitting import check_out
from vaefit.preparing import prepare
from vaefit.run import Run
from vaefit.train import Trainer

SECONDS = 1.0  # of steps that are timed
MIB = 2**20
MOST_BLOCKS = 4  # of validation rows that are timed


def plan(
    rows: object,
    *,
    out: str | Path | None = None,
    recipe: str = "default",
    force: bool = False,
    init_from: str | Path | None = None,
    display: Display | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """What `fit` with the same arguments would do: rows, model, memory (MiB), time (seconds).

    Reads the data, settles the settings, builds the model, compiles, and trains it for about a second.

    Raises:
        VaefitError: what `fit` would say about the same data and settings.

    >>> import numpy as np
    >>> from vaefit.dry_run import plan
    >>> found = plan(np.random.default_rng(0).normal(size=(200, 4)), latent_dim=2, batch_size=60)
    >>> found["rows"], found["validation_rows"], found["shape"], found["steps_per_epoch"]
    (180, 20, [4], 3)
    """
    display = display or Silent()
    if out is not None:
        check_out(Path(out).expanduser(), rows, force)
    prepared = prepare(rows, recipe=recipe, init_from=init_from, display=display, **settings)
    fitted, trainer = prepared.fitted, prepared.trainer
    # `State` is overwritten by the compiled steps, so it is measured first.
    memory = _memory(trainer)
    return {
        **fitted.source,
        "likelihood": fitted.settings.likelihood,
        "transform": fitted.transform.kind,
        "parameters": sum(p.size for p in jax.tree.leaves(trainer.state.params)),
        "memory_mib": {**memory, "total": sum(memory.values())},
        "batch_size": min(fitted.settings.batch_size, trainer.n),
        "steps_per_epoch": trainer.steps_per_epoch,
        "epochs": fitted.settings.most_epochs,
        **_times(fitted, trainer, display),
    }


def _memory(trainer: Trainer) -> dict[str, float]:
    """MiB of what training holds: what stays, and what a batch's layers compute on the way."""
    weights = _mib(trainer.state.params)
    validation = 0 if trainer.validation is None else trainer.validation.nbytes
    windows = 0 if trainer.stream is None else trainer.stream.nbytes
    return {
        "weights": weights,
        "gradients": weights,
        "optimizer": _mib(trainer.state.optimizer),
        # The last state that is known to be good stays until the next is.
        "kept state": weights + _mib(trainer.state.optimizer),
        "data": (trainer.x.nbytes + validation + windows) / MIB,
        "activations": _activations(trainer),
    }


def _activations(trainer: Trainer) -> float:
    """MiB of one batch's layers and latents, and of as many gradients; XLA may reuse some of it."""
    plan, model = trainer.plan, trainer.model
    rows = jax.ShapeDtypeStruct((min(plan.batch_size, len(trainer.x)), trainer.x.shape[1]), jnp.float32)
    terms = eqx.filter_eval_shape(model.terms, rows, None, jax.random.key(0), plan.samples)
    layers = jax.tree.leaves((terms.encoder, terms.z, terms.decoder))
    return 2 * sum(leaf.size * leaf.dtype.itemsize for leaf in layers) / MIB


def _mib(tree: PyTree) -> float:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))) / MIB


def _times(fitted: Run, trainer: Trainer, display: Display) -> dict[str, float]:
    validation = _seconds_to_validate(trainer)
    stopwatch = _Stopwatch(display)
    # Steps alone, as many as the time allows.
    trainer.validation = None
    trainer.parts = trainer.parts._replace(plan=dataclasses.replace(trainer.plan, epochs=2**31 - 1))
    with contextlib.suppress(_EnoughError):
        trainer.run(stopwatch)
    step = stopwatch.seconds / stopwatch.steps
    epoch = step * trainer.steps_per_epoch + validation
    return {
        "seconds_to_compile": stopwatch.compiling,
        "seconds_per_step": step,
        "seconds_per_epoch": epoch,
        "seconds_in_all": stopwatch.compiling + epoch * fitted.settings.most_epochs,
    }


def _seconds_to_validate(trainer: Trainer) -> float:
    """Seconds for all validation rows, from some of them."""
    if trainer.validation is None:
        return 0.0
    some, model = trainer.validation[: MOST_BLOCKS * BLOCK], trainer.last()
    trainer.evaluator(model, some)  # compiles
    began = time.perf_counter()
    trainer.evaluator(model, some)
    return (time.perf_counter() - began) * len(trainer.validation) / len(some)


class _EnoughError(Exception):
    """The stopwatch has seen enough steps."""


class _Stopwatch:
    """Looks on while a trainer trains, and stops it after about a second of steps."""

    def __init__(self, display: Display) -> None:
        self.compiling = self.seconds = 0.0
        self.steps = 0
        self._display, self._step, self._looked_at = display, 0, time.perf_counter()

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any], trainer: Trainer) -> None:  # noqa: ARG002
        """Count steps and seconds; the first chunk compiles."""
        passed, steps = time.perf_counter() - self._looked_at, record["step"] - self._step
        if self._step:
            self.seconds, self.steps = self.seconds + passed, self.steps + steps
        else:
            self.compiling = passed
        if self.seconds >= SECONDS:
            raise _EnoughError
        self._step, self._looked_at = record["step"], time.perf_counter()

    def on_epoch(self, record: Mapping[str, Any], trainer: Trainer) -> None:
        """Nothing: what an epoch's end costs is counted with the next chunk."""

    def on_trouble(self, message: str) -> None:
        """Tell it."""
        self._display.notice(message)
