"""A sweep's epoch beside the matrix products that its models cannot do without.

The floor is the models' matrix products in an epoch (their steps, forward and backward, and their validation
rows, forward; linear paths too) in compiled loops on the same machine in the same run, once one model after
the other, each with all processors, once a model on every processor; what is held against both is a
sweep's epoch as a person pays for it: likelihoods, dropout, optimiser and Python's decisions too.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from parts.rounds import take_turns
from vaefit.backend import processors
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
    sides = {
        "sweep": sweep_epoch(x, MODELS),
        "one": sweep_epoch(x, 1),
        "in turn": floor(x, 1),
        "side by side": floor(x, processors()),
    }
    times = take_turns(sides, ROUNDS)
    what = f"{MODELS} models of {UNITS} units, {ROWS} rows of {PIXELS}, batch {BATCH}"

    def ratio(of: str, to: str) -> float:
        return statistics.median(a / b for a, b in zip(times[of], times[to], strict=True))

    return [
        {
            "what": what,
            "s an epoch": f"{statistics.median(times['sweep']):.2f}",
            "one model": f"{statistics.median(times['one']):.3f}",
            "products in turn": f"{statistics.median(times['in turn']):.2f}",
            "products side by side": f"{statistics.median(times['side by side']):.2f}",
            "sweep / products in turn": f"{ratio('sweep', 'in turn'):.2f}",
            "sweep / products side by side": f"{ratio('sweep', 'side by side'):.2f}",
            "sweep / one model": f"{ratio('sweep', 'one'):.1f}",
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


def floor(x: np.ndarray, at_once: int) -> Callable[[], float]:
    """Seconds of the models' matrix products in an epoch, of so many models at a time."""
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

    def of_model(_: int) -> None:
        jax.block_until_ready(judge(train(weights, steps), blocks))

    def epoch() -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(of_model, range(MODELS)))
        return time.perf_counter() - began

    epoch()
    return epoch


if __name__ == "__main__":
    for line in rows():
        print("\n".join(f"{name:>20}: {value}" for name, value in line.items()))
