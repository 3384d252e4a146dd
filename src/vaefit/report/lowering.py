"""A JAX function of one vector as steps over flat arrays, which the JavaScript of a page can run.

The function is traced, so that what a page computes is what the model computes, whatever parts it is made
of: a new network or likelihood needs nothing here. Where a part uses an operation that `assets/decoder.js`
does not have, lowering is declined; nothing is approximated silently.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Array, Float

from vaefit.backend import runs_once
from vaefit.errors import VaefitError

# JAX's operations that a page has under the same name, element by element.
ELEMENTWISE = frozenset(
    [
        "abs",
        "add",
        "and",
        "clamp",
        "cos",
        "div",
        "eq",
        "exp",
        "expm1",
        "floor",
        "ge",
        "gt",
        "is_finite",
        "le",
        "log",
        "log1p",
        "logistic",
        "lt",
        "max",
        "min",
        "mul",
        "ne",
        "neg",
        "not",
        "or",
        "pow",
        "round",
        "select_n",
        "sign",
        "sin",
        "sqrt",
        "sub",
        "tanh",
        "xor",
    ]
)
# Those that only move elements: which goes where is found by letting them move the elements' numbers.
MOVES = frozenset(
    [
        "broadcast_in_dim",
        "concatenate",
        "expand_dims",
        "gather",
        "pad",
        "reshape",
        "rev",
        "slice",
        "split",
        "squeeze",
        "stack",
        "tile",
        "transpose",
        "unstack",
    ]
)
# Of these a page has the one for truth values, the one for fractions.
OF_TRUTH, OF_FRACTIONS = frozenset(("and", "not", "or", "xor")), frozenset(("div", "pow"))
# Over the last axis.
REDUCTIONS = {
    "reduce_sum": "sum",
    "reduce_max": "largest",
    "reduce_min": "least",
    "argmax": "argmax",
    "cumsum": "cumsum",
}
# The same value under another name.
SAME = frozenset(["copy", "copy_p", "stop_gradient", "device_put"])
INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


class CannotLower(VaefitError):
    """A function uses an operation that a page does not have."""


class Equation(NamedTuple):
    """One operation of JAX on numbered values."""

    primitive: Any
    params: dict[str, Any]
    ins: tuple[int, ...]
    outs: tuple[int, ...]

    @property
    def name(self) -> str:
        """What JAX calls it."""
        return self.primitive.name


@dataclass(frozen=True, eq=False)
class Flat:
    """A function's equations one after the other, without those that its results do not need.

    `known` holds the values that do not depend on the input, by number; `shapes` and `dtypes` are those of
    all values.
    """

    equations: tuple[Equation, ...]
    known: dict[int, Any]
    shapes: dict[int, tuple[int, ...]]
    dtypes: dict[int, np.dtype]
    input: int
    outputs: tuple[int, ...]

    def run(
        self, z: Float[Array, " latent"], known: dict[int, Any] | None = None
    ) -> tuple[Float[Array, "..."], ...]:
        """The function itself, with its own known values or others in their place."""
        values = {**(self.known if known is None else known), self.input: z}
        _evaluate(self.equations, values)
        return tuple(jnp.asarray(values[number]) for number in self.outputs)


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


def flatten(function: Callable[[Array], Sequence[Array]], size: int) -> Flat:
    """A function of a vector of this size, traced; what does not depend on the vector is computed.

    >>> flat = flatten(lambda z: (jnp.tanh(z) * jnp.exp(2.0 * jnp.ones(3)),), 3)
    >>> [equation.name for equation in flat.equations]
    ['tanh', 'mul']
    """
    closed = jax.make_jaxpr(function)(jnp.zeros(size, jnp.float32))
    flow = _Flow()
    (source,) = (flow.number(variable) for variable in closed.jaxpr.invars)
    outputs = flow.follow(closed, [source])
    equations = _needed(flow.equations, outputs)
    fixed, rest = _divided(equations, {source})
    known = _folded(fixed, flow.known, rest, outputs)
    return Flat(tuple(rest), known, flow.shapes, flow.dtypes, source, tuple(outputs))


def lower(flat: Flat) -> Steps:
    """The steps of a page.

    Raises:
        CannotLower: an operation that pages do not have.
    """
    return _Lowering(flat).steps()


class _Flow:
    """Follows a traced program through the programs inside it, and numbers its values."""

    def __init__(self) -> None:
        self.equations: list[Equation] = []
        self.known: dict[int, Any] = {}
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.dtypes: dict[int, np.dtype] = {}

    def number(self, variable: Any) -> int:
        new = len(self.shapes)
        self.shapes[new] = tuple(variable.aval.shape)
        self.dtypes[new] = np.dtype(variable.aval.dtype)
        return new

    def follow(self, closed: Any, arguments: Sequence[int]) -> list[int]:
        """The numbers of a program's results, its arguments having these numbers."""
        numbers: dict[Any, int] = dict(zip(closed.jaxpr.invars, arguments, strict=True))
        for variable, value in zip(closed.jaxpr.constvars, closed.consts, strict=True):
            numbers[variable] = self._know(variable, value)
        for equation in closed.jaxpr.eqns:
            ins = [self._read(numbers, variable) for variable in equation.invars]
            outs = self._equation(equation, ins)
            numbers.update(zip(equation.outvars, outs, strict=True))
        return [self._read(numbers, variable) for variable in closed.jaxpr.outvars]

    def _equation(self, equation: Any, ins: list[int]) -> list[int]:
        inner = next((equation.params[name] for name in INNER if name in equation.params), None)
        if isinstance(inner, core.ClosedJaxpr) and len(inner.jaxpr.invars) == len(ins):
            return self.follow(inner, ins)
        outs = [self.number(variable) for variable in equation.outvars]
        self.equations.append(Equation(equation.primitive, equation.params, tuple(ins), tuple(outs)))
        return outs

    def _read(self, numbers: dict[Any, int], variable: Any) -> int:
        return self._know(variable, variable.val) if isinstance(variable, core.Literal) else numbers[variable]

    def _know(self, variable: Any, value: Any) -> int:
        new = self.number(variable)
        self.known[new] = value
        return new


