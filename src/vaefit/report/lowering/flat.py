"""A traced function as equations one after the other, on numbered values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Array, Float

from vaefit.backend import runs_once

# Where an equation of JAX keeps a program inside it.
INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


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
