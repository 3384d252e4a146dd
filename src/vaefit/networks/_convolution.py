"""4x4 convolutions of stride 2 and their transposes, natively or as matrix products: the same numbers.

On processors matrix products are several times faster, and inside a compiled loop forty times. Arrays are
taken apart by `split`: its transpose is one concatenation, where that of indexing adds up padded arrays.
"""

import itertools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from vaefit.backend import computes_on_cpu

SHIFTS = tuple(itertools.product((0, 1), (0, 1)))
AXES = ("NHWC", "HWIO", "NHWC")
# Below these tiles do not pay.
FEWEST_ROWS, FEWEST_CHANNELS = 8, 16


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
    """`shrunk` as matrix products."""
    return _by_tiles(x, kernel) if _worth_tiles(len(x), kernel) else _by_patches(x, kernel)


def grown_by_products(y: Array, kernel: Array, size: tuple[int, int]) -> Array:
    """`grown` as matrix products."""
    if not _worth_tiles(len(y), kernel):
        return _by_overlaps(y, kernel, size)
    x = jax.ShapeDtypeStruct((len(y), *size, kernel.shape[-1]), y.dtype)
    (found,) = jax.linear_transpose(lambda x: _by_tiles(x, kernel.swapaxes(2, 3)), x)(y)
    # XLA would add up the tiles again wherever the image is read.
    return jax.lax.optimization_barrier(found)


def _worth_tiles(rows: int, kernel: Array) -> bool:
    """Whether transforming image and kernel costs less than it saves."""
    return rows >= FEWEST_ROWS and min(kernel.shape[2:]) >= FEWEST_CHANNELS


def _by_patches(x: Array, kernel: Array) -> Array:
    """One product: 2x2 pixels are the channels of a block, and 2x2 blocks one row of a matrix."""
    (rows, height, width, into), (h, w) = x.shape, map(halved, x.shape[1:3])
    x = jnp.pad(x, ((0, 0), (1, 2 * h + 1 - height), (1, 2 * w + 1 - width), (0, 0)))
    blocks = x.reshape(rows, h + 1, 2, w + 1, 2, into).transpose(0, 1, 3, 2, 4, 5)
    blocks = blocks.reshape(rows, h + 1, w + 1, 4 * into)
    patches = jnp.concatenate([blocks[:, p : p + h, q : q + w] for p, q in SHIFTS], axis=-1)
    return (patches.reshape(-1, 16 * into) @ _by_blocks(kernel).reshape(16 * into, -1)).reshape(
        rows, h, w, -1
    )


def _by_overlaps(y: Array, kernel: Array, size: tuple[int, int]) -> Array:
    """One product, whose parts are added where they overlap."""
    (rows, h, w, into), out, (height, width) = y.shape, kernel.shape[-1], size
    matrix = jnp.moveaxis(_by_blocks(kernel), 4, 0).reshape(into, -1)
    parts = jnp.split((y.reshape(-1, into) @ matrix).reshape(rows, h, w, 16 * out), len(SHIFTS), axis=-1)
    shifted = [
        jnp.pad(part, ((0, 0), (p, 1 - p), (q, 1 - q), (0, 0)))
        for part, (p, q) in zip(parts, SHIFTS, strict=True)
    ]
    blocks = sum(shifted[1:], shifted[0]).reshape(rows, h + 1, w + 1, 2, 2, out)
    pixels = blocks.transpose(0, 1, 3, 2, 4, 5).reshape(rows, 2 * h + 2, 2 * w + 2, out)
    return pixels[:, 1 : 1 + height, 1 : 1 + width]


def _by_tiles(x: Array, kernel: Array) -> Array:
    r"""Nine products instead of sixteen for 2x2 results: Winograd's F(2x2, 2x2) over blocks of 2x2 pixels.

    In one dimension, of blocks d and kernel g: $y_0 = m_0 + m_1$, $y_1 = m_1 - m_2$ with
    $m_0 = (d_0 - d_1) g_0$, $m_1 = d_1 (g_0 + g_1)$, $m_2 = (d_1 - d_2) g_1$. Source: Lavin & Gray 2016,
    arXiv:1509.09308.
    """
    (rows, height, width, into), (h, w), out = x.shape, map(halved, x.shape[1:3]), kernel.shape[-1]
    t, u = halved(h), halved(w)  # tiles
    x = jnp.pad(x, ((0, 0), (1, 4 * t + 3 - height), (1, 4 * u + 3 - width), (0, 0)))
    # Axes: even and odd blocks down and across, rows, tiles, what is in a block.
    blocks = x.reshape(rows, t + 1, 2, 2, u + 1, 2, 2, into).transpose(2, 5, 0, 1, 4, 3, 6, 7)
    left_even, right_even, left_odd, right_odd = (
        part[0] for part in jnp.split(blocks.reshape(4, rows, t + 1, u + 1, 4 * into), 4)
    )
    down = [_differences(left_even, left_odd, 1), _differences(right_even, right_odd, 1)]
    tiles = [_differences(left, right, 2) for left, right in zip(down[0], down[1], strict=True)]
    kernels = [_sums(rest) for rest in _sums(_by_blocks(kernel).reshape(2, 2, 4 * into, out))]
    products = [
        [
            (tile.reshape(-1, 4 * into) @ matrix).reshape(rows, t, u, out)
            for tile, matrix in zip(*both, strict=True)
        ]
        for both in zip(tiles, kernels, strict=True)
    ]
    across = [jnp.stack([a + b, b - c], axis=3) for a, b, c in products]
    found = jnp.stack([across[0] + across[1], across[1] - across[2]], axis=2)
    return found.reshape(rows, 2 * t, 2 * u, out)[:, :h, :w]


def _differences(even: Array, odd: Array, axis: int) -> tuple[Array, Array, Array]:
    """Of neighbouring blocks, for each tile along an axis of rows, tiles down, tiles across, channels."""
    n = odd.shape[axis] - 1
    first, second, third = (
        jax.lax.slice_in_dim(a, start, start + n, axis=axis) for a, start in ((even, 0), (odd, 0), (even, 1))
    )
    return first - second, second, second - third


def _sums(kernel: Array) -> tuple[Array, Array, Array]:
    return kernel[0], kernel[0] + kernel[1], kernel[1]


def _by_blocks(kernel: Float[Array, "4 4 into out"]) -> Float[Array, "2 2 2 2 into out"]:
    """Axes: which block (down, across), which pixel of it (down, across), channels."""
    return kernel.reshape(2, 2, 2, 2, *kernel.shape[2:]).transpose(0, 2, 1, 3, 4, 5)
