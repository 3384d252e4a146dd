"""One layer on static MNIST (784-512-40): epochs and log-likelihoods beside pythae's and PyTorch's."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from parts.floor import floor
from parts.results import DATA
from parts.rounds import Comparison, Peer, seconds, take_turns
from vaefit import recipes
from vaefit.assemble import build_model, build_trainer
from vaefit.data import transform_from_dict
from vaefit.evaluation import importance_sample, products
from vaefit.model import VAE
from vaefit.settings import Settings

UNITS, LATENT, BATCH = 512, 40, 100
ENCODER, DECODER = [(784, UNITS), (UNITS, 2 * LATENT)], [(LATENT, UNITS), (UNITS, 784)]
# Of 50000; the rate is the same.
ROWS, ROUNDS = 10_000, 9
# Of ours enough to be taken together, as those of a test set are; the peer takes them one by one.
DRAWS, THEIR_ROWS, OUR_ROWS = 1000, 5, 2048
# What `get_nll` decodes at once: its default, and all draws.
BATCHES = 100, DRAWS


def settings() -> Settings:
    """pythae's network and loss."""
    return recipes.load("pythae-mnist").settings.with_(encoder_layers=(UNITS,), decoder_layers=(UNITS,))


def rows() -> np.ndarray:
    """The first training rows."""
    with np.load(DATA / "mnist" / "static_binarized_mnist_packed.npz") as found:
        return np.unpackbits(found["train"][:ROWS], axis=1).astype(np.float32)


def model() -> VAE:
    """With random weights everywhere, as the peers' are."""
    return build_model(settings().with_(init_sd=0.03), 784, jax.random.key(0))


def epochs(x: np.ndarray) -> Callable[[int], object]:
    """Epochs of the training loop that `vaefit fit` runs, each in a new order, as one chunk of steps."""
    digits = transform_from_dict({"kind": "two-valued", "shape": [28, 28], "low": 0.0, "high": 1.0})
    trainer = build_trainer(settings(), digits, model(), x)

    def run(n: int) -> None:
        for epoch in range(n):
            (part,) = trainer.rows.parts(epoch, 0)
            trainer._timed_chunk(part, 0, trainer.steps_per_epoch)

    return run


@contextlib.contextmanager
def written(x: np.ndarray) -> Iterator[Path]:
    """Rows for peers to read."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "rows.npy", x)
        yield Path(folder) / "rows.npy"


def measure(rounds: int) -> list[Comparison]:
    """Rows a second in training."""
    x = rows()
    run, at_floor = epochs(x), floor(jnp.asarray(x[:BATCH]), ENCODER, DECODER, 1)
    with (
        written(x) as path,
        Peer("pythae_mlp.py", "epochs", path, LATENT, BATCH) as pythae,
        Peer("torch_mlp.py", path, 784, UNITS, LATENT, BATCH, "compiled") as torch,
    ):
        found = take_turns(
            {
                "floor": lambda: ROWS / seconds(at_floor, ROWS // BATCH),
                "vaefit": lambda: ROWS / seconds(run, 1),
                "pythae": lambda: ROWS / pythae.seconds(1),
                "torch": lambda: ROWS / torch.seconds(1),
            },
            rounds or ROUNDS,
        )
        names = f"{pythae.version}, its trainer", f"{torch.version}, compiled"
    what, unit = "MNIST 784-512-40, batch 100, training", "rows/s"
    return [
        Comparison(what, names[0], unit, found["vaefit"], found["pythae"], 2.0),
        Comparison(what, names[1], unit, found["vaefit"], found["torch"], 1.3),
        # How much room there is; the aim is that of the post's step.
        Comparison(what, "floor", unit, found["vaefit"], found["floor"], 1.3, at_most=True),
    ]


def measure_likelihood(rounds: int) -> list[Comparison]:
    """Rows x draws a second in importance sampling."""
    x, ours = rows(), model()

    def run(n: int, float32: bool | None = None) -> None:
        importance_sample(ours, x[:n], draws=DRAWS, float32=float32)

    precision = products(ours, DRAWS, None)
    with written(x) as path, contextlib.ExitStack() as open_:
        peers = [
            open_.enter_context(Peer("pythae_mlp.py", "likelihoods", path, LATENT, DRAWS, batch))
            for batch in BATCHES
        ]
        sides = {f"pythae, batches of {b}": peer for b, peer in zip(BATCHES, peers, strict=True)}
        found = take_turns(
            {
                "vaefit": lambda: OUR_ROWS * DRAWS / seconds(run, OUR_ROWS),
                "float32": lambda: OUR_ROWS * DRAWS / seconds(partial(run, float32=True), OUR_ROWS),
                **{
                    name: lambda peer=peer: THEIR_ROWS * DRAWS / peer.seconds(THEIR_ROWS)
                    for name, peer in sides.items()
                },
            },
            rounds or ROUNDS,
        )
        best = max(sides, key=lambda name: np.median(found[name]))
        name = f"{sides[best].version}, `get_nll`, {best.partition(', ')[2]}"
    what, unit = "MNIST 784-512-40, log-likelihood, 1000 draws", "rows x draws/s"
    own = [Comparison(f"{what}, {precision}", name, unit, found["vaefit"], found[best], 10.0)]
    if precision != "float32":
        own.append(Comparison(f"{what}, float32 alone", name, unit, found["float32"], found[best], 10.0))
    return own
