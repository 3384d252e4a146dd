"""A sweep's models are those that `fit` alone gives, whatever they are trained beside."""

import csv
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest

from vaefit import RunError, SettingsError, Sweep, fit, load, ppca, sweep
from vaefit.display import Silent
from vaefit.sweeping import traced
from vaefit.sweeping.prepare import groups, prepare_all
from vaefit.sweeping.sweep import resume
from vaefit.sweeping.train import Stop, train

SMALL = {"encoder_layers": (8,), "decoder_layers": (8,), "batch_size": 40}
# A rate of 0.1 falls back to the start, and stops early.
OWN_WAYS = {**SMALL, "epochs": 7, "schedule": "cosine", "early_stopping": 1}
MODELS = {
    "a": {"latent_dim": 1, "beta": 3.0, "keep_prob": 0.7, "learning_rate": 3e-3, "mean_l1": 1e-2, "seed": 1},
    "b": {"latent_dim": 3, "beta": 1.0, "keep_prob": 1.0, "learning_rate": 0.1, "mean_l1": 1e-3, "seed": 0},
    "c": {
        "latent_dim": 2,
        "beta": 0.5,
        "keep_prob": 0.9,
        "learning_rate": 1e-2,
        "mean_l1": 1e-2,
        "epochs": 4,
    },
}


def rows(n: int = 130) -> np.ndarray:
    """Rows near a curve."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-2, 2, size=(n, 1))
    return np.concatenate([t, t**2, np.sin(t), np.cos(2 * t)], axis=1) + 0.05 * rng.normal(size=(n, 4))


def same_history(name: str, found: list[dict[str, Any]], alone: list[dict[str, Any]]) -> None:
    """Equal to rounding: the epochs, what was decided, and the numbers."""
    assert len(found) == len(alone), name
    for a, b in zip(found, alone, strict=True):
        assert a["best"] == b["best"]
        assert a["validation"] == pytest.approx(b["validation"], rel=1e-5, abs=1e-6), (name, a["epoch"])
        for term in {"loss", "rate", "distortion", "learning_rate", "skipped"} & set(a):
            assert a[term] == pytest.approx(b[term], rel=1e-5, abs=1e-6), (name, a["epoch"], term)


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    """The models as `fit` alone gives them."""
    return {name: fit(rows(), **{**OWN_WAYS, **own}) for name, own in MODELS.items()}


@pytest.mark.parametrize("better_apart", [True, False], ids=["a processor each", "mapped over"])
def test_every_model_is_what_fit_alone_gives(
    alone: dict[str, Any], better_apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traced, "better_apart", lambda: better_apart)
    members, _ = prepare_all(rows(), "default", OWN_WAYS, MODELS, Silent())
    assert len(groups(members, 64)) == 1
    train(members, Silent(), Stop(), None)
    # They end at different times, and one goes back to its start.
    assert len({len(m.journal.history) for m in members}) > 1
    assert any(m.trainer.progress.returns for m in members)
    for member in members:
        by_fit = alone[member.name]
        same_history(member.name, member.journal.history, by_fit.history)
        for found, expected in zip(_weights(member.trainer.kept()), _weights(by_fit.model), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=member.name)


def test_models_of_rows_beyond_memory_are_trained_one_after_the_other(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", rows())
    how = {**SMALL, "epochs": 2, "stream": True}
    found = sweep(tmp_path / "x.npy", over={"latent_dim": [1, 2]}, out=tmp_path / "sweep", **how)
    by_fit = fit(tmp_path / "x.npy", latent_dim=2, **how)
    one = found.run("latent_dim=2,seed=0")
    same_history("latent_dim=2", one.history, by_fit.history)
    for mine, expected in zip(_weights(one.model), _weights(by_fit.model), strict=True):
        np.testing.assert_array_equal(mine, expected)
    assert (tmp_path / "sweep/best").exists() and len(found.table()) == 2


def _weights(model: Any) -> list[np.ndarray]:
    import equinox as eqx
    import jax

    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))]


def test_a_model_whose_numbers_are_not_finite_leaves_the_others_alone() -> None:
    models = {"good": {"learning_rate": 1e-3}, "bad": {"learning_rate": 1e30}}
    settings = {**SMALL, "latent_dim": 1, "epochs": 60, "optimizer": "sgd", "schedule": "constant"}
    members, _ = prepare_all(rows(60), "default", {**settings, "early_stopping": 0}, models, Silent())
    train(members, Silent(), Stop(), None)
    good, bad = members
    assert good.failed is None and len(good.journal.history) == 61
    assert bad.failed is not None and "was not finite" in bad.failed


def test_what_is_not_traced_makes_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[np.ndarray] = []
    decompose = ppca._of_covariance
    monkeypatch.setattr(ppca, "_of_covariance", lambda x, mean: fitted.append(x) or decompose(x, mean))
    models = {
        "a": {"latent_dim": 1},
        "b": {"latent_dim": 2, "learning_rate": 1e-4, "epochs": 3},
        "wider": {"encoder_layers": (9,)},
        "sampled": {"kl": "sampled"},
        "penalised": {"mean_l1": 0.1},
    }
    members, _ = prepare_all(rows(60), "default", {**SMALL, "latent_dim": 1}, models, Silent())
    assert len(fitted) == 1  # what they start from is found once
    found = [[m.name for m in group] for group in groups(members, 64)]
    assert found == [["a", "b"], ["wider"], ["sampled"], ["penalised"]]
    assert [len(group) for group in groups(members[:2], 1)] == [1, 1]


# Long enough to be met at work.
LONG = (
    "--decoder-layers 16 --batch-size 20 --early-stopping 0 --epochs 80 --limit 100 --checkpoint-seconds 0 "
    "--over latent_dim=1,2 --over encoder_layers=16/8"
)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vaefit", "sweep", *arguments, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def epochs_of(run: Path) -> int:
    history = run / "history.jsonl"
    return history.read_text().count("\n") if history.exists() else 0


def wait_for_epochs(run: Path, epochs: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 300
    while process.poll() is None and epochs_of(run) <= epochs and time.monotonic() < until:
        time.sleep(0.01)


def test_killed_and_stopped_and_resumed(tmp_path: Path) -> None:
    np.save(tmp_path / "table.npy", rows())
    out, whole = tmp_path / "sweep", tmp_path / "whole"
    first, second = (out / f"latent_dim=1,encoder_layers={n},seed=0" for n in (16, 8))
    given = (str(tmp_path / "table.npy"), *LONG.split())
    process = start(*given, "--out", str(out))
    wait_for_epochs(first, 6, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 6 < epochs_of(first) < 80
    load(first)  # what is on disk is always a whole run
    process = start("--resume", str(out))
    wait_for_epochs(second, 6, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert err.splitlines()[-1].endswith(f"go on with: vaefit sweep --resume {out}")
    kept = (first / "model.safetensors").stat().st_mtime_ns
    found, by_one = (
        json.loads(p.communicate(timeout=300)[0])
        for p in (start("--resume", str(out)), start(*given, "--out", str(whole)))
    )
    assert (first / "model.safetensors").stat().st_mtime_ns == kept  # done before, and left alone
    assert found["best"] == by_one["best"]
    for name, summary in by_one["models"].items():
        assert found["models"][name]["epochs"] == 80
        assert found["models"][name]["validation"] == pytest.approx(summary["validation"], rel=1e-4), name
        same_history(name, load(out / name).history[:20], load(whole / name).history[:20])


def at(found: Sweep) -> Path:
    """The folder of a sweep."""
    assert found.folder is not None
    return found.folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A sweep of eight models and its folder."""
    over = {"latent_dim": [1, 2], "beta": [0.5, 2.0]}
    out = tmp_path_factory.mktemp("small") / "sweep"
    return sweep(rows(60), over=over, seeds=2, out=out, epochs=2, **SMALL)


