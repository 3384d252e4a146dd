"""A sweep's models are those that `fit` alone gives, whatever they are trained beside."""

import csv
import json
import math
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

from vaefit import SettingsError, fit, load, sweep
from vaefit.sweeping import traced

SMALL = {
    "encoder_layers": (8,),
    "decoder_layers": (8,),
    "epochs": 5,
    "batch_size": 40,
    "schedule": "exponential",
    "early_stopping": 2,
}


def rows(n: int = 130) -> np.ndarray:
    """Rows near a curve."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-2, 2, size=(n, 1))
    return np.concatenate([t, t**2, np.sin(t), np.cos(2 * t)], axis=1) + 0.05 * rng.normal(size=(n, 4))


def same_run(name: str, found: object, alone: object) -> None:
    """Equal to rounding: epochs, decisions, numbers of every epoch, and the weights that are kept."""
    assert len(found.history) == len(alone.history), name
    for a, b in zip(found.history, alone.history, strict=True):
        assert a["best"] == b["best"]
        assert a["validation"] == pytest.approx(b["validation"], rel=1e-5, abs=1e-6), (name, a["epoch"])
        for term in set(a) & {"loss", "rate", "learning_rate"}:
            assert a[term] == pytest.approx(b[term], rel=1e-5, abs=1e-6), (name, a["epoch"], term)
    x = rows(7)
    for one, other in zip(found.encode(x), alone.encode(x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=name)


def test_every_model_is_what_fit_alone_gives(tmp_path: Path) -> None:
    # Rates of 0.5 fall back: models go their own ways, and stop at different times.
    over = {
        "latent_dim": [1, 3],
        "beta": [1.0, 3.0],
        "keep_prob": [0.7, 1.0],
        "learning_rate": [3e-3, 0.5],
        "mean_l1": [1e-3, 1e-2],
    }
    found = sweep(rows(), over=over, seeds=2, out=tmp_path / "sweep", **SMALL)
    assert len(found.summaries) == 64
    for choice in (
        {"latent_dim": 1, "beta": 3.0, "keep_prob": 0.7, "learning_rate": 3e-3, "mean_l1": 1e-2, "seed": 1},
        {"latent_dim": 3, "beta": 1.0, "keep_prob": 1.0, "learning_rate": 0.5, "mean_l1": 1e-3, "seed": 0},
        {"latent_dim": 1, "beta": 1.0, "keep_prob": 1.0, "learning_rate": 0.5, "mean_l1": 1e-2, "seed": 1},
    ):
        name = next(name for name, own in found.models.items() if own == choice)
        alone = fit(rows(), **SMALL, **choice)
        same_run(name, load(tmp_path / "sweep" / name), alone)
        assert found.summaries[name]["validation"] == pytest.approx(alone.summary["validation"], rel=1e-5)
