"""What a GPU is for: steps beside PyTorch's, products in bfloat16, 64 models at once, importance sampling."""

import contextlib
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from parts import conv_step, mnist_mlp, post_step, sweep
from parts.results import Line, made
from parts.rounds import Comparison, Peer, Round, seconds, take_turns
from vaefit.assemble import build_trainer
from vaefit.data import transform_from_dict
from vaefit.evaluation import importance_sample
from vaefit.train import Trainer

# Aims of each network's steps, beside PyTorch eager and beside CUDA graphs.
SMALL_AIMS, LARGE_AIMS = (10.0, 3.0), (1.0, 1.0)
PRODUCTS = ("float32", "tensorfloat32", "bfloat16")


@dataclass(frozen=True)
class Size:
    """How much of everything a round takes."""

    steps: int = 2000
    conv_steps: int = 200
    mlp_rows: int = mnist_mlp.ROWS
    mlp_epochs: int = 20
    models: int = 64
    likelihood_rows: int = 512
    draws: int = 1000
    rounds: int = 5


# Of a rehearsal, a minute or two of a processor.
SMALL = Size(4, 2, 500, 1, 2, 4, 50, 1)


def post(size: Size) -> list[Comparison]:
    """The post's network and batch."""
    x = np.random.default_rng(0).uniform(size=(2429, 361)).astype(np.float32)
    here = post_step.ours(x)

    def at_most_an_epoch(steps: int) -> None:
        for first in range(0, steps, 347):
            here(min(347, steps - first))

    return _beside_torch(
        post_step.WHAT, at_most_an_epoch, size.steps, 1, ("torch_post.py",), size, SMALL_AIMS
    )


def mlp(size: Size) -> list[Comparison]:
    """One layer on MNIST; an epoch is so many steps."""
    x = mnist_mlp.rows()[: size.mlp_rows]
    steps = -(-len(x) // mnist_mlp.BATCH)
    with mnist_mlp.written(x) as path:
        arguments = ("torch_mlp.py", path, 784, mnist_mlp.UNITS, mnist_mlp.LATENT, mnist_mlp.BATCH)
        what = "MNIST 784-512-40, batch 100"
        return _beside_torch(what, mnist_mlp.epochs(x), size.mlp_epochs, steps, arguments, size, SMALL_AIMS)


def conv(size: Size) -> list[Comparison]:
    """Convolutions."""
    what = f"convolutions {conv_step.SIDE}x{conv_step.SIDE}, batch {conv_step.BATCH}"
    sizes = (conv_step.SIDE, conv_step.BATCH, conv_step.LATENT, *conv_step.CHANNELS)
    here = conv_step.ours(size.conv_steps)
    return _beside_torch(what, here, size.conv_steps, 1, ("torch_conv.py", None, *sizes), size, LARGE_AIMS)


def _beside_torch(
    what: str,
    here: Callable[[int], object],
    n: int,
    steps_each: int,
    peer: tuple[object, ...],
    size: Size,
    aims: tuple[float, float],
) -> list[Comparison]:
    """Steps a second, `n` times `steps_each` a round; the peer is told how where its arguments have None."""
    script, *arguments = peer
    if None not in arguments:
        arguments.append(None)
    with contextlib.ExitStack() as open_:
        peers = {
            how: open_.enter_context(Peer(str(script), *(how if a is None else a for a in arguments)))
            for how in ("eager", "graphs")
        }
        sides: dict[str, Round] = {"vaefit": lambda: n * steps_each / seconds(here, n)}
        for how, other in peers.items():
            sides[how] = lambda other=other: n * steps_each / other.seconds(n)
        found = take_turns(sides, size.rounds)
        version = peers["eager"].version
    names = {"eager": f"{version}, eager", "graphs": f'{version}, compiled, mode="reduce-overhead"'}
    return [
        Comparison(what, names[how], "steps/s", found["vaefit"], found[how], aim)
        for how, aim in zip(names, aims, strict=True)
    ]


def many_models(size: Size) -> list[Comparison]:
    """An epoch of a sweep of many models beside one of one."""
    x = np.random.default_rng(0).uniform(size=(sweep.ROWS, sweep.PIXELS)) > 0.5
    sides = {"many": sweep.sweep_epoch(x, size.models), "one": sweep.sweep_epoch(x, 1)}
    found = take_turns(sides, size.rounds)
    what = (
        f"a sweep's epoch, {size.models} models of {sweep.UNITS} units, {sweep.ROWS} rows of {sweep.PIXELS}"
    )
    return [
        Comparison(
            what, "one model", "s", found["many"], found["one"], 4.0, more_is_better=False, at_most=True
        )
    ]


def precision(size: Size) -> list[Line]:
    """The MLP trained with products in each precision: rows a second, and the ELBO that it comes to."""
    train, held_out = np.split(mnist_mlp.rows()[: size.mlp_rows], [size.mlp_rows * 9 // 10])
    lines, first = [], None
    for products in PRODUCTS:
        trainer = _trainer(train)

        def run(epochs: int, trainer: Trainer = trainer) -> None:
            for epoch in range(epochs):
                (part,) = trainer.rows.parts(epoch, 0)
                trainer._timed_chunk(part, 0, trainer.steps_per_epoch)

        with jax.default_matmul_precision(products):
            rates = [size.mlp_epochs * len(train) / seconds(run, size.mlp_epochs) for _ in range(size.rounds)]
        with jax.default_matmul_precision("float32"):
            elbo = trainer.evaluator(trainer.last(), held_out).elbo
        first = elbo if first is None else first
        lines.append(
            {
                "what": "MNIST 784-512-40, batch 100",
                "products": products,
                "rows/s": f"{statistics.median(rates):,.0f}",
                "epochs": f"{int(trainer.state.step) // trainer.steps_per_epoch}",
                "held-out ELBO": f"{elbo:.2f}",
                "beside float32": f"{elbo - first:+.2f}",
                **made(),
            }
        )
    return lines


def likelihood(size: Size) -> list[Line]:
    """Rows x draws a second of importance sampling."""
    x, model = mnist_mlp.rows(), mnist_mlp.model()

    def run(n: int) -> None:
        importance_sample(model, x[:n], draws=size.draws)

    rates = [
        size.likelihood_rows * size.draws / seconds(run, size.likelihood_rows) for _ in range(size.rounds)
    ]
    what = f"MNIST 784-512-40, log-likelihood, {size.draws} draws"
    return [{"what": what, "rows x draws/s": f"{statistics.median(rates):,.0f}", **made()}]


def _trainer(x: np.ndarray) -> Trainer:
    digits = transform_from_dict({"kind": "two-valued", "shape": [28, 28], "low": 0.0, "high": 1.0})
    return build_trainer(mnist_mlp.settings(), digits, mnist_mlp.model(), x)
