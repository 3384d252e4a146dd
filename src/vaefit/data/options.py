"""What a user may ask of a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .tables.column import Schema

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """The arguments of `vaefit.data.read`, which explains them."""

    include: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    grayscale: bool = False
    limit: int | None = None
    key: str | None = None
    skip_bad: bool = False
    missing: bool = False
    labels: str | None = None
    progress: Progress | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    header: bool | None = None
    schema: Schema | None = None
    impute_missing: bool = False

    def tick(self, done: int, total: int) -> None:
        """Report progress, where someone wants to know."""
        if self.progress:
            self.progress(done, total)
