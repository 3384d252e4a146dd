"""A training step of a convolutional VAE, 64x64 colour, batch 64, beside PyTorch with channels last."""

from collections.abc import Callable

import jax
import numpy as np

from parts.rounds import Comparison, Peer, seconds, take_turns
from vaefit.assemble import build_model, build_trainer
from vaefit.data import transform_from_dict
from vaefit.settings import Settings

SIDE, BATCH, LATENT, CHANNELS = 64, 64, 64, (32, 64, 128, 256)
STEPS, ROUNDS = 8, 9


def settings() -> Settings:
    """The peer's network, loss and optimiser."""
    return Settings.of(
        network="conv",
        channels=CHANNELS,
        encoder_layers=(),
        decoder_layers=(),
        activation="relu",
        keep_prob=1.0,
        init_sd=0.02,
        linear_path=False,
        likelihood="gaussian",
        sigma="fixed",
        latent_dim=LATENT,
        batch_size=BATCH,
        clip_norm=0.0,
        schedule="constant",
        epochs=1,
        mirror=False,
    )


def ours(steps: int) -> Callable[[int], object]:
    """The training loop that `vaefit fit` runs, on images enough for so many steps an epoch."""
    shape = (SIDE, SIDE, 3)
    x = np.random.default_rng(0).uniform(size=(steps * BATCH, SIDE * SIDE * 3)).astype(np.float32)
    made, images = settings(), transform_from_dict({"kind": "unit-interval", "shape": list(shape)})
    model = build_model(made, x.shape[1], jax.random.key(0), shape=shape)
    trainer = build_trainer(made, images, model, x)
    (part,) = trainer.rows.parts(0, 0)
    return lambda n: trainer._timed_chunk(part, 0, n)


def measure(rounds: int) -> list[Comparison]:
    """Milliseconds a step."""
    here = ours(STEPS)
    with Peer("torch_conv.py", "eager", SIDE, BATCH, LATENT, *CHANNELS) as torch:
        found = take_turns(
            {
                "vaefit": lambda: 1e3 / STEPS * seconds(here, STEPS),
                "torch": lambda: 1e3 / STEPS * torch.seconds(STEPS),
            },
            rounds or ROUNDS,
        )
        name = f"{torch.version}, channels last"
    what = f"convolutions {SIDE}x{SIDE}, batch {BATCH}, channels {CHANNELS[0]}-{CHANNELS[-1]}"
    return [Comparison(what, name, "ms a step", found["vaefit"], found["torch"], 1.0, more_is_better=False)]
