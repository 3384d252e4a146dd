"""Activations of hidden units, by their names."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Activation = Callable[[Float[Array, "*batch"]], Float[Array, "*batch"]]


# The derivatives of these two are found from their values, which are there for the next layer: what went in
# would be kept, or computed again, for them alone.
@jax.custom_jvp
def relu(x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    r"""$\max(x, 0)$; its derivative at 0 is 0.

    >>> relu(jnp.array([-1.0, 2.0])), float(jax.grad(relu)(jnp.array(0.0)))
    (Array([0., 2.], dtype=float32), 0.0)
    """
    return jnp.maximum(x, 0.0)


@jax.custom_jvp
def elu(x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    r"""x where it is positive, else $e^x - 1$ (Clevert et al. 2015, arXiv:1511.07289).

    >>> elu(jnp.array([-1.0, 2.0])).round(3)
    Array([-0.632,  2.   ], dtype=float32)
    """
    return jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0.0)))


@relu.defjvp
def _relu_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = relu(*primals)
    return y, jnp.where(y > 0, tangents[0], 0.0)


@elu.defjvp
def _elu_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = elu(*primals)
    return y, jnp.where(y > 0, 1.0, y + 1.0) * tangents[0]


ACTIVATIONS: dict[str, Activation] = {
    "elu": elu,
    "gelu": jax.nn.gelu,
    "leaky-relu": jax.nn.leaky_relu,
    "relu": relu,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
}
