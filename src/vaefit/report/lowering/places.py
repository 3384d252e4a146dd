"""Operations that only move elements: which element of their arguments each of their results' is."""

import math
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from vaefit.backend import runs_once
from vaefit.report.lowering.flat import Equation, Flat
from vaefit.report.lowering.operations import MOVES, CannotLower


def moved(flat: Flat) -> dict[tuple[int, ...], list[np.ndarray]]:
    """For each moving equation, by its results, which element each of theirs is."""
    moves = [equation for equation in flat.equations if equation.name in MOVES]
    for equation in moves:
        if not all(number in flat.known for number in equation.ins[moving(equation) :]):
            raise CannotLower(f"a page has no operation '{equation.name}' whose places are computed")

    def places() -> list[list[Array]]:
        return [_places(equation, flat) for equation in moves]

    found = jax.device_get(jax.jit(places, **runs_once())()) if moves else []
    return {equation.outs: list(f) for equation, f in zip(moves, found, strict=True)}


def _places(equation: Equation, flat: Flat) -> list[Array]:
    count = moving(equation)
    numbered = list(_numbered([flat.shapes[number] for number in equation.ins[:count]]))
    where = [flat.known[number] for number in equation.ins[count:]]
    found = equation.primitive.bind(*numbered, *where, **equation.params)
    return list(found) if equation.primitive.multiple_results else [found]


def _numbered(shapes: Sequence[tuple[int, ...]]) -> Iterator[Array]:
    first = 0
    for shape in shapes:
        size = math.prod(shape)
        yield jnp.arange(first, first + size, dtype=jnp.int32).reshape(shape)
        first += size


def moving(equation: Equation) -> int:
    """How many of an equation's arguments are moved; the others say where to."""
    # Of padding, the value that is put in.
    return len(equation.ins) if equation.name in ("concatenate", "stack", "pad") else 1


def runs(places: np.ndarray) -> list[list[int]]:
    """Places as stretches of [first, distance, count].

    >>> runs(np.array([3, 4, 5, 0, 0, 9]))
    [[3, 1, 3], [0, 0, 2], [9, 1, 1]]
    """
    found: list[list[int]] = []
    for place in places.tolist():
        if found:
            first, step, count = found[-1]
            if count == 1 or place == first + step * count:
                found[-1] = [first, place - first if count == 1 else step, count + 1]
                continue
        found.append([place, 1, 1])
    return found
