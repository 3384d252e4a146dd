"""The only training loop.

Chunks of steps run in one compiled [`Program`][vaefit.program.Program]. Between chunks Python looks up:
progress, interruption, non-finite numbers; between epochs: validation, history, the learning rate's plateau,
early stopping, and the choice of the weights to keep.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PyTree

from vaefit import devices, processes
from vaefit.backend import out_of_memory
from vaefit.diagnose import diagnose
from vaefit.errors import TrainingError
from vaefit.evaluation import Bound, Evaluator, visited
from vaefit.model import VAE
from vaefit.plan import Parts, Plan
from vaefit.program import compiled
from vaefit.progress import Progress
from vaefit.streaming import Part, Resident, Rows, Streamed, TooLittleMemory

# How long Python stays away: long enough to cost nothing, short enough for a lively progress bar.
SECONDS_BETWEEN_LOOKS = 0.5
# A few bad steps are skipped; this many in a row mean that the weights have gone where nothing is finite.
FAILURES_IN_A_ROW = 20
RECOVERIES = 3
RECOVERY_FACTOR = 0.1


@runtime_checkable
class Watcher(Protocol):
    """Whoever looks on: progress displays, run folders."""

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any], trainer: "Trainer") -> None:
        """Some steps are done: `done` is the fraction of the epoch, `record` the epoch's numbers so far."""

    def on_epoch(self, record: Mapping[str, Any], trainer: "Trainer") -> None:
        """An epoch is done."""

    def on_trouble(self, message: str) -> None:
        """Something went wrong and was mended."""


