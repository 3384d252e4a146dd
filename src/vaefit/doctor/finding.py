"""What a check found."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from vaefit.doctor.evidence import Evidence

Severity = Literal["serious", "warning", "information"]
# What a check looks at: the history and weights alone, rows too, or training rows beside held-out ones.
Needs = Literal["history", "rows", "both"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing: in words, in numbers, and what to do about it."""

    name: str
    severity: Severity
    words: str
    setting: str
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """One line: what, with the number that shows it, and the setting that helps."""
        return f"{self.severity}: {self.words}; {self.setting}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        numbers = {name: float(value) for name, value in self.numbers.items()}
        finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        return {**asdict(self), "numbers": finite, "line": self.line}


class Check(NamedTuple):
    """One thing to look for; `look` returns what it found, or nothing.

    A slow one compiles a program of its own, and is not made at the end of every fit; one of
    `numbers` means something only where every variable is a plain number.
    """

    name: str
    needs: Needs
    look: Callable[[Evidence], Finding | None]
    slow: bool = False
    numbers: bool = False
