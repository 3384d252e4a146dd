"""A training step of the post's network and batch, beside its floor, TensorFlow's graph and PyTorch.

The floor is what no implementation can leave out: the matrix products of the same shapes, forward and
backward, and the optimiser's traffic (read weights, gradients and two slots, write weights and slots), in one
compiled loop on the same machine in the same run.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from parts.rounds import Comparison, Peer, seconds, take_turns
from vaefit import recipes
from vaefit.assemble import build_model, build_trainer
from vaefit.data import transform_from_dict

WHAT = "post's step, 7 x 10 samples"
ENCODER = [(361, 722), (722, 722), (722, 722), (722, 20)]
DECODER = [(10, 722), (722, 722), (722, 361)]
LATENT, SAMPLES, BATCH = 10, 10, 7
# About as many steps as training takes between two looks (half a second).
STEPS, ROUNDS = 100, 9


def floor(x: jax.Array) -> Callable[[int], None]:
    """Matrix products and optimiser traffic, nothing else."""
    weights = [0.01 * jax.random.normal(jax.random.key(0), shape) for shape in ENCODER + DECODER]
    squares = [jnp.ones_like(w) for w in weights]
    moments = [jnp.zeros_like(w) for w in weights]

    def products(weights: list[jax.Array]) -> jax.Array:
        h = x
        for w in weights[: len(ENCODER)]:
            h = h @ w
        z = jnp.tile(h[:, :LATENT], (SAMPLES, 1))
        for w in weights[len(ENCODER) :]:
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


def ours(x: np.ndarray) -> Callable[[int], object]:
    """The training loop that `vaefit fit --recipe faces-2016` runs, dropout, penalties, checks and all."""
    settings = recipes.load("faces-2016").settings
    pixels = transform_from_dict({"kind": "pixels", "shape": [19, 19], "levels": 256, "dequantise": False})
    trainer = build_trainer(settings, pixels, build_model(settings, 361, jax.random.key(0)), x)
    (part,) = trainer.rows.parts(0, 0)
    return lambda steps: trainer._timed_chunk(part, 0, steps)


def measure(rounds: int) -> list[Comparison]:
    """Milliseconds a step."""
    x = np.random.default_rng(0).uniform(size=(2429, 361)).astype(np.float32)
    at_floor, here = floor(jnp.asarray(x[:BATCH])), ours(x)
    with Peer("tensorflow_post.py") as tensorflow, Peer("torch_post.py", "eager") as torch:
        found = take_turns(
            {
                "floor": lambda: 10 * seconds(at_floor, STEPS),
                "vaefit": lambda: 10 * seconds(here, STEPS),
                "tensorflow": lambda: 10 * tensorflow.seconds(STEPS),
                "torch": lambda: 10 * torch.seconds(STEPS),
            },
            rounds or ROUNDS,
        )
        names = f"{tensorflow.version}, graph", f"{torch.version}, eager"
    unit = "ms a step"
    return [
        Comparison(WHAT, names[0], unit, found["vaefit"], found["tensorflow"], 1.4, more_is_better=False),
        Comparison(WHAT, names[1], unit, found["vaefit"], found["torch"], 2.0, more_is_better=False),
        Comparison(
            WHAT, "floor", unit, found["vaefit"], found["floor"], 1.3, more_is_better=False, at_most=True
        ),
    ]
