"""The run folder while training goes on: history, kept weights, checkpoints, and taking a run up again."""

import dataclasses
import hashlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vaefit import processes
from vaefit.display import Display
from vaefit.errors import DataError, Interrupted, LostError, RunError, TrainingError
from vaefit.folder import (
    CHECKPOINT,
    HISTORY,
    PROGRESS,
    README,
    REFERENCE,
    REPORT,
    SETTINGS,
    TRANSFORM,
    WEIGHTS,
    append_line,
    how_to_go_on,
    read_history,
    read_json,
    write_atomically,
)
from vaefit.progress import Progress
from vaefit.run import Run
from vaefit.storage import load_tree, save_tree
from vaefit.train import Trainer

SECONDS_OF_ONE_SIGNAL = 1.0


class Journal:
    """Writes a run folder as epochs end, and passes everything on to the display.

    Of several processes the first writes; the others keep the same history in memory.
    A checkpoint is one new file of arrays, then one atomic change of `progress.json`, which names it: a
    crash between any two of these steps leaves the previous checkpoint whole.
    """

    def __init__(self, fitted: Run, display: Display) -> None:
        self.fitted, self.display = fitted, display
        self.history: list[dict[str, Any]] = []
        self._signal, self._signalled_at = 0, -np.inf
        self._saved_at = time.monotonic()
        self._fingerprint = ""

    def begin(self, folder: Path) -> None:
        """Start a new run folder; an earlier run's files there are removed.

        Raises:
            RunError: the folder cannot be written.
        """
        if not processes.is_first():
            self.fitted.folder = folder
            return
        try:
            _clear(folder)
        except OSError as problem:
            raise RunError(f"cannot write to {folder}: {problem.strerror}; choose another --out") from None
        self.fitted.save(folder)

    def take_up(self, trainer: Trainer) -> None:
        """Put a trainer where the folder's checkpoint left it, and the history with it.

        Raises:
            RunError: the checkpoint is damaged, or the data have changed since.
        """
        folder = self._folder
        if not (folder / PROGRESS).exists():
            # Killed before its first checkpoint: the run begins again.
            self._write_history()
            return
        saved = read_json(folder / PROGRESS)
        if saved.get("data") != self._data(trainer):
            raise RunError(
                f"{folder} was fitted to other data than {self.fitted.source['path']} holds now; restore the "
                "data, or start a new run"
            )
        like = {"state": trainer.state, "best": trainer.best}
        arrays = load_tree(folder / CHECKPOINT / Path(str(saved.get("arrays"))).name, like)
        trainer.state = jax.tree.map(jnp.asarray, arrays["state"])
        trainer.best = arrays["best"]
        trainer.progress = _progress(saved, folder)
        self.history = read_history(folder)[: saved["history"]]
        self._write_history()

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any], trainer: Trainer) -> None:
        """Show it, and stop here if a signal asked for it."""
        self.display.on_chunk(epoch, done, record)
        if done < 1:
            self._stop_if_asked(trainer)

    def on_epoch(self, record: Mapping[str, Any], trainer: Trainer) -> None:
        """Note the epoch, and save now and then."""
        self.history.append(dict(record))
        if self._writes:
            append_line(self._folder / HISTORY, json.dumps(record))
            if time.monotonic() - self._saved_at >= self.fitted.settings.checkpoint_seconds:
                self.save(trainer)
        self.display.on_epoch(record)
        self._stop_if_asked(trainer)

    def on_trouble(self, message: str) -> None:
        """Tell it."""
        self.display.notice(message)

    def save(self, trainer: Trainer) -> None:
        """Write the kept weights and a checkpoint."""
        self.fitted.model = trainer.kept()
        self.fitted.save_weights()
        step = int(trainer.state.step)
        name = f"state-{step}-{trainer.progress.epoch}.safetensors"
        save_tree(self._folder / CHECKPOINT / name, {"state": trainer.state, "best": trainer.best})
        progress = {
            "arrays": name,
            "progress": dataclasses.asdict(trainer.progress),
            "history": len(self.history),
            "data": self._data(trainer),
        }
        write_atomically(self._folder / PROGRESS, json.dumps(progress, indent=1) + "\n")
        for old in (self._folder / CHECKPOINT).glob("state-*.safetensors"):
            if old.name != name:
                old.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    @contextmanager
    def stopping_on_signals(self) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM end the run, saved, after the steps under way; a second one at once."""
        if self.fitted.folder is None:
            yield
            return
        with heeding_signals(self._on_signal):
            yield

    @contextmanager
    def saving_what_was_good(self, trainer: Trainer) -> Iterator[None]:
        """Where training cannot go on: a checkpoint of its last good step.

        Raises:
            LostError: another process is gone.
        """
        try:
            yield
        except TrainingError:
            self._save_if_writing(trainer)
            raise
        except DataError as problem:
            if not self._writes:
                raise
            self.save(trainer)
            raise type(problem)(
                f"{problem}; all is saved; then go on with: vaefit fit --resume {self._folder}"
            ) from problem
        except (RuntimeError, ValueError) as problem:
            if not processes.is_loss(problem):
                raise
            self._save_if_writing(trainer)
            raise LostError(
                f"process {processes.number()} of {processes.count()}: another process was lost in epoch "
                f"{min(trainer.progress.epoch + 1, trainer.plan.epochs)} of {trainer.plan.epochs}; "
                + how_to_go_on(self.fitted.folder)
            ) from None

    @property
    def _writes(self) -> bool:
        return self.fitted.folder is not None and processes.is_first()

    @property
    def _folder(self) -> Path:
        assert self.fitted.folder is not None
        return self.fitted.folder

    def _data(self, trainer: Trainer) -> str:
        # The rows do not change while training goes on: hashed once, not at every checkpoint.
        self._fingerprint = self._fingerprint or fingerprint(trainer)
        return self._fingerprint

    def _on_signal(self, number: int, _frame: object) -> None:
        now = time.monotonic()
        # A launcher's signal may come twice: to the process, and through its parent.
        if self._signal and now - self._signalled_at > SECONDS_OF_ONE_SIGNAL:
            raise KeyboardInterrupt
        if not self._signal:
            self._signal, self._signalled_at = number, now

    def _stop_if_asked(self, trainer: Trainer) -> None:
        # All processes stop at the same step, whichever was asked.
        asked = processes.greatest(self._signal)
        if not asked:
            return
        self._save_if_writing(trainer)
        raise Interrupted(
            f"stopped in epoch {min(trainer.progress.epoch + 1, trainer.plan.epochs)} of "
            f"{trainer.plan.epochs}; all is saved; go on with: vaefit fit --resume {self._folder}",
            exit_code=128 + asked,
            shared=True,
        )

    def _save_if_writing(self, trainer: Trainer) -> None:
        if self._writes:
            self.save(trainer)

    def _write_history(self) -> None:
        if self._writes:
            write_atomically(self._folder / HISTORY, "".join(json.dumps(r) + "\n" for r in self.history))


@contextmanager
def heeding_signals(heed: Callable[[int, object], None]) -> Iterator[None]:
    """Let a function hear of Ctrl-C and SIGTERM, where this thread is the one that may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.signal(s, heed) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _progress(saved: dict[str, Any], folder: Path) -> Progress:
    try:
        return Progress(**saved["progress"])
    except (KeyError, TypeError) as problem:
        raise RunError(f"{folder / PROGRESS} is damaged: {problem}; start a new run") from None


def fingerprint(trainer: Trainer) -> str:
    """A short hash of the training and validation rows as the network sees them, and of their weights.

    Of a stream, of how many rows there are, the sample of them, and the validation rows.
    """
    digest = hashlib.sha256(b"" if trainer.stream is None else b"%d" % trainer.n)
    for x in (trainer.x, trainer.validation, trainer.weights, trainer.validation_weights):
        if x is not None:
            digest.update(repr(x.shape).encode())
            digest.update(np.ascontiguousarray(x).data)
    return digest.hexdigest()[:32]


def _clear(folder: Path) -> None:
    """Remove what an earlier run left; other files stay."""
    names = (SETTINGS, WEIGHTS, TRANSFORM, HISTORY, PROGRESS, README, REPORT, REFERENCE)
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for old in (folder / CHECKPOINT).glob("state-*.safetensors"):
        old.unlink(missing_ok=True)
