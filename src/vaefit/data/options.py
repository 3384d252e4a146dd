"""What a user may ask of a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .tables.column import Schema

# Damaged images are left out, and counted, up to this share of all; more of them are a mistake.
MOST_DAMAGED = 0.1

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """The arguments of `vaefit.data.read`, which explains them."""

    include: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    grayscale: bool = False
    limit: int | None = None
    key: str | None = None
    skip_bad: bool | None = None
    cache: Path | None = None
    missing: bool = False
    labels: str | None = None
    progress: Progress | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    header: bool | None = None
    schema: Schema | None = None
    impute_missing: bool = False

    @property
    def reach(self) -> int | None:
        """How many files may have to be looked at for so many rows; None: all of them."""
        if self.limit is None or self.skip_bad:
            return None
        return self.limit if self.skip_bad is False else self.limit + int(MOST_DAMAGED * self.limit) + 1

    def tick(self, done: int, total: int) -> None:
        """Report progress, where someone wants to know."""
        if self.progress:
            self.progress(done, total)
