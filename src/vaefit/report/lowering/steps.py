"""Equations as the steps of a page, over flat arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from vaefit.report.lowering.flat import Equation, Flat
from vaefit.report.lowering.operations import (
    ELEMENTWISE,
    MOVES,
    OF_FRACTIONS,
    OF_TRUTH,
    REDUCTIONS,
    SAME,
    CannotLower,
)
from vaefit.report.lowering.places import moved, moving, runs


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of a page: `ins` and `out` are numbers of values, `params` plain numbers."""

    name: str
    out: int
    ins: tuple[int, ...]
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Steps:
    """What a page computes, in order; `constants` and `sizes` by number of value."""

    steps: tuple[Step, ...]
    constants: dict[int, Float[np.ndarray, " _"]]
    sizes: dict[int, int]
    input: int
    outputs: tuple[int, ...]

    @property
    def matrices(self) -> set[int]:
        """The constants that are matrices of products: nearly all of the bytes."""
        return {step.ins[1] for step in self.steps if step.name == "dot"}


def lower(flat: Flat) -> Steps:
    """The steps of a page.

    Raises:
        CannotLower: an operation that pages do not have.
    """
    return _Lowering(flat).steps()


class _Lowering:
    """Equations as steps; the elements of every value lie in one row, the last axis fastest."""

    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.made: list[Step] = []
        self.constants: dict[int, np.ndarray] = {}
        self.sizes: dict[int, int] = {number: math.prod(shape) for number, shape in flat.shapes.items()}
        self.names: dict[int, int] = {}
        self.done: dict[tuple[Any, ...], int] = {}
        self.moved = moved(flat)

    def steps(self) -> Steps:
        for equation in self.flat.equations:
            self._lower(equation)
        outputs = tuple(self._value(number) for number in self.flat.outputs)
        used = {self.flat.input, *outputs, *self.constants}
        used |= {number for step in self.made for number in (step.out, *step.ins)}
        sizes = {number: self.sizes[number] for number in used}
        return Steps(tuple(self.made), self.constants, sizes, self.flat.input, outputs)

    def _lower(self, equation: Equation) -> None:
        name = equation.name
        if name in SAME:
            self.names[equation.outs[0]] = self._value(equation.ins[0])
        elif name in MOVES:
            self._move(equation)
        elif name in REDUCTIONS:
            self._reduce(equation)
        elif name == "dot_general":
            self._product(equation)
        elif name == "convert_element_type":
            self._convert(equation)
        elif name in ("integer_pow", "square", "rsqrt"):
            self._power(equation, {"square": 2.0, "rsqrt": -0.5}.get(name) or float(equation.params["y"]))
        elif name in ELEMENTWISE and len(equation.ins) <= 3 and self._has(equation):
            shape = self.flat.shapes[equation.outs[0]]
            self._add(name, equation.outs[0], [self._spread(number, shape) for number in equation.ins])
        else:
            raise CannotLower(f"a page has no operation '{name}'")

    def _has(self, equation: Equation) -> bool:
        kind = self.flat.dtypes[equation.outs[0]].kind
        return not (
            (equation.name in OF_TRUTH and kind != "b") or (equation.name in OF_FRACTIONS and kind != "f")
        )

    def _value(self, number: int) -> int:
        """The number under which a page has a value; known ones become constants, equal ones the same."""
        number = self.names.get(number, number)
        if number in self.flat.known and number not in self.constants:
            value = np.asarray(self.flat.known[number], np.float32).ravel()
            same = self.done.setdefault(("constant", value.tobytes()), number)
            self.names[number] = same
            self.constants[same] = value
            return same
        return number

    def _spread(self, number: int, shape: tuple[int, ...]) -> int:
        """An argument with as many elements as the result, or one, which stands for all."""
        source = self._value(number)
        if self.sizes[source] in (1, math.prod(shape)):
            return source
        places = np.arange(self.sizes[source]).reshape(self.flat.shapes[number])
        wide = self._new(math.prod(shape))
        self._take(wide, source, np.broadcast_to(places, shape))
        return self._value(wide)

    def _new(self, size: int) -> int:
        number = max(self.sizes) + 1
        self.sizes[number] = size
        return number

    def _add(self, name: str, out: int, ins: Sequence[int], **params: Any) -> int:
        """A step, unless the same was made before: then its result has another name."""
        same = self.done.setdefault((name, *ins, repr(params)), out)
        if same != out:
            self.names[out] = same
        else:
            self.made.append(Step(name, out, tuple(ins), params))
        return same

    def _move(self, equation: Equation) -> None:
        source = [self._value(number) for number in equation.ins[: moving(equation)]]
        if len(source) > 1:
            size = sum(self.sizes[number] for number in source)
            source = [self._add("join", self._new(size), source)]
        for out, places in zip(equation.outs, self.moved[equation.outs], strict=True):
            self._take(out, source[0], places)

    def _take(self, out: int, source: int, places: np.ndarray) -> None:
        places = places.ravel()
        if places.size == self.sizes[source] and (places == np.arange(places.size)).all():
            self.names[out] = source
            return
        if places.size and (places.min() < 0 or places.max() >= self.sizes[source]):
            raise CannotLower("a page cannot take elements that are not there")
        self._add("take", out, [source], runs=runs(places))

    def _reduce(self, equation: Equation) -> None:
        (number,) = equation.ins
        shape = self.flat.shapes[number]
        axes = equation.params.get("axes", (equation.params.get("axis"),))
        axes = tuple(axis % len(shape) for axis in axes)
        if equation.params.get("reverse") or len(equation.ins) > 1:
            raise CannotLower("a page has no sums from the end")
        kept = [axis for axis in range(len(shape)) if axis not in axes]
        source, order = self._value(number), [*kept, *axes]
        if order != list(range(len(shape))):
            if equation.name == "cumsum":
                raise CannotLower("a page has running sums over the last axis only")
            places = np.arange(self.sizes[source]).reshape(shape).transpose(order)
            turned = self._new(places.size)
            self._take(turned, source, places)
            source = self._value(turned)
        inner = math.prod(shape[axis] for axis in axes)
        self._add(REDUCTIONS[equation.name], equation.outs[0], [source], inner=inner)

    def _product(self, equation: Equation) -> None:
        """A computed array times a known matrix."""
        (contracted, batched) = equation.params["dimension_numbers"]
        known = [number in self.flat.known for number in equation.ins]
        if any(map(len, batched)) or any(len(axes) != 1 for axes in contracted) or sum(known) != 1:
            raise CannotLower("a page multiplies by the run's own matrices only")
        at = int(known[0])  # which of the two is computed
        number, matrix = equation.ins[at], np.asarray(self.flat.known[equation.ins[1 - at]])
        shape, axis = self.flat.shapes[number], contracted[at][0]
        matrix = np.moveaxis(matrix, contracted[1 - at][0], 0).reshape(shape[axis], -1)
        rows = math.prod(shape) // shape[axis]
        if rows > 1 and (axis != len(shape) - 1 or (at == 1 and matrix.shape[1] > 1)):
            raise CannotLower("a page multiplies over the last axis only")
        weight = self._new(matrix.size)
        self.constants[weight] = matrix.astype(np.float32).ravel()
        self._add("dot", equation.outs[0], [self._value(number), weight], inner=shape[axis])

    def _convert(self, equation: Equation) -> None:
        (number,), (out,) = equation.ins, equation.outs
        new, old = (self.flat.dtypes[n].kind for n in (out, number))
        if new == "b" and old != "b":
            zero = self._constant(0.0)
            self._add("ne", out, [self._value(number), zero])
        elif new in "iu" and old == "f":
            self._add("trunc", out, [self._value(number)])
        else:
            self.names[out] = self._value(number)

    def _power(self, equation: Equation, exponent: float) -> None:
        source = self._value(equation.ins[0])
        if exponent == 2.0:
            self._add("mul", equation.outs[0], [source, source])
        else:
            self._add("pow", equation.outs[0], [source, self._constant(exponent)])

    def _constant(self, value: float) -> int:
        number = self._new(1)
        self.constants[number] = np.full(1, value, np.float32)
        return number
