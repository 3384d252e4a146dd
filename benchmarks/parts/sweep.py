"""A sweep's epoch beside the matrix products that its models cannot do without.

The floor is one model's matrix products in an epoch (its steps, forward and backward, and its validation
rows, forward; linear paths too) in compiled loops on the same machine in the same run; what is held against
it is a sweep's epoch as a person pays for it: likelihoods, dropout, optimiser and Python's decisions too.
"""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from vaefit.display import Silent
from vaefit.sweeping.prepare import prepare_all
from vaefit.sweeping.stack import Stack

MODELS, UNITS, LATENTS, BATCH, ROWS, PIXELS = 16, 64, 10, 100, 4000, 784
BLOCK, DRAWS = 256, 8  # of validation
ROUNDS = 5
Line = dict[str, str]


def rows() -> list[Line]:
    """Medians over rounds in turn, and the ratio of the two sides of each round."""
    x = np.random.default_rng(0).uniform(size=(ROWS, PIXELS)) > 0.5
    ours, one, products = sweep_epoch(x, MODELS), sweep_epoch(x, 1), floor(x)
    times: dict[str, list[float]] = {"sweep": [], "one": [], "floor": []}
    for _ in range(ROUNDS):
        for name, side in (("sweep", ours), ("one", one), ("floor", products)):
            times[name].append(side())
    ratios = [a / (MODELS * b) for a, b in zip(times["sweep"], times["floor"], strict=True)]
    alone = [a / b for a, b in zip(times["sweep"], times["one"], strict=True)]
    what = f"{MODELS} models of {UNITS} units, {ROWS} rows of {PIXELS}, batch {BATCH}"
    return [
        {
            "what": what,
            "s an epoch": f"{statistics.median(times['sweep']):.2f}",
            "one model": f"{statistics.median(times['one']):.3f}",
            "floor of one": f"{statistics.median(times['floor']):.3f}",
            "sweep / floor": f"{statistics.median(ratios):.2f}",
            "sweep / one model": f"{statistics.median(alone):.1f}",
        }
    ]


def sweep_epoch(x: np.ndarray, models: int) -> Callable[[], float]:
    """Seconds of one epoch of so many models that train as one."""
    settings = {
        "latent_dim": LATENTS,
        "encoder_layers": (UNITS,),
        "decoder_layers": (UNITS,),
        "batch_size": BATCH,
        "early_stopping": 0,
        "epochs": 10**6,
    }
    own = {f"seed={seed}": {"seed": seed} for seed in range(models)}
    members, _ = prepare_all(x.astype(np.float32), "default", settings, own, Silent())
    stack = Stack(members)
    stack.judge_starts()

    def epoch() -> float:
        began = time.perf_counter()
        stack.run_epoch(lambda _done, _seconds: None)
        return time.perf_counter() - began

    epoch()
    return epoch


def floor(x: np.ndarray) -> Callable[[], float]:
    """Seconds of one model's matrix products in an epoch."""
    shapes = [(PIXELS, UNITS), (UNITS, 2 * LATENTS), (PIXELS, 2 * LATENTS)]
    shapes += [(LATENTS, UNITS), (UNITS, PIXELS), (LATENTS, PIXELS)]
    weights = [0.01 * jax.random.normal(jax.random.key(0), shape) for shape in shapes]
    batch, block = (jnp.asarray(x[:n], jnp.float32) for n in (BATCH, BLOCK))
    steps, blocks = round(0.9 * ROWS) // BATCH, -(-round(0.1 * ROWS) // BLOCK)

    def products(weights: list[jax.Array], x: jax.Array, draws: int) -> jax.Array:
        z = (x @ weights[0] @ weights[1] + x @ weights[2])[:, :LATENTS]
        z = jnp.tile(z, (draws, 1))
        return jnp.sum((z @ weights[3] @ weights[4] + z @ weights[5]) ** 2)

    def step(_: int, weights: list[jax.Array]) -> list[jax.Array]:
        gradient = jax.grad(products)(weights, batch, 1)
        return [w - 1e-9 * g for w, g in zip(weights, gradient, strict=True)]

    def validate(_: int, carry: tuple[jax.Array, list[jax.Array]]) -> tuple[jax.Array, list[jax.Array]]:
        total, weights = carry
        # Each block's products depend on those before, so that none is left out.
        return total + products([w + 0.0 * total for w in weights], block, DRAWS), weights

    train = jax.jit(lambda weights, n: jax.lax.fori_loop(0, n, step, weights))
    judge = jax.jit(lambda weights, n: jax.lax.fori_loop(0, n, validate, (jnp.zeros(()), weights))[0])

    def epoch() -> float:
        began = time.perf_counter()
        jax.block_until_ready(judge(train(weights, steps), blocks))
        return time.perf_counter() - began

    epoch()
    return epoch


if __name__ == "__main__":
    for line in rows():
        print("\n".join(f"{name:>20}: {value}" for name, value in line.items()))
