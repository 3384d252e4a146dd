"""What a fit, or other long work, tells while it goes on, to whoever shows it."""

import sys
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Display(Protocol):
    """Whoever shows how a fit goes on."""

    def notice(self, message: str) -> None:
        """Something the person should know."""

    def reading(self, done: int, total: int) -> None:
        """Files read so far; total is 0 while unknown."""

    def working(self, what: str, done: int, total: int) -> None:
        """Some pieces of a long piece of work are done."""

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

    def working(self, what: str, done: int, total: int) -> None: ...

    def started(self, epochs: int) -> None: ...

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None: ...

    def on_epoch(self, record: Mapping[str, Any]) -> None: ...


class Notices(Silent):
    """Passes notices on to another display, and nothing else."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def notice(self, message: str) -> None:
        self._display.notice(message)


class Lines(Silent):
    """Plain lines on standard error: every notice, and every `every`-th epoch."""

    def __init__(self, every: int = 1) -> None:
        self._every = max(1, int(every))

    def notice(self, message: str) -> None:
        self._say(message)

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        if record["epoch"] % self._every:
            return
        bounds = {"elbo": record, "validation elbo": record.get("validation", {})}
        numbers = ", ".join(f"{name} {b['elbo']:.3f}" for name, b in bounds.items() if "elbo" in b)
        self._say(f"epoch {record['epoch']}: {numbers}")

    def _say(self, line: str) -> None:
        print(f"vaefit: {line}", file=sys.stderr)