def _needed(equations: Sequence[Equation], outputs: Sequence[int]) -> list[Equation]:
    wanted, kept = set(outputs), []
    for equation in reversed(equations):
        if wanted.intersection(equation.outs):
            kept.append(equation)
            wanted.update(equation.ins)
    return kept[::-1]


def _divided(equations: Sequence[Equation], free: set[int]) -> tuple[list[Equation], list[Equation]]:
    """Those that depend on none of the free values, and those that do."""
    fixed, rest = [], []
    for equation in equations:
        if free.intersection(equation.ins):
            free.update(equation.outs)
            rest.append(equation)
        else:
            fixed.append(equation)
    return fixed, rest


def _folded(
    fixed: Sequence[Equation], known: dict[int, Any], rest: Sequence[Equation], outputs: Sequence[int]
) -> dict[int, Any]:
    """The known values that the rest of the program reads."""
    read = {number for equation in rest for number in equation.ins} | set(outputs)
    made = [number for equation in fixed for number in equation.outs if number in read]

    def compute(given: dict[int, Any]) -> list[Any]:
        values = dict(given)
        _evaluate(fixed, values)
        return [values[number] for number in made]

    # At once: operations one by one would be compiled one by one.
    found = jax.device_get(jax.jit(compute, **runs_once())(known)) if made else []
    return {number: known[number] for number in read if number in known} | dict(zip(made, found, strict=True))


def _evaluate(equations: Sequence[Equation], values: dict[int, Any]) -> None:
    for equation in equations:
        found = equation.primitive.bind(*(values[number] for number in equation.ins), **equation.params)
        many = equation.primitive.multiple_results
        values.update(zip(equation.outs, found if many else [found], strict=True))


class _Lowering:
    """Equations as steps; the elements of every value lie in one row, the last axis fastest."""

    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.made: list[Step] = []
        self.constants: dict[int, np.ndarray] = {}
        self.sizes: dict[int, int] = {number: math.prod(shape) for number, shape in flat.shapes.items()}
        self.names: dict[int, int] = {}
        self.done: dict[tuple[Any, ...], int] = {}
        self.moved = _moved(flat)

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
        source = [self._value(number) for number in equation.ins[: _moving(equation)]]
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


def _moving(equation: Equation) -> int:
    """How many of an equation's arguments are moved; the others say where to."""
    # Of padding, the value that is put in.
    return len(equation.ins) if equation.name in ("concatenate", "stack", "pad") else 1


def _moved(flat: Flat) -> dict[tuple[int, ...], list[np.ndarray]]:
    """For each moving equation, by its results, which element each of theirs is."""
    moves = [equation for equation in flat.equations if equation.name in MOVES]
    for equation in moves:
        if not all(number in flat.known for number in equation.ins[_moving(equation) :]):
            raise CannotLower(f"a page has no operation '{equation.name}' whose places are computed")

    def places() -> list[list[Array]]:
        return [_places(equation, flat) for equation in moves]

    found = jax.device_get(jax.jit(places, **runs_once())()) if moves else []
    return {equation.outs: list(f) for equation, f in zip(moves, found, strict=True)}


def _places(equation: Equation, flat: Flat) -> list[Array]:
    moving = _moving(equation)
    numbered = list(_numbered([flat.shapes[number] for number in equation.ins[:moving]]))
    where = [flat.known[number] for number in equation.ins[moving:]]
    found = equation.primitive.bind(*numbered, *where, **equation.params)
    return list(found) if equation.primitive.multiple_results else [found]


def _numbered(shapes: Sequence[tuple[int, ...]]) -> Iterator[Array]:
    first = 0
    for shape in shapes:
        size = math.prod(shape)
        yield jnp.arange(first, first + size, dtype=jnp.int32).reshape(shape)
        first += size