@dataclass
class Trainer:
    """One training in progress: call [`run`][vaefit.train.Trainer.run].

    With `weights` a mean over training rows is a weighted one; the loss of a batch of n rows is the sum of
    w l over n, w scaled to mean 1 over all rows, so that a step is, in expectation, that mean's.

    Where there is a `stream` it brings the rows to train on, and `x` is a sample of them.
    """

    model: VAE
    parts: Parts
    x: Float[np.ndarray, "rows variables"]
    validation: Float[np.ndarray, "held_out variables"] | None = None
    names: Sequence[str] | None = None
    weights: Float[np.ndarray, " rows"] | None = None
    validation_weights: Float[np.ndarray, " held_out"] | None = None
    progress: Progress = field(default_factory=Progress)
    stream: Streamed | None = None

    def __post_init__(self) -> None:
        params, self._static = eqx.partition(self.model, eqx.is_inexact_array)
        self._mesh = devices.mesh()
        self.best = jax.device_get(params)
        self.n = len(self.x) if self.stream is None else self.stream.n
        self.order_key, self.step_key = jax.random.split(jax.random.key(self.plan.seed))
        self.program = self.parts.program(self._static, self.n)
        first, self._chunk, self._order_of = compiled(self.program)
        self.state = first(params)
        self._batch_size, self.steps_per_epoch = self.program.batch_size, self.program.steps_per_epoch
        self._seconds_per_step = 0.0
        self._log_jacobian = self._mean_log_jacobian()
        self.evaluator = self._evaluator(None)
        # In step with all other processes.
        self._evaluate = self.evaluator if self._mesh is None else self._evaluator(self._mesh)

    @property
    def plan(self) -> Plan:
        """How to train."""
        return self.parts.plan

    def run(self, watcher: Watcher) -> None:
        """Train to the last epoch, or until early stopping; every process of a fit runs this, in step."""
        self.state = self._copied(processes.of_first(self.state))
        for _ in range(self.progress.halvings):
            if self.stream is not None:
                self.stream.halve()
        if self.has_start_to_judge:
            self.judge_start(watcher, self.bound())
        self._rate(0)  # Its operations are compiled while the steps still are.
        try:
            while self.goes_on:
                self._run_epoch(watcher)
        finally:
            if self.stream is not None:
                self.stream.close()

    @property
    def has_start_to_judge(self) -> bool:
        """Whether the start itself is still to be held against the validation rows."""
        judged = self.progress.epoch > 0 or self.progress.best_score > -np.inf or int(self.state.step) > 0
        return self.validation is not None and not judged

    @property
    def goes_on(self) -> bool:
        """Whether there are epochs left, and patience."""
        return self.progress.epoch < self.plan.epochs and not self._stopped_early()

    def bound(self) -> Bound | None:
        """The ELBO of the validation rows now; None: there are none."""
        if self.validation is None:
            return None
        return self._evaluate(self.state.params, self.validation, self.validation_weights)

    def last(self) -> VAE:
        """The model with the weights of the last step."""
        return eqx.combine(devices.here(self._mesh, self.state.params), self._static)

    def kept(self) -> VAE:
        """The model to keep: best on validation, or that of the last epoch where there is no validation."""
        return eqx.combine(jax.tree.map(jnp.asarray, self.best), self._static)

    def _run_epoch(self, watcher: Watcher) -> None:
        while True:
            try:
                return self._go_through_epoch(watcher)
            except (MemoryError, RuntimeError) as problem:
                asked = out_of_memory(problem)
                # Amid a step the other processes know nothing of it, and would go on with larger windows.
                in_step = processes.count() == 1 or isinstance(problem, TooLittleMemory)
                if asked is None or self.stream is None or not in_step or not self.stream.halve():
                    raise
            self.progress.halvings += 1
            watcher.on_trouble(
                f"out of memory ({asked}): from here {self.stream.size:,} rows are on the device at a time"
            )

    def _go_through_epoch(self, watcher: Watcher) -> None:
        began, epoch = time.perf_counter(), self.progress.epoch
        waited = 0.0 if self.stream is None else self.stream.waited
        done = first = int(self.state.step) - epoch * self.steps_per_epoch
        with contextlib.closing(self.rows.parts(epoch, first)) as parts:
            for part in parts:
                while done < part.stop:
                    # As many in every process: each has its own clock.
                    ahead = processes.greatest(steps_until_next_look(self._seconds_per_step))
                    stop = min(done + ahead, part.stop)
                    if not self._timed_chunk(part, done, stop):
                        self.step_by_step(watcher, part, done, stop)
                    done = stop
                    rows, seconds = (done - first) * self._batch_size, time.perf_counter() - began
                    record = self.record(epoch + 1, rows, seconds)
                    watcher.on_chunk(epoch + 1, done / self.steps_per_epoch, record, self)
        seconds = time.perf_counter() - began
        waiting = None if self.stream is None else (self.stream.waited - waited) / seconds
        self.end_epoch(watcher, seconds, self.bound(), waiting)

    def end_epoch(
        self, watcher: Watcher, seconds: float, bound: Bound | None, waiting: float | None = None
    ) -> None:
        """Note what an epoch of so many seconds came to, and decide how to go on.

        `waiting` is the share of them in which the device waited for rows; None: they are on it.
        """
        self.progress.epoch += 1
        self.progress.seconds += seconds
        record = self.record(self.progress.epoch, self.n, seconds)
        if waiting is not None:
            record["waiting"] = waiting
        self.state = self.state._replace(sums=self._copied(self.program.no_sums()))
        self._judge(watcher, record, bound)

    def _order(self, epoch: int) -> Int[Array, " padded"]:
        return self._order_of(self.order_key, epoch)

    @cached_property
    def rows(self) -> Rows:
        """Where an epoch's rows come from; they are on the device from the first use on."""
        if self.stream is not None:
            return self.stream
        weights = None if self.weights is None else jnp.asarray(_mean_one(self.weights), jnp.float32)
        data = devices.placed(self._mesh, self.x), self._copied(weights)
        return Resident(data, self._order, self.steps_per_epoch)

    def _timed_chunk(self, part: Part, start: int, stop: int) -> bool:
        """Whether these steps were all finite; if not, none of them was taken."""
        began = time.perf_counter()
        rate_scale = jnp.float32(self.progress.rate_scale)
        state, sound = self._chunk(
            self.state,
            part.data,
            part.order,
            self.step_key,
            rate_scale,
            jnp.int32(start - part.start),
            jnp.int32(stop - part.start),
        )
        if sound:
            self.state = state
        self._seconds_per_step = (time.perf_counter() - began) / (stop - start)
        return bool(sound)

    def step_by_step(self, watcher: Watcher, part: Part, start: int, stop: int) -> None:
        """The same steps one by one: those that are not finite change nothing but the counts."""
        for step in range(start, stop):
            if self._timed_chunk(part, step, step + 1):
                continue
            state = self.state
            counts = {"skipped": state.skipped + 1, "failing": state.failing + 1}
            self.state = self._copied(state._replace(step=state.step + 1, **counts))
            if int(self.state.failing) >= FAILURES_IN_A_ROW:
                self._recover(watcher, part)

    def judge_start(self, watcher: Watcher, bound: Bound | None) -> None:
        """Note what the start is worth."""
        self._judge(watcher, {"epoch": 0, "step": 0}, bound)

    def _judge(self, watcher: Watcher, record: dict[str, Any], bound: Bound | None) -> None:
        progress = self.progress
        score = -record.get("loss", np.inf)
        if bound is not None:
            record["validation"] = asdict(bound)
            score = self.parts.objective.of_means(bound.rate, bound.distortion, bound.importance_weighted)
        record["best"] = progress.note(score)
        if record["best"] or self.validation is None:
            self._remember()
        if self.plan.plateau_patience:
            least = self.plan.final_rate / float(self.parts.schedule(jnp.float32(progress.epoch)))
            progress.lower_rate_on_plateau(self.plan.plateau_patience, self.plan.plateau_factor, least)
        if self.validation is not None and progress.stuck_below_start(self.plan.early_stopping):
            self._return_to_start(watcher)
        watcher.on_epoch(record, self)

    def _stopped_early(self) -> bool:
        patience = self.plan.early_stopping
        return bool(patience) and self.validation is not None and self.progress.since_best >= patience

    def record(self, epoch: int, rows: int, seconds: float) -> dict[str, Any]:
        """What the epoch's steps so far came to."""
        sums = jax.tree.map(float, jax.device_get(self.state.sums))
        counted, shown = max(sums.rows, 1.0), self.plan.visit.share_shown
        rate = sums.rate / counted
        # Of all cells, as validation has it, where some are hidden in training.
        distortion = sums.distortion / counted / shown - self._log_jacobian
        step = int(self.state.step)
        return {
            "epoch": epoch,
            "step": step,
            "loss": sums.loss / counted - shown * self._log_jacobian,
            "elbo": -rate - distortion,
            "rate": rate,
            "distortion": distortion,
            "penalties": {name: total / counted for name, total in sums.penalties.items()},
            "learning_rate": self._rate(step - 1),
            "rows_per_second": rows / seconds,
            "seconds": self.progress.seconds,
            "skipped": int(self.state.skipped),
        }

    def _remember(self) -> None:
        # Copied: they may be a part of the arrays of many models.
        self.best = jax.tree.map(np.array, jax.device_get(self.state.params))

    def _recover(self, watcher: Watcher, part: Part) -> None:
        """Go back to the last good weights with a smaller learning rate, or give up and say why."""
        if self.progress.recoveries >= RECOVERIES:
            raise TrainingError(self._why_it_failed(part))
        self.progress.recoveries += 1
        self._go_back()
        watcher.on_trouble(
            f"{FAILURES_IN_A_ROW} steps in a row were not finite: back to the weights of epoch "
            f"{self._remembered_epoch()}, learning rate times {self.progress.rate_scale:g} from here"
        )

    def _return_to_start(self, watcher: Watcher) -> None:
        """Try again from the start, which no epoch has beaten, with a smaller learning rate."""
        self.progress.return_to_start()
        self._go_back()
        watcher.on_trouble(
            f"no epoch up to {self.progress.epoch} was better than the start on the validation rows: back to "
            f"the start, learning rate times {self.progress.rate_scale:g} from here"
        )

    def _go_back(self) -> None:
        """Take the best weights up again, with a smaller learning rate."""
        self.progress.rate_scale *= RECOVERY_FACTOR
        params = jax.tree.map(jnp.asarray, self.best)
        anew = {"optimizer": self.parts.optimizer.init(params), "failing": jnp.zeros((), jnp.int32)}
        self.state = self._copied(self.state._replace(params=params, **anew))

    def _remembered_epoch(self) -> int:
        return self.progress.best_epoch if self.validation is not None else self.progress.epoch

    def _why_it_failed(self, part: Part) -> str:
        step = int(self.state.step) - 1
        slot = step - self.progress.epoch * self.steps_per_epoch - part.start
        size = self._batch_size
        indices = np.asarray(part.order)[slot * size : (slot + 1) * size]
        x = devices.taken(self._mesh, part.data[0], np.maximum(indices, 0))
        rows = jnp.asarray(indices >= 0, jnp.float32)
        key = jax.random.fold_in(self.step_key, step)
        params = devices.here(self._mesh, self.state.params)
        terms, costs = jax.jit(self.program.terms)(params, x, rows, key)
        found = diagnose(terms, costs, x, rows)
        where = f" in {self._named(part.numbers()[indices[list(found.rows)]])}" if found.rows else ""
        return (
            f"training stopped at step {step} (epoch {self.progress.epoch + 1}): {found.term} was not "
            f"finite{where}, and {RECOVERIES} smaller learning rates did not help; likely cause: "
            f"{found.cause}; the weights of epoch {self._remembered_epoch()} are kept; try --learning-rate "
            f"{self._rate(step) * RECOVERY_FACTOR:.1e}"
        )

    def _named(self, indices: np.ndarray) -> str:
        shown = [f"row {i + 1}" + (f" ({self.names[i]})" if self.names else "") for i in indices[:3]]
        return ", ".join(shown) + (f" and {len(indices) - 3} more" if len(indices) > 3 else "")

    def _rate(self, step: int) -> float:
        return float(self.parts.schedule(jnp.float32(step / self.steps_per_epoch))) * self.progress.rate_scale

    def _evaluator(self, mesh: Mesh | None) -> Evaluator:
        return Evaluator(
            self.model,
            samples=self.parts.validation_samples(self.model.likelihood),
            seed=self.plan.seed,
            visit=self.plan.visit.noise,
            log_jacobian=self.plan.log_jacobian,
            mesh=mesh,
        )

    def _mean_log_jacobian(self) -> float:
        plan = self.plan
        if plan.log_jacobian is None:
            return 0.0
        # Elsewhere it is the same for every row, and noise for all of them would cost seconds.
        x = visited(self.x, plan.visit.noise, plan.seed) if plan.jacobian_varies else self.x[:1]
        return float(np.mean(plan.log_jacobian(x)))

    def _copied(self, tree: PyTree) -> PyTree:
        return devices.copied(self._mesh, tree)


def steps_until_next_look(seconds_per_step: float) -> int:
    """How many steps to take before Python looks up again; `seconds_per_step` is 0 before the first.

    >>> steps_until_next_look(0.0), steps_until_next_look(0.01), steps_until_next_look(9.0)
    (1, 50, 1)
    """
    if not seconds_per_step:
        return 1  # compiles, and is the first sign of life
    return max(1, int(SECONDS_BETWEEN_LOOKS / seconds_per_step))


def _mean_one(weights: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Scaled to mean 1 over the rows that have weight."""
    return weights / weights[weights > 0].mean(dtype=np.float64)


def final_bounds(trainer: Trainer, model: VAE) -> tuple[Bound, Bound | None]:
    """The kept model's ELBO on all training rows and on all validation rows, without dropout."""
    held_out = trainer.validation
    train = trainer.evaluator(model, trainer.x, trainer.weights)
    return train, None if held_out is None else trainer.evaluator(model, held_out, trainer.validation_weights)
