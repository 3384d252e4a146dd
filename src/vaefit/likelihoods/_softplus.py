"""The softplus of many numbers, in one pass over them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# log(1 + e) / e for 0 <= e <= 1: Chebyshev interpolation in powers of e, within 6e-9 of it.
_RATIO = (
    0.9999999945,
    -0.4999989090,
    0.3332966549,
    -0.2495116719,
    0.1966101787,
    -0.1526327365,
    0.1053295061,
    -0.0562695258,
    0.0194876861,
    -0.0031639994,
)


@jax.custom_jvp
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""$\log(1 + e^x)$, elementwise, within 2e-7 of itself.

    It is $\max(x, 0) + \log(1 + e)$ with $e = e^{-|x|}$, and the logarithm a polynomial in e: likelihoods
    take it of every output at every step, where XLA's own took three times as long on a CPU.

    >>> softplus(jnp.array([-3.0, 0.0, 30.0])).round(4)
    Array([ 0.0486,  0.6931, 30.    ], dtype=float32)
    """
    e = jnp.exp(-jnp.abs(x))
    return jnp.maximum(x, 0.0) + (e * _ratio(e) if x.dtype == jnp.float32 else jnp.log1p(e))


def _ratio(e: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    ratio = jnp.full_like(e, _RATIO[-1])
    for coefficient in _RATIO[-2::-1]:
        ratio = ratio * e + coefficient
    return ratio


softplus.defjvps(lambda change, _, x: jax.nn.sigmoid(x) * change)
