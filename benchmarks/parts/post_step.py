"""A training step of the post's network and batch, beside its floor, TensorFlow's graph and PyTorch."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from parts.floor import floor
from parts.rounds import Comparison, Peer, seconds, take_turns
from vaefit import recipes
from vaefit.assemble import build_model, build_trainer
from vaefit.data import transform_from_dict

WHAT = "post's step, 7 x 10 samples"
ENCODER = [(361, 722), (722, 722), (722, 722), (722, 20)]
DECODER = [(10, 722), (722, 722), (722, 361)]
SAMPLES, BATCH = 10, 7
# About as many steps as training takes between two looks (half a second).
STEPS, ROUNDS = 100, 9


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
    at_floor, here = floor(jnp.asarray(x[:BATCH]), ENCODER, DECODER, SAMPLES), ours(x)
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
