"""Layers one after the other: what fully connected networks have in common."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from vaefit.devices import two_axes
from vaefit.hashing import random_bits
from vaefit.networks._base import Activations, Network


class Layered(Network):
    """Hidden layers with dropout, and a linear output; a network says what a hidden unit is."""

    # How many linear functions of the layer below one hidden unit needs.
    inputs_a_unit: ClassVar[int] = 1

    keep_prob: eqx.AbstractVar[float]
    init_sd: eqx.AbstractVar[float | None]
    init_mean: eqx.AbstractVar[float]
    bias_sd: eqx.AbstractVar[float]
    bias_mean: eqx.AbstractVar[float]
    weights: eqx.AbstractVar[tuple[Float[Array, "_ _"], ...]]
    biases: eqx.AbstractVar[tuple[Float[Array, " _"] | None, ...]]

    @abstractmethod
    def unit(self, linear: Float[Array, "*batch inputs"]) -> Float[Array, "*batch units"]:
        """The hidden units from their linear functions: first ones of all units, then second ones."""

    @classmethod
    def build(
        cls, sizes: tuple[int, ...], *, bias: bool, key: Key[Array, ""], **options: float | str | None
    ) -> "Layered":
        """A network with layers of these sizes, input and output included."""
        blank = cls(**options)  # pyright: ignore[reportArgumentType]
        hidden = [n * cls.inputs_a_unit for n in sizes[1:-1]]
        shapes = list(zip(sizes[:-1], [*hidden, sizes[-1]], strict=True))
        weights, biases = [], []
        for number, layer_key in enumerate(jax.random.split(key, len(shapes)), start=1):
            weight, drawn = blank._draw(shapes[number - 1], layer_key, last=number == len(shapes))
            weights.append(weight)
            biases.append(drawn if bias else None)
        return cls(**options, weights=tuple(weights), biases=tuple(biases))  # pyright: ignore[reportArgumentType]

    def __call__(self, x: Float[Array, "*batch in"], key: Key[Array, ""] | None = None) -> Activations:
        """Run the layers; a key turns dropout on."""
        batch = x.shape[:-1]
        kept = self._kept(batch, key)
        x = two_axes(x)
        hidden = []
        for number, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True)):
            x = self.unit(_affine(x, weight, bias))
            if kept:
                x = jnp.where(kept[number].reshape(x.shape), x / self.keep_prob, 0.0)
            hidden.append(x)
        output = _affine(x, self.weights[-1], self.biases[-1])
        return Activations(
            output.reshape(*batch, output.shape[-1]), tuple(h.reshape(*batch, h.shape[-1]) for h in hidden)
        )

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

    def _draw(self, shape: tuple[int, int], key: Key[Array, ""], *, last: bool) -> tuple[Array, Array]:
        weight_key, bias_key = jax.random.split(key)
        sd = self.init_sd
        if sd is None:
            # A network that says nothing at first leaves the word to its output bias.
            sd = 0.0 if last else shape[0] ** -0.5
        return _normal(weight_key, shape, self.init_mean, sd), _normal(
            bias_key, shape[1:], self.bias_mean, self.bias_sd
        )

    def _kept(self, batch: tuple[int, ...], key: Key[Array, ""] | None) -> list[Bool[Array, "*batch _"]]:
        """Which units of each hidden layer dropout keeps; empty where there is none."""
        if key is None or self.keep_prob == 1:
            return []
        units = [weight.shape[1] // self.inputs_a_unit for weight in self.weights[:-1]]
        # One draw for all layers compiles and runs faster than one each; the probability is right to 1e-5.
        bits = random_bits(key, (*batch, sum(units)))
        kept = bits < jnp.uint16(min(round(self.keep_prob * 65536), 65535))
        return jnp.split(kept, np.cumsum(units)[:-1], axis=-1)


def _normal(key: Key[Array, ""], shape: tuple[int, ...], mean: float, sd: float) -> Array:
    # Each shape is a program to compile: none where nothing is random.
    return mean + sd * jax.random.normal(key, shape) if sd else jnp.full(shape, mean, jnp.result_type(float))


def _affine(x: Array, weight: Array, bias: Array | None) -> Array:
    return x @ weight if bias is None else x @ weight + bias
