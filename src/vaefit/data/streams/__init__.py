"""Rows that do not fit in memory: read block by block, in shuffled order, sampled for choices."""

from .order import Window, window_rows, windows
from .stream import Stream
from .survey import Moments, Whole
from .taking import beyond_memory, take
from .write import write_blocks, write_tables

__all__ = [
    "Moments",
    "Stream",
    "Whole",
    "Window",
    "beyond_memory",
    "take",
    "window_rows",
    "windows",
    "write_blocks",
    "write_tables",
]
