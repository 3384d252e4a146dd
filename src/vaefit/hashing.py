"""Cheap random bits for what is drawn by the hundred thousand at every step.

JAX's own generator is made to be unpredictable, and on a CPU its bits for dropout would take a tenth of a
step. Dropout and dequantisation only need bits that look independent.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt16, UInt32

# Found by search for least bias (Wellons, "Prospecting for Hash Functions", 2018: lowbias32).
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B
_GOLDEN = 0x9E3779B9


def random_bits(key: Key[Array, ""], shape: tuple[int, ...]) -> UInt16[Array, "*shape"]:
    """16 random bits for each entry, a hash of the key and the entry's number.

    >>> random_bits(jax.random.key(0), (2, 3)).dtype
    dtype('uint16')
    """
    size = math.prod(shape)
    low, high = jax.random.key_data(key)
    start = _mix(low ^ _mix(high))
    numbers = jnp.arange((size + 1) // 2, dtype=jnp.uint32) * jnp.uint32(_GOLDEN)
    mixed = _mix(numbers + start, _mix(start ^ high))
    return jax.lax.bitcast_convert_type(mixed, jnp.uint16).reshape(-1)[:size].reshape(shape)


def random_uniform(key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "*shape"]:
    """Uniform numbers on [0, 1), at the middle of one of 65536 steps each.

    >>> bool((random_uniform(jax.random.key(0), (9,)) < 1).all())
    True
    """
    return (random_bits(key, shape).astype(jnp.float32) + 0.5) / 65536


def _mix(h: UInt32[Array, "*shape"], salt: UInt32[Array, ""] | int = 0) -> UInt32[Array, "*shape"]:
    h = (h ^ (h >> 16)) * jnp.uint32(_FIRST)
    h = ((h ^ (h >> 15)) + jnp.uint32(salt)) * jnp.uint32(_SECOND)
    return h ^ (h >> 16)
