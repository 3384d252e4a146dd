"""Fully connected layers of gated linear units."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from vaefit.networks._layers import Layered
from vaefit.options import option


class Gated(Layered):
    r"""Fully connected gated linear units, with dropout on the hidden ones.

    $h_{i+1} = \mathrm{dropout}((h_i W_i + b_i) \odot \mathrm{sigmoid}(h_i V_i + c_i))$, output
    $h_n W_n + b_n$; W and V stand side by side in one matrix, as b and c in one vector. Gates of VAEs:
    Tomczak & Welling 2018, arXiv:1705.07120.

    >>> net = Gated.build((4, 8, 2), bias=True, key=jax.random.key(0))
    >>> net(jnp.ones((3, 4))).output.shape, net.weights[0].shape
    ((3, 2), (4, 16))
    """

    reference: ClassVar[str] = "Dauphin et al. 2017, arXiv:1612.08083"
    # One product of double width is faster than two.
    inputs_a_unit: ClassVar[int] = 2

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
        """Values times gates."""
        value, gate = jnp.split(linear, 2, axis=-1)
        return value * jax.nn.sigmoid(gate)
