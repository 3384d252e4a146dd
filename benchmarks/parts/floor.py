"""The floor of a training step: what no implementation can leave out.

That is the matrix products of the same shapes, forward and backward, and the optimiser's traffic (read
weights, gradients and two slots, write weights and slots), in one compiled loop on the same machine in the
same run.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

Shapes = Sequence[tuple[int, int]]


def floor(x: jax.Array, encoder: Shapes, decoder: Shapes, samples: int) -> Callable[[int], None]:
    """Steps of matrix products and optimiser traffic, nothing else, of a batch and so many samples a row."""
    shapes, latent = [*encoder, *decoder], decoder[0][0]
    weights = [0.01 * jax.random.normal(jax.random.key(0), shape) for shape in shapes]
    squares = [jnp.ones_like(w) for w in weights]
    moments = [jnp.zeros_like(w) for w in weights]

    def products(weights: list[jax.Array]) -> jax.Array:
        h = x
        for w in weights[: len(encoder)]:
            h = h @ w
        z = jnp.tile(h[:, :latent], (samples, 1))
        for w in weights[len(encoder) :]:
            z = z @ w
        return jnp.sum(z * z)

    def step(_: int, carry: tuple) -> tuple:
        weights, squares, moments = carry
        gradient = jax.grad(products)(weights)
        squares = [0.9 * s + 0.1 * g * g for s, g in zip(squares, gradient, strict=True)]
        moments = [
            0.1 * m + 1e-4 * g * jax.lax.rsqrt(s + 1e-10)
            for m, g, s in zip(moments, gradient, squares, strict=True)
        ]
        return [w - m for w, m in zip(weights, moments, strict=True)], squares, moments

    loop = jax.jit(lambda carry, n: jax.lax.fori_loop(0, n, step, carry), donate_argnums=0)
    carry = [loop((weights, squares, moments), 2)]

    def run(steps: int) -> None:
        carry[0] = jax.block_until_ready(loop(carry[0], steps))

    return run
