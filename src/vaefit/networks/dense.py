"""Fully connected layers."""

from typing import ClassVar, Literal

import equinox as eqx
from jaxtyping import Array, Float

from vaefit.networks._activations import ACTIVATIONS
from vaefit.networks._layers import Layered
from vaefit.options import option


class Dense(Layered):
    r"""Fully connected layers with dropout on the hidden ones.

    $h_{i+1} = \mathrm{dropout}(f(h_i W_i + b_i))$, output $h_n W_n + b_n$. Dropout keeps each unit with
    probability `keep_prob` and divides by it (Srivastava et al. 2014, JMLR 15).

    >>> import jax, jax.numpy as jnp
    >>> net = Dense.build((4, 8, 2), bias=True, key=jax.random.key(0), activation="tanh")
    >>> net(jnp.ones((3, 4))).output.shape
    (3, 2)
    """

    reference: ClassVar[str] = "Clevert et al. 2015, arXiv:1511.07289 (ELU)"

    activation: Literal["elu", "gelu", "leaky-relu", "relu", "sigmoid", "silu", "softplus", "tanh"] = option(
        "elu", "hidden units' activation"
    )
    keep_prob: float = option(
        0.8, "dropout: probability of keeping a hidden unit (tables: 1, unless set)", above=0.0, at_most=1.0
    )
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

    def unit(self, linear: Float[Array, "*batch inputs"]) -> Float[Array, "*batch units"]:
        """The activation."""
        return ACTIVATIONS[self.activation](linear)
