"""4x4 convolutions of stride 2 and their transposes, natively or as matrix products: the same numbers.

On processors matrix products are several times faster, and inside a compiled loop forty times.
"""

import itertools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from vaefit.backend import computes_on_cpu

SHIFTS = tuple(itertools.product((0, 1), (0, 1)))
AXES = ("NHWC", "HWIO", "NHWC")


def halved(size: int) -> int:
    """A side of an image after one stage: half, rounded up."""
    return -(-size // 2)


def shrunk(
    x: Float[Array, "rows height width into"], kernel: Float[Array, "4 4 into out"]
) -> Float[Array, "rows half_height half_width out"]:
    r"""$y_{ij} = \sum_{ab} x_{2i + a - 1, 2j + b - 1} K_{ab}$, zeros beyond the edges; odd sides rounded up.

    >>> shrunk(jnp.ones((2, 19, 28, 1)), jnp.ones((4, 4, 1, 3))).shape
    (2, 10, 14, 3)
    """
    return shrunk_by_products(x, kernel) if computes_on_cpu() else shrunk_natively(x, kernel)


def grown(
    y: Float[Array, "rows half_height half_width into"],
    kernel: Float[Array, "4 4 into out"],
    size: tuple[int, int],
) -> Float[Array, "rows height width out"]:
    r"""$x_{uv} = \sum_{ij} y_{ij} K_{u + 1 - 2i, v + 1 - 2j}$ for u, v below `size`: `shrunk` transposed.

    >>> grown(jnp.ones((2, 10, 14, 1)), jnp.ones((4, 4, 1, 3)), (19, 28)).shape
    (2, 19, 28, 3)
    """
    return grown_by_products(y, kernel, size) if computes_on_cpu() else grown_natively(y, kernel, size)


def shrunk_natively(x: Array, kernel: Array) -> Array:
    """`shrunk` by XLA's convolution."""
    padding = [(1, 1 + side % 2) for side in x.shape[1:3]]
    return jax.lax.conv_general_dilated(x, kernel, (2, 2), padding, dimension_numbers=AXES)


def grown_natively(y: Array, kernel: Array, size: tuple[int, int]) -> Array:
    """`grown` by XLA's convolution."""
    padding = [(2, 2 + side - 2 * half) for side, half in zip(size, y.shape[1:3], strict=True)]
    return jax.lax.conv_general_dilated(
        y, kernel[::-1, ::-1], (1, 1), padding, lhs_dilation=(2, 2), dimension_numbers=AXES
    )


def shrunk_by_products(x: Array, kernel: Array) -> Array:
    """`shrunk` as one product: blocks of 2x2 pixels are channels, and 2x2 of those one row of a matrix."""
    rows, height, width, into = x.shape
    h, w = halved(height), halved(width)
    x = jnp.pad(x, ((0, 0), (1, 2 * h + 1 - height), (1, 2 * w + 1 - width), (0, 0)))
    blocks = x.reshape(rows, h + 1, 2, w + 1, 2, into).transpose(0, 1, 3, 2, 4, 5)
    blocks = blocks.reshape(rows, h + 1, w + 1, 4 * into)
    patches = jnp.concatenate([blocks[:, p : p + h, q : q + w] for p, q in SHIFTS], axis=-1)
    matrix = _by_blocks(kernel).reshape(16 * into, -1)
    return (patches.reshape(-1, 16 * into) @ matrix).reshape(rows, h, w, -1)


def grown_by_products(y: Array, kernel: Array, size: tuple[int, int]) -> Array:
    """`grown` as one product, whose parts are added where they overlap."""
    (rows, h, w, into), out, (height, width) = y.shape, kernel.shape[-1], size
    matrix = jnp.moveaxis(_by_blocks(kernel), 4, 0).reshape(into, -1)
    parts = (y.reshape(-1, into) @ matrix).reshape(rows, h, w, 2, 2, 4 * out)
    shifted = [jnp.pad(parts[:, :, :, p, q], ((0, 0), (p, 1 - p), (q, 1 - q), (0, 0))) for p, q in SHIFTS]
    blocks = sum(shifted[1:], shifted[0]).reshape(rows, h + 1, w + 1, 2, 2, out)
    pixels = blocks.transpose(0, 1, 3, 2, 4, 5).reshape(rows, 2 * h + 2, 2 * w + 2, out)
    return pixels[:, 1 : 1 + height, 1 : 1 + width]


def _by_blocks(kernel: Float[Array, "4 4 into out"]) -> Float[Array, "2 2 2 2 into out"]:
    """Axes: which block (down, across), which pixel of it (down, across), channels."""
    return kernel.reshape(2, 2, 2, 2, *kernel.shape[2:]).transpose(0, 2, 1, 3, 4, 5)
