"""Rows that do not fit in memory: read block by block, in shuffled order, sampled for choices."""

from .order import Window, neighbours, window_rows, windows
from .stream import Stream, stacked
from .survey import Moments, Whole
from .taking import exceeds_memory, take
from .write import write_blocks, write_tables
from .write_array import write_array

__all__ = [
    "Moments",
    "Stream",
    "Whole",
    "Window",
    "exceeds_memory",
    "neighbours",
    "stacked",
    "take",
    "window_rows",
    "windows",
    "write_array",
    "write_blocks",
    "write_tables",
]
