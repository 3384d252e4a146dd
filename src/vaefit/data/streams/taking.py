"""When rows are read block by block, and which of them are held out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import DataError, SettingsError
from ..split import blocks
from .memory import available
from .stream import Stream
from .survey import FEWEST_ROWS, Surveyed, survey

# Rows are read block by block where they would take more than this share of the memory that is free.
SHARE = 0.5
# Validation rows stay in memory: so many numbers, or so many rows, at most.
HELD_OUT_CELLS = 1 << 20


def exceeds_memory(stream: Stream) -> bool:
    """Whether its rows had better not be in memory all at once."""
    return stream.bytes_in_memory > SHARE * available()


def take(
    stream: Stream,
    share: float | None,
    by: str,
    seed: int,
    *,
    most: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Surveyed:
    """A look at all rows, a `share` of them (but no more than fit) held out in blocks; None: no row.

    `most` is that of `survey`.

    Raises: DataError, SettingsError.
    """
    if by != "block" and share:
        raise SettingsError(
            f"rows that are read block by block are held out by block, found validation_by {by}; leave it "
            "out, or give validation rows as a path"
        )
    stream = stream.prepared(progress)
    held_out = np.empty((0, 2), int)
    if share:
        if stream.n < 2:
            raise DataError(f"{stream.path}: expected at least 2 rows to keep some for validation, found 1")
        room = max(HELD_OUT_CELLS // stream.dim, FEWEST_ROWS)
        wanted = min(max(1, round(share * stream.n)), stream.n - 1, room)
        held_out = blocks(stream.n, wanted, np.random.default_rng(seed))
    return survey(stream, held_out, seed=seed, most=most, progress=progress)
