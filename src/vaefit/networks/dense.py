"""Fully connected layers."""

from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from vaefit.hashing import random_bits
from vaefit.networks._base import Activations, Network
from vaefit.options import option

ACTIVATIONS = {
    "elu": jax.nn.elu,
    "gelu": jax.nn.gelu,
    "leaky-relu": jax.nn.leaky_relu,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
}


class Dense(Network):
    r"""Fully connected layers with dropout on the hidden ones.

    $h_{i+1} = \mathrm{dropout}(f(h_i W_i + b_i))$, output $h_n W_n + b_n$. Dropout keeps each unit with
    probability `keep_prob` and divides by it (Srivastava et al. 2014, JMLR 15).
    """

    reference: ClassVar[str] = "Clevert et al. 2015, arXiv:1511.07289 (ELU)"

    activation: Literal["elu", "gelu", "leaky-relu", "relu", "sigmoid", "silu", "softplus", "tanh"] = option(
        "elu", "hidden units' activation"
    )
    keep_prob: float = option(0.9, "dropout: probability of keeping a hidden unit", above=0.0, at_most=1.0)
    init_sd: float | None = option(
        None,
        "sd of the initial weights (unset: 1/sqrt(inputs) in hidden layers, 0 in the last)",
        at_least=0.0,
    )
    init_mean: float = option(0.0, "mean of the initial weights")
    bias_sd: float = option(0.0, "sd of the initial biases", at_least=0.0)
    bias_mean: float = option(0.0, "mean of the initial biases")
    weights: tuple[Float[Array, "_ _"], ...] = eqx.field(default=())
    biases: tuple[Float[Array, " _"] | None, ...] = eqx.field(default=())

    @classmethod
    def build(
        cls, sizes: tuple[int, ...], *, bias: bool, key: Key[Array, ""], **options: float | str | None
    ) -> "Dense":
        """A network with layers of these sizes, input and output included.

        >>> net = Dense.build((4, 8, 2), bias=True, key=jax.random.key(0), activation="tanh")
        >>> net(jnp.ones((3, 4))).output.shape
        (3, 2)
        """
        blank = cls(**options)  # pyright: ignore[reportArgumentType]
        weights, biases = [], []
        for n_in, n_out, layer_key in zip(
            sizes[:-1], sizes[1:], jax.random.split(key, len(sizes) - 1), strict=True
        ):
            weight_key, bias_key = jax.random.split(layer_key)
            sd = blank.init_sd
            if sd is None:
                # A network that says nothing at first leaves the word to its output bias.
                sd = 0.0 if len(weights) == len(sizes) - 2 else n_in**-0.5
            weights.append(blank.init_mean + sd * jax.random.normal(weight_key, (n_in, n_out)))
            drawn = blank.bias_mean + blank.bias_sd * jax.random.normal(bias_key, (n_out,))
            biases.append(drawn if bias else None)
        return cls(**options, weights=tuple(weights), biases=tuple(biases))  # pyright: ignore[reportArgumentType]

    def __call__(self, x: Float[Array, "*batch in"], key: Key[Array, ""] | None = None) -> Activations:
        """Run the layers; a key turns dropout on."""
        activation = ACTIVATIONS[self.activation]
        kept = self._kept(x.shape[:-1], key)
        hidden = []
        for number, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True)):
            x = activation(_affine(x, weight, bias))
            if kept:
                x = jnp.where(kept[number], x / self.keep_prob, 0.0)
            hidden.append(x)
        return Activations(_affine(x, self.weights[-1], self.biases[-1]), tuple(hidden))

    def _kept(self, batch: tuple[int, ...], key: Key[Array, ""] | None) -> list[Bool[Array, "*batch _"]]:
        """Which units of each hidden layer dropout keeps; empty where there is none."""
        if key is None or self.keep_prob == 1:
            return []
        units = [weight.shape[1] for weight in self.weights[:-1]]
        # One draw for all layers compiles and runs faster than one each; the probability is right to 1e-5.
        bits = random_bits(key, (*batch, sum(units)))
        kept = bits < jnp.uint16(min(round(self.keep_prob * 65536), 65535))
        return jnp.split(kept, np.cumsum(units)[:-1], axis=-1)

    def hidden_weights(self) -> tuple[Array, ...]:
        """All weight matrices but the last."""
        return self.weights[:-1]

    def output_weights(self) -> tuple[Array, ...]:
        """The last weight matrix."""
        return self.weights[-1:]

    def with_output_bias(self, bias: Float[Array, " out"]) -> "Dense":
        """The same network with this output bias, if it has biases at all."""
        if self.biases[-1] is None:
            return self
        return eqx.tree_at(lambda net: net.biases[-1], self, jnp.asarray(bias, jnp.float32))


def _affine(x: Array, weight: Array, bias: Array | None) -> Array:
    return x @ weight if bias is None else x @ weight + bias
