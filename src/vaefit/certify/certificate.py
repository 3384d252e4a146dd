"""One thing that was checked, how far off it was, and how far off it may be."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

HEAD = ("checked", "off by", "tolerance", "unit", "verdict")


@dataclass(frozen=True)
class Certificate:
    """What was checked; the distance from the truth and its tolerance, in words for their unit.

    >>> Certificate("ELBO = log-likelihood", 2e-5, 1e-3, "nats, largest of 100 rows").holds
    True
    """

    name: str
    error: float
    tolerance: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the error is within its tolerance; a NaN is not."""
        return abs(self.error) <= self.tolerance

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {**asdict(self), "holds": self.holds}


def table(found: Sequence[Certificate]) -> str:
    """A line for each certificate, in columns.

    >>> print(table([Certificate("2 = 2", 0.0, 0.001, "nats")]))
    checked  off by  tolerance  unit  verdict
    2 = 2         0      0.001  nats  holds
    """
    lines = [HEAD, *(_cells(one) for one in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(_line(line, widths) for line in lines)


def verdict(found: Sequence[Certificate]) -> str:
    """The last line: all hold, or which do not."""
    failed = [one.name for one in found if not one.holds]
    if not failed:
        return f"all {len(found)} certificates hold"
    return f"FAILED: {len(failed)} of {len(found)} certificates do not hold: {'; '.join(failed)}"


def _cells(one: Certificate) -> tuple[str, ...]:
    return (
        one.name,
        f"{one.error:.2g}",
        f"{one.tolerance:g}",
        one.unit,
        "holds" if one.holds else "FAILS",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (1, 2)
    columns = enumerate(zip(cells, widths, strict=True))
    return "  ".join(c.rjust(w) if column in numbers else c.ljust(w) for column, (c, w) in columns).rstrip()
