"""Published numbers beside ours, each by its recipe, on its whole test set.

A case whose data are missing is skipped with one line. `minutes` shortens training (its schedule with it) to
what this machine does in that time; `paper` trains with the recipe as it stands, without our shortening.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from parts import results

TITLE = "Published numbers"


class Split(NamedTuple):
    """Raw values; no validation rows where the paper had none."""

    train: np.ndarray
    validation: np.ndarray | None
    test: np.ndarray


def static_mnist() -> Split:
    """Larochelle & Murray's fixed binarisation, 50000/10000/10000."""
    with np.load(results.DATA / "mnist" / "static_binarized_mnist_packed.npz") as packed:
        return Split(
            *(np.unpackbits(packed[n], axis=1).reshape(-1, 28, 28) for n in ("train", "valid", "test"))
        )


def grey_mnist() -> Split:
    """Grey digits, to be binarised at every visit, 60000/0/10000."""
    with np.load(results.DATA / "mnist" / "mnist.npz") as found:
        return Split(found["x_train"], None, found["x_test"])


def frey() -> Split:
    """1565/200/200 frames after a shuffle: the video's neighbours are near-copies."""
    with np.load(results.DATA / "frey" / "freyfaces_uint8.npz") as found:
        rows = np.random.default_rng(0).permutation(found["X"])
    return Split(rows[:1565], rows[1565:1765], rows[1765:])


@dataclass(frozen=True)
class Case:
    """A recipe, its data, the number to reproduce, and what 30 minutes on 2 cores make us change."""

    recipe: str
    data: Callable[[], Split]
    paper: str
    unit: str = "nats"
    shorter: dict[str, Any] = field(default_factory=dict)


ANNEALED = {"learning_rate": 1e-3, "schedule": "cosine", "final_rate": 1e-5, "validation_samples": 1}
CASES = [
    Case(
        "tomczak-welling-2018-mnist",
        static_mnist,
        "88.56",
        shorter={**ANNEALED, "epochs": 200, "kl_warmup": 40},
    ),
    Case(
        "pythae-mnist",
        static_mnist,
        "89.9 (pythae: 89.78)",
        shorter={**ANNEALED, "stages": (), "epochs": 200},
    ),
    Case("tomczak-welling-2018-frey", frey, "4.63", "bits/dim", {**ANNEALED, "epochs": 400}),
    Case("burda-2016-vae-1", grey_mnist, "86.76", shorter={"epochs": 121}),
]
NAMES = tuple(case.recipe for case in CASES)


def main(asked: argparse.Namespace) -> None:
    """Fit, evaluate and write down every case asked for."""
    for case in [c for c in CASES if asked.only in ("published", None, c.recipe)]:
        try:
            split = case.data()
        except FileNotFoundError as missing:
            results.say(f"{case.recipe}: skipped, no data at {missing.filename}")
            continue
        line = measure(case, split, asked)
        print("  ".join(f"{name} {line[name]}" for name in ("recipe", "ours", "paper", "how")))
        results.write(TITLE, [line])


def measure(case: Case, split: Split, asked: argparse.Namespace) -> dict[str, str]:
    """One line of the results."""
    import vaefit

    fitted = vaefit.load(asked.run) if asked.run else train(case, split, asked)
    trained = [record for record in fitted.history if record["epoch"]]
    minutes = trained[-1]["seconds"] / 60
    found, error, growth = log_likelihood(fitted, split.test, asked.samples, fitted.settings.seed)
    scale = 1.0 if case.unit == "nats" else fitted.transform.dim * np.log(2)
    return {
        "recipe": case.recipe,
        "ours": f"{-found / scale:.{2 if scale == 1 else 3}f} ± {error / scale:.2g} {case.unit}",
        "paper": f"{case.paper} {case.unit}",
        "how": f"{len(trained)} epochs in {minutes:.1f} min; {len(split.test)} rows, {asked.samples} samples "
        f"(from {asked.samples // 4}: {growth / scale:+.2g})",
        "seed": str(fitted.settings.seed),
        **results.made(),
    }


def train(case: Case, split: Split, asked: argparse.Namespace) -> Any:
    """The recipe's run on this split, in runs/quality."""
    import vaefit
    from vaefit.cli import display
    from vaefit.dry_run import plan

    with tempfile.TemporaryDirectory() as folder:
        keywords = {"recipe": case.recipe, "seed": asked.seed, "validation": "0"}
        if split.validation is not None:
            keywords["validation"] = f"{folder}/validation.npy"
            np.save(keywords["validation"], split.validation)
        keywords |= {} if asked.paper else case.shorter
        if asked.minutes:
            cost = plan(split.train, **keywords)
            keywords["epochs"] = max(
                1, min(cost["epochs"], int(60 * asked.minutes / cost["seconds_per_epoch"]))
            )
        screen = display.choose(quiet=False)
        try:
            out = results.HERE.parent / "runs" / "quality" / case.recipe
            return vaefit.fit(split.train, out=out, force=True, display=screen, **keywords)
        finally:
            screen.close()


def log_likelihood(fitted: Any, rows: np.ndarray, samples: int, seed: int) -> tuple[float, float, float]:
    """Mean log p(x) of raw rows in nats, its standard error, its growth from a quarter of the samples."""
    from vaefit.evaluation.importance import importance_sample

    x = fitted.transform.forward(rows.reshape(len(rows), -1))
    if fitted.transform.visit is not None:
        x = fitted.transform.visit(x, np.random.default_rng(seed).random(x.shape, np.float32))
    found = importance_sample(fitted.model, x, draws=samples, seed=seed, progress=_percent)
    values = found.log_likelihood + fitted.transform.log_jacobian
    return float(values.mean()), float(values.std() / np.sqrt(len(values))), found.growth


def _percent(done: int, total: int) -> None:
    if 20 * done // total > 20 * (done - 1) // total:
        print(f"evaluating: {100 * done // total}%", file=sys.stderr)
