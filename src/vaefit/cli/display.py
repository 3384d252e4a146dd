"""How a fit is shown: a live bar on a terminal, plain lines elsewhere, nothing when quiet."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 2.0


def stderr() -> Console:
    """Standard error: progress and notices go there, results to standard output."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


class Live:
    """A bar that moves, with the numbers of the epoch beside it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None
        self._validation = ""

    def notice(self, message: str) -> None:
        """Print above the bar."""
        self._progress.console.print(f"note: {message}", markup=False)

    def reading(self, done: int, total: int) -> None:
        """Move the bar of files read."""
        if self._task is None:
            self._task = self._start("reading", total or None)
        self._progress.update(self._task, completed=done, total=total or None, numbers=f"{done} files")
        if total and done >= total:
            self.close()

    def started(self, epochs: int) -> None:
        """Begin the bar of epochs."""
        self.close()
        self._task = self._start("compiling", epochs)

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None:
        """Move the bar by some steps."""
        if self._task is not None:
            numbers = numbers_of(record) + self._validation
            self._progress.update(
                self._task, description=f"epoch {epoch}", completed=epoch - 1 + done, numbers=numbers
            )

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """Remember the validation ELBO for the line."""
        if record.get("validation"):
            self._validation = f"  val {record['validation']['elbo']:.1f}"

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._task is not None:
            self._progress.stop()
            self._progress.remove_task(self._task)
            self._task = None

    def _start(self, description: str, total: float | None) -> TaskID:
        self._progress.start()
        return self._progress.add_task(description, total=total, numbers="")


class Lines:
    """A line now and then, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said_at = time.monotonic()
        self._epochs = 0

    def notice(self, message: str) -> None:
        """One line."""
        self._console.print(f"note: {message}", markup=False)

    def reading(self, done: int, total: int) -> None:
        """A line if reading takes long."""
        self._say(f"reading: {done} files" + (f" of {total}" if total else ""))

    def started(self, epochs: int) -> None:
        """Remember how many epochs there will be."""
        self._epochs = epochs
        self._console.print(f"training: up to {epochs} epochs", markup=False)

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None:
        """A line if the epoch takes long."""
        if done < 1:
            self._say(f"epoch {epoch - 1 + done:.2f}/{self._epochs}  {numbers_of(record)}")

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """A line for the epoch, at most one every two seconds."""
        if "elbo" not in record:
            return
        validation = record.get("validation")
        held_out = f"  val {validation['elbo']:.1f}" if validation else ""
        self._say(
            f"epoch {record['epoch']}/{self._epochs}  {numbers_of(record)}{held_out}",
            last=record["epoch"] == self._epochs,
        )

    def close(self) -> None:
        """Nothing is left open."""

    def _say(self, line: str, last: bool = False) -> None:
        if last or time.monotonic() - self._said_at >= SECONDS_BETWEEN_LINES:
            self._console.print(line, markup=False)
            self._said_at = time.monotonic()


class Quiet:
    """Nothing at all."""

    def notice(self, message: str) -> None: ...

    def reading(self, done: int, total: int) -> None: ...

    def started(self, epochs: int) -> None: ...

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None: ...

    def on_epoch(self, record: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


def choose(quiet: bool) -> Live | Lines | Quiet:
    """The display for this terminal, or log file."""
    if quiet:
        return Quiet()
    return Live(stderr()) if sys.stderr.isatty() else Lines(stderr())


def numbers_of(record: Mapping[str, Any]) -> str:
    """Loss, ELBO, rate, distortion, learning rate and speed in one line."""
    skipped = f"  skipped {record['skipped']}" if record["skipped"] else ""
    return (
        f"loss {record['loss']:.1f}  elbo {record['elbo']:.1f}  rate {record['rate']:.1f}  "
        f"dist {record['distortion']:.1f}  lr {record['learning_rate']:.1e}  "
        f"{record['rows_per_second']:.0f} rows/s{skipped}"
    )
