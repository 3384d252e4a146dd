"""`make bench`: a training step of the post's network and batch, beside its floor and TensorFlow's graph.

The floor is what no implementation can leave out: the matrix products of the same shapes, forward and
backward, and the optimiser's traffic (read weights, gradients and two slots, write weights and slots), in one
compiled loop on the same machine in the same run. Sides take turns, round by round; medians and ratios are
printed.
"""

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from vaefit import recipes
from vaefit.assemble import build_model, build_trainer
from vaefit.data import transform_from_dict

HERE = Path(__file__).parent
ENCODER = [(361, 722), (722, 722), (722, 722), (722, 20)]
DECODER = [(10, 722), (722, 722), (722, 361)]
LATENT, SAMPLES, BATCH = 10, 10, 7
# About as many steps as training takes between two looks (half a second).
STEPS, ROUNDS = 100, 9


def floor(x: jax.Array) -> Callable[[], None]:
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

    def run() -> None:
        carry[0] = jax.block_until_ready(loop(carry[0], STEPS))

    return run


def ours(x: np.ndarray) -> Callable[[], None]:
    """The training loop that `vaefit fit --recipe faces-2016` runs, dropout, penalties, checks and all."""
    settings = recipes.load("faces-2016").settings
    pixels = transform_from_dict({"kind": "pixels", "shape": [19, 19], "levels": 256, "dequantise": False})
    trainer = build_trainer(settings, pixels, build_model(settings, 361, jax.random.key(0)), x)
    part = next(iter(trainer._rows.parts(0, 0)))
    trainer._timed_chunk(part, 0, 2)
    return lambda: trainer._timed_chunk(part, 0, STEPS)


def milliseconds(run: Callable[[], None]) -> float:
    """One round's milliseconds a step, warmed up just before as TensorFlow's process is."""
    run()
    began = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - began) / STEPS


def tensorflow() -> float:
    """One round of TensorFlow's graph, a process of its own."""
    script = [HERE / ".venv" / "bin" / "python", HERE / "tensorflow_post.py", str(STEPS), "1"]
    found = subprocess.run(script, capture_output=True, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])["median"]


def main() -> None:
    """Rounds in turn; a table of medians and ratios."""
    x = np.random.default_rng(0).uniform(size=(2429, 361)).astype(np.float32)
    sides = {"floor": floor(jnp.asarray(x[:BATCH])), "vaefit": ours(x)}
    times: dict[str, list[float]] = {"floor": [], "vaefit": [], "tensorflow": []}
    for _ in range(ROUNDS):
        for name, run in sides.items():
            times[name].append(milliseconds(run))
        times["tensorflow"].append(tensorflow())
    print(f"{'ms a step':>12} {'median':>8} {'least':>8} {'most':>8}")
    for name, found in times.items():
        print(f"{name:>12} {statistics.median(found):8.2f} {min(found):8.2f} {max(found):8.2f}")
    for other, ratio in (("floor", "vaefit / floor"), ("tensorflow", "tensorflow / vaefit")):
        pairs = zip(times[other], times["vaefit"], strict=True)
        ratios = [o / v if other == "tensorflow" else v / o for o, v in pairs]
        print(f"{ratio}: median {statistics.median(ratios):.2f} (each round: {np.round(ratios, 2).tolist()})")


if __name__ == "__main__":
    main()
