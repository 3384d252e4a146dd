"""Layers one after the other: what fully connected networks have in common."""

import dataclasses
from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, UInt16

from vaefit.devices import is_spreading
from vaefit.hashing import random_bits
from vaefit.networks._base import Activations, Network
from vaefit.networks._product import product


class Layered(Network):
    """Hidden layers with dropout, and a linear output; a network says what a hidden unit is."""

    # How many linear functions of the layer below one hidden unit needs.
    inputs_a_unit: ClassVar[int] = 1

    keep_prob: eqx.AbstractVar[float]
    init_sd: eqx.AbstractVar[float | None]
    init_mean: eqx.AbstractVar[float]
    bias_sd: eqx.AbstractVar[float]
    bias_mean: eqx.AbstractVar[float]
    weights: eqx.AbstractVar[tuple[Float[Array, "..."], ...]]
    biases: eqx.AbstractVar[tuple[Float[Array, " _"] | None, ...]]

    @abstractmethod
    def unit(self, linear: Float[Array, "*batch inputs"]) -> Float[Array, "*batch units"]:
        """The hidden units from their linear functions: first ones of all units, then second ones."""

    @classmethod
    def build(
        cls,
        sizes: tuple[int, ...],
        *,
        bias: bool,
        key: Key[Array, ""],
        reads: tuple[int, ...] | None = None,  # noqa: ARG003
        writes: tuple[int, ...] | None = None,  # noqa: ARG003
        **options: Any,
    ) -> "Layered":
        """A network with layers of these sizes, input and output included.

        `reads` or `writes` is the shape of the rows at one end, for networks that go by it.
        """
        return cls(**options)._drawn(sizes, bias, key)

    def __call__(self, x: Float[Array, "*batch in"], key: Key[Array, ""] | None = None) -> Activations:
        """Run the layers; a key turns dropout on."""
        batch = x.shape[:-1]
        kept = self._kept(batch, key)
        if is_spreading():
            # Rows on one axis with the samples' could not be divided: every device would compute all of them.
            run = self._run
            for _ in batch[1:]:
                run = jax.vmap(run)
            return run(x, kept)
        # Two axes: gradients of more would be transposed for the matrix products.
        kept = [units.reshape(-1, units.shape[-1]) for units in kept]
        output, hidden = self._run(x.reshape(-1, x.shape[-1]), kept)
        return Activations(
            output.reshape(*batch, output.shape[-1]), tuple(h.reshape(*batch, h.shape[-1]) for h in hidden)
        )

    def _run(self, x: Float[Array, "rows in"], kept: list[Bool[Array, "rows _"]]) -> Activations:
        hidden = []
        last = len(self.weights) - 1
        for number in range(last):
            x = self.unit(self.linear(number, x))
            if kept:
                x = self.dropped(x, kept[number])
            hidden.append(x)
        return Activations(self.linear(last, x), tuple(hidden))

    def linear(self, number: int, x: Float[Array, "rows in"]) -> Float[Array, "rows out"]:
        """The linear functions of a layer."""
        weight, bias = self.weights[number], self.biases[number]
        linear = product(x, weight)
        return linear if bias is None else linear + bias

    def dropped(
        self, x: Float[Array, "rows units"], kept: Bool[Array, "*batch units"]
    ) -> Float[Array, "rows units"]:
        """Hidden units of which some are kept."""
        return jnp.where(kept.reshape(x.shape), x / self.keep_prob, 0.0)

    def shapes(self, sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The shapes of the weights of layers of these sizes."""
        hidden = [n * self.inputs_a_unit for n in sizes[1:-1]]
        return list(zip(sizes[:-1], [*hidden, sizes[-1]], strict=True))

    def inputs(self, shape: tuple[int, ...]) -> int:
        """How many numbers one number of a layer with weights of this shape is made from."""
        return shape[0]

    def in_bfloat16(self) -> "Layered | None":
        """The same network with weights in bfloat16."""
        weights = tuple(weight.astype(jnp.bfloat16) for weight in self.weights)
        return dataclasses.replace(self, weights=weights)  # pyright: ignore[reportArgumentType]

    def hidden_weights(self) -> tuple[Array, ...]:
        """All weight matrices but the last."""
        return self.weights[:-1]

    def output_weights(self) -> tuple[Array, ...]:
        """The last weight matrix."""
        return self.weights[-1:]

    def with_output_bias(self, bias: Float[Array, " out"]) -> "Layered":
        """The same network with this output bias, if it has biases at all."""
        if self.biases[-1] is None:
            return self
        return eqx.tree_at(lambda net: net.biases[-1], self, jnp.asarray(bias, jnp.float32))

    def _drawn(self, sizes: tuple[int, ...], bias: bool, key: Key[Array, ""]) -> "Layered":
        """The same network with random weights."""
        shapes, weights, biases = self.shapes(sizes), [], []
        for number, layer_key in enumerate(jax.random.split(key, len(shapes)), start=1):
            weight_key, bias_key = jax.random.split(layer_key)
            shape, last = shapes[number - 1], number == len(shapes)
            # A network that says nothing at first leaves the word to its output bias.
            sd = (0.0 if last else self.inputs(shape) ** -0.5) if self.init_sd is None else self.init_sd
            weights.append(_normal(weight_key, shape, self.init_mean, sd))
            size = sizes[-1] if last else shape[-1]
            biases.append(_normal(bias_key, (size,), self.bias_mean, self.bias_sd) if bias else None)
        return dataclasses.replace(self, weights=tuple(weights), biases=tuple(biases))  # pyright: ignore[reportArgumentType]

    def _kept(self, batch: tuple[int, ...], key: Key[Array, ""] | None) -> list[Bool[Array, "*batch _"]]:
        """Which units of each hidden layer dropout keeps; empty where there is none."""
        if key is None or _is_one(self.keep_prob) or len(self.weights) == 1:
            return []
        units = [weight.shape[-1] // self.inputs_a_unit for weight in self.weights[:-1]]
        # One draw for all layers compiles and runs faster than one each; the probability is right to 1e-5.
        bits = random_bits(key, (*batch, sum(units)))
        kept = _at_odds(bits, self.keep_prob)
        return jnp.split(kept, np.cumsum(units)[:-1], axis=-1)


def _is_one(keep_prob: float | Array) -> bool:
    return not isinstance(keep_prob, jax.Array) and keep_prob == 1


def _at_odds(bits: UInt16[Array, "*shape"], keep_prob: float | Array) -> Bool[Array, "*shape"]:
    """True with this probability."""
    if not isinstance(keep_prob, jax.Array):
        return bits < jnp.uint16(min(round(keep_prob * 65536), 65535))
    # Traced, where many models train as one; 1 for some of them.
    least = jnp.minimum(jnp.round(keep_prob * 65536), 65535).astype(jnp.uint16)
    return (bits < least) | (keep_prob == 1)


def _normal(key: Key[Array, ""], shape: tuple[int, ...], mean: float, sd: float) -> Array:
    # Each shape is a program to compile: none where nothing is random.
    return mean + sd * jax.random.normal(key, shape) if sd else jnp.full(shape, mean, jnp.result_type(float))
