"""Rows through a compiled program in blocks of one size: one trace for any number of rows."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

BLOCK = 256

# Called with how much is done and how much there is, in any unit.
Progress = Callable[[int, int], None]


def unseen(done: int, total: int) -> None:
    """A progress that nobody looks at."""


def blocks(*arrays: np.ndarray, size: int = BLOCK) -> Iterator[tuple[slice, list[Array]]]:
    """Where each block's rows are, and the block of every array, padded to `size` with its last row.

    >>> [(rows, block.tolist()) for rows, (block,) in blocks(np.arange(3), size=2)]
    [(slice(0, 2, None), [0, 1]), (slice(2, 3, None), [2, 2])]
    """
    for start in range(0, len(arrays[0]), size):
        rows = slice(start, min(start + size, len(arrays[0])))
        yield rows, [_padded(array[rows], size) for array in arrays]


def mapped(program: Callable[..., Any], *arrays: np.ndarray, size: int = BLOCK) -> np.ndarray:
    """What `program` makes of every row of the arrays, each row exactly once."""
    found = [
        np.asarray(program(*parts))[: rows.stop - rows.start] for rows, parts in blocks(*arrays, size=size)
    ]
    return np.concatenate(found)


def _padded(part: np.ndarray, size: int) -> Array:
    return jnp.asarray(np.pad(part, ((0, size - len(part)), *((0, 0),) * (part.ndim - 1)), mode="edge"))
