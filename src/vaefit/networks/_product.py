"""The matrix product of rows and weights."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def product(x: Float[Array, "*batch in"], weight: Float[Array, "in out"]) -> Float[Array, "*batch out"]:
    """Rows times weights; weights kept in bfloat16 meet rows rounded to it, and their sums are float32.

    >>> x, weight = jnp.full((1, 3), 1.001), jnp.ones((3, 2))
    >>> bool((product(x, weight) > 3.002).all()), bool((product(x, weight.astype(jnp.bfloat16)) == 3).all())
    (True, True)
    """
    if weight.dtype != jnp.bfloat16:
        return x @ weight
    along = (((x.ndim - 1,), (0,)), ((), ()))
    return jax.lax.dot_general(x.astype(weight.dtype), weight, along, preferred_element_type=jnp.float32)