def test_the_table_is_means_over_seeds_and_the_best_is_linked(small: Sweep) -> None:
    folder = at(small)
    runs = {name: load(folder / name) for name in small.models}
    kept = {
        name: [r for r in run.history if r["best"]][-1]["validation"]["elbo"] for name, run in runs.items()
    }
    lines = list(csv.DictReader((folder / "sweep.csv").read_text().splitlines()))
    assert [(line["latent_dim"], line["beta"]) for line in lines] == [
        ("1", "0.5"),
        ("1", "2.0"),
        ("2", "0.5"),
        ("2", "2.0"),
    ]
    for line in lines:
        own = f"latent_dim={line['latent_dim']},beta={float(line['beta']):g},seed="
        of_seeds = [kept[f"{own}{seed}"] for seed in (0, 1)]
        assert float(line["elbo"]) == pytest.approx(mean(of_seeds), rel=1e-5)
        assert float(line["elbo_se"]) == pytest.approx(stdev(of_seeds) / math.sqrt(2), rel=1e-3)
    top = max(lines, key=lambda line: float(line["elbo"]))
    own = f"latent_dim={top['latent_dim']},beta={float(top['beta']):g},seed="
    best = max((f"{own}{seed}" for seed in (0, 1)), key=lambda name: kept[name])
    assert small.best == best and (folder / "best").readlink() == Path(best)
    assert load(folder / "best").settings.get("beta") == float(top["beta"])
    assert {p.name for p in folder.glob("*.png")} == {"likelihood.png", "rate_distortion.png"}
    assert (folder / "best" / "reconstructions.png").exists()
    assert "± " in (folder / "README.md").read_text()
    assert len(list(csv.DictReader((folder / "runs.csv").read_text().splitlines()))) == 8


def test_a_sweep_that_is_done_is_left_as_it_is(small: Sweep) -> None:
    before = {path: path.stat().st_mtime_ns for path in at(small).glob("*=*/*.safetensors")}
    again = resume(at(small), rows(60))
    assert again.table() == small.table() and len(before) == 16
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(RunError, match="fitted to an array"):
        resume(at(small))
    with pytest.raises(RunError, match="holds another sweep; go on with it by --resume"):
        sweep(rows(60), over={"latent_dim": [1]}, out=at(small))
    with pytest.raises(RunError, match=r"no sweep.json in it; expected the --out of a `vaefit sweep`"):
        resume(at(small) / str(small.best))


def test_likelihoods_that_do_not_compare_are_refused() -> None:
    x = (rows(60) > 0).astype(float)
    with pytest.raises(SettingsError, match="densities beside probability masses"):
        sweep(x, over={"likelihood": ["bernoulli", "gaussian"]}, latent_dim=1, epochs=1, **SMALL)
