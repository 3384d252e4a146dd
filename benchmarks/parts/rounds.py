"""Sides that take turns: ours in this process, peers in processes of their own, told when to run."""

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.results import Line, made, say

HERE = Path(__file__).parents[1]
PYTHON = HERE / ".venv" / "bin" / "python"

# One round of a side: what it does a second (steps, rows, ...), or how long it takes.
Round = Callable[[], float]


@dataclass(frozen=True)
class Comparison:
    """Ours beside another's, round by round, in one unit; `aim` is for the ratio, ours the better above 1."""

    what: str
    other: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    aim: float
    more_is_better: bool = True
    at_most: bool = False

    @property
    def ratios(self) -> list[float]:
        """How many times better ours is than the other's in each round; `at_most`: how many times worse."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return [a / b if self.more_is_better != self.at_most else b / a for a, b in pairs]

    @property
    def ratio(self) -> float:
        """Its median."""
        return statistics.median(self.ratios)

    @property
    def reached(self) -> bool:
        """Whether the aim is."""
        return self.ratio <= self.aim if self.at_most else self.ratio >= self.aim

    def line(self) -> Line:
        """As a line of the table."""
        return {
            "what": self.what,
            "beside": self.other,
            "unit": self.unit,
            "vaefit": _short(statistics.median(self.ours)),
            "other": _short(statistics.median(self.theirs)),
            "ratio": f"**{self.ratio:.2f}** ({min(self.ratios):.2f} to {max(self.ratios):.2f})",
            "aim": f"{'at most' if self.at_most else 'at least'} {self.aim:g}"
            + (" ✓" if self.reached else ""),
            "rounds": str(len(self.ours)),
            **made(),
        }


class Peer(AbstractContextManager["Peer"]):
    """A script of `benchmarks/peers`, started and waiting."""

    def __init__(self, script: str, *arguments: object) -> None:
        """Start it; it says what it is when it is ready."""
        command = [PYTHON, HERE / "peers" / script, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.version = self._answer()["version"]

    def seconds(self, steps: int) -> float:
        """How long it takes for so many steps, epochs or rows, warmed up just before."""
        assert self._process.stdin is not None
        print(steps, file=self._process.stdin, flush=True)
        return self._answer()["seconds"]

    def __exit__(self, *_: object) -> None:
        """Let it end."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return json.loads(line)
        raise RuntimeError(f"{self._process.args} ended: {self._process.communicate()[1][-2000:]}")


def seconds(run: Callable[[int], object], steps: int) -> float:
    """How long our side takes, warmed up just before as peers are."""
    run(max(1, steps // 5))
    began = time.perf_counter()
    run(steps)
    return time.perf_counter() - began


def take_turns(sides: Mapping[str, Round], rounds: int) -> dict[str, list[float]]:
    """What each side found in each round; in every round each side has its turn."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
        say(f"round {number + 1} of {rounds}: " + ", ".join(f"{n} {_short(f[-1])}" for n, f in found.items()))
    return found


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"
