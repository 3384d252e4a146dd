"""How a fit is shown: a live bar on a terminal, plain lines elsewhere, nothing when quiet."""

import math
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

SECONDS_BETWEEN_LINES = 2.0


def stderr() -> Console:
    """Standard error: progress and notices go there, results to standard output."""
    return Console(stderr=True, highlight=False)


class _TimeLeft(ProgressColumn):
    """The time left, or, once the bar stands still, the time it took."""

    def render(self, task: Task) -> Text:
        if task.fields.get("closed"):
            return Text(f"in {_clock(task.elapsed or 0)}")
        if task.total and task.completed >= task.total:
            return Text("finishing")
        return Text("" if task.time_remaining is None else f"{_clock(task.time_remaining)} left")


class _Bar(Progress):
    """A bar and under it, where it cannot be squeezed, a line of numbers."""

    numbers = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        if self.numbers:
            yield Text(self.numbers, no_wrap=True, overflow="ellipsis")


class Live:
    """A bar that moves, with the numbers of the epoch under it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: _Bar | None = None
        self._task = TaskID(0)
        self._epochs = 0
        self._validation: Mapping[str, float] | None = None

    def notice(self, message: str) -> None:
        """Print above the bar of epochs, and in the place of the bar of files."""
        if not self._epochs:
            self.close()
        self._console.print(f"note: {message}", markup=False, soft_wrap=True)

    def reading(self, done: int, total: int) -> None:
        """Move the bar of files read; it goes away when all are read."""
        if self._bar is None:
            self._open("reading", total or None, transient=True)
        self._update(completed=done, total=total or None, beside=f"{done:,} files")
        if total and done >= total:
            self.close()

    def working(self, what: str, done: int, total: int) -> None:
        """Move the bar of some other work; it goes away when all is done; that of epochs stays."""
        if self._epochs:
            self.close()
            self._epochs = 0
        if self._bar is None:
            self._open(what, total, transient=True)
        self._update(description=what, completed=done, total=total, beside=f"{done:,} of {total:,}")
        if done >= total:
            self.close()

    def started(self, epochs: int) -> None:
        """Begin the bar of epochs."""
        self.close()
        self._epochs = epochs
        self._open("compiling", epochs)

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None:
        """Move the bar by some steps."""
        if self._bar is not None:
            self._bar.numbers = bounds_of(record, self._validation)
            self._update(
                description=f"epoch {epoch}/{self._epochs}",
                completed=epoch - 1 + done,
                beside=speed_of(record),
            )

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """Show the validation ELBO."""
        self._validation = record.get("validation") or self._validation
        if self._bar is not None and "loss" in record:
            self._bar.numbers = bounds_of(record, self._validation)

    def close(self) -> None:
        """Leave the bar of epochs as it is; wipe that of files."""
        if self._bar is not None:
            self._update(closed=True)
            self._bar.stop()
            self._bar = None

    def _open(self, description: str, total: float | None, transient: bool = False) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[beside]}"),
            _TimeLeft(),
        )
        self._bar = _Bar(*columns, console=self._console, transient=transient)
        self._task = self._bar.add_task(description, total=total, beside="", closed=False)
        self._bar.start()

    def _update(self, **changes: Any) -> None:
        if self._bar is not None:
            self._bar.update(self._task, **changes)


class Lines:
    """A line now and then, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said_at: float | None = None
        self._epochs = 0

    def notice(self, message: str) -> None:
        """One line."""
        self._print(f"note: {message}")

    def reading(self, done: int, total: int) -> None:
        """A line if reading takes long."""
        self._say(f"reading: {done} files" + (f" of {total}" if total else ""))

    def working(self, what: str, done: int, total: int) -> None:
        """A line if the work takes long."""
        self._say(f"{what}: {done:,} of {total:,}")

    def started(self, epochs: int) -> None:
        """Remember how many epochs there will be; the first step will be told at once."""
        self._epochs = epochs
        self._print(f"training: up to {epochs} epochs")
        self._said_at = -math.inf

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None:
        """A line if the epoch takes long."""
        if done < 1:
            self._say(f"epoch {epoch}/{self._epochs} ({done:.0%})  {numbers_of(record)}")

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """A line for the epoch, at most one every two seconds."""
        if "loss" in record:
            numbers = numbers_of(record, record.get("validation"))
            self._say(
                f"epoch {record['epoch']}/{self._epochs}  {numbers}", last=record["epoch"] == self._epochs
            )

    def close(self) -> None:
        """Nothing is left open."""

    def _say(self, line: str, last: bool = False) -> None:
        now = time.monotonic()
        if self._said_at is None:
            self._said_at = now
        if last or now - self._said_at >= SECONDS_BETWEEN_LINES:
            self._print(line)
            self._said_at = now

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


class Quiet:
    """Nothing at all."""

    def notice(self, message: str) -> None: ...

    def reading(self, done: int, total: int) -> None: ...

    def working(self, what: str, done: int, total: int) -> None: ...

    def started(self, epochs: int) -> None: ...

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None: ...

    def on_epoch(self, record: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


def choose(quiet: bool) -> Live | Lines | Quiet:
    """The display for this terminal, or log file."""
    if quiet:
        return Quiet()
    return Live(stderr()) if sys.stderr.isatty() else Lines(stderr())


def numbers_of(record: Mapping[str, Any], validation: Mapping[str, float] | None = None) -> str:
    """All numbers of an epoch in one line."""
    return f"{bounds_of(record, validation)}  {speed_of(record)}"


def bounds_of(record: Mapping[str, Any], validation: Mapping[str, float] | None = None) -> str:
    """Loss, ELBO, rate, distortion and validation ELBO."""
    held_out = f"  val elbo {validation['elbo']:.1f}" if validation else ""
    return (
        f"loss {record['loss']:.1f}  elbo {record['elbo']:.1f}  rate {record['rate']:.1f}  "
        f"distortion {record['distortion']:.1f}{held_out}"
    )


def speed_of(record: Mapping[str, Any]) -> str:
    """Learning rate, rows a second, and skipped steps if there were any."""
    skipped = f"  skipped {record['skipped']}" if record["skipped"] else ""
    return f"lr {record['learning_rate']:.0e}  {record['rows_per_second']:,.0f} rows/s{skipped}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
