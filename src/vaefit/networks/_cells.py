"""How a network is shown the cells of a table's row."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from vaefit.data import Variable
from vaefit.networks._base import Activations, Network

# Shown numbers beyond a few sds are drawn in: one stray value must not drown the others.
_NEAR = 3.0


class ShownCells(Network):
    """A network shown typed cells: standardised numbers, categories and spikes one by one, what is there."""

    network: Network
    variables: tuple[Variable, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*batch in"], key: Key[Array, ""] | None = None) -> Activations:
        """Run the network on what is shown of x (NaN where missing); a key turns dropout on."""
        return self.network(shown(x, ~jnp.isnan(x), self.variables), key)

    def hidden_weights(self) -> tuple[Array, ...]:
        """The network's."""
        return self.network.hidden_weights()

    def output_weights(self) -> tuple[Array, ...]:
        """The network's."""
        return self.network.output_weights()

    def with_output_bias(self, bias: Float[Array, " out"]) -> "ShownCells":
        """The same with this output bias of the network."""
        return ShownCells(self.network.with_output_bias(bias), self.variables)


def shown_width(variables: tuple[Variable, ...]) -> int:
    """How many numbers are shown of a row: those of its cells, and which of them are there."""
    return sum(_size(variable) for variable in variables) + len(variables)


def shown(
    x: Float[Array, "*batch variables"],
    seen: Bool[Array, "*batch variables"],
    variables: tuple[Variable, ...],
) -> Float[Array, "*batch shown"]:
    """What a network is shown of cells; zeros for those that are not seen.

    >>> x = jnp.array([2.0, 1.0])
    >>> shown(x, x < 2, (Variable("real"), Variable("categorical", 3))).tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    """
    return jnp.concatenate([_numbers(x, seen, variables), seen.astype(x.dtype)], axis=-1)


def shown_numbers(
    x: Float[np.ndarray, "rows variables"], variables: tuple[Variable, ...]
) -> Float[np.ndarray, "rows numbers"]:
    """What is shown of cells, without which are there; a number's mean over the rows where it is missing.

    Rows of no typed columns are as they are.
    """
    if not variables:
        return x
    seen = ~np.isnan(x)
    there = np.repeat(seen, [_size(variable) for variable in variables], axis=-1)
    numbers = _numbers(x, seen, variables)
    mean = numbers.sum(axis=0, dtype=np.float64) / np.maximum(there.sum(axis=0), 1)
    return np.where(there, numbers, mean.astype(x.dtype))


def _numbers(x: Any, seen: Any, variables: tuple[Variable, ...]) -> Any:
    # NumPy's arrays, of all rows at once, or JAX's: every number of rows would be a program of its own.
    xp = x.__array_namespace__()
    parts = [
        xp.where(seen[..., i : i + 1], _one(x[..., i : i + 1], variable, xp), 0.0)
        for i, variable in enumerate(variables)
    ]
    return xp.concat(parts, axis=-1)


def _size(variable: Variable) -> int:
    return variable.levels if variable.kind == "categorical" else 1 + len(variable.spikes)


def _one(x: Any, variable: Variable, xp: Any) -> Any:
    if variable.kind == "categorical":
        return (x == np.arange(variable.levels)).astype(x.dtype)
    if variable.kind in ("binary", "ordinal"):
        return 2 * x / max(variable.levels - 1, 1) - 1
    shown = x
    if variable.kind == "positive":
        shown = xp.log(xp.maximum(x, jnp.finfo(x.dtype).tiny))
    elif variable.kind == "count":
        shown = xp.log1p(xp.maximum(x, 0.0))
    elif variable.kind == "proportion":
        shown = xp.log(xp.maximum(x, 1e-4)) - xp.log(xp.maximum(1 - x, 1e-4))
    number = _NEAR * xp.asinh((shown - variable.centre) / variable.spread / _NEAR)
    which = [((x >= start) & (x <= end)).astype(x.dtype) for start, end in variable.spikes]
    return xp.concat([number, *which], axis=-1)
