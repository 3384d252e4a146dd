"""A run that is stopped or killed, and taken up again, is the run that was never stopped: to the bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vaefit import RunError, fit, load
from vaefit.fitting import resume

# `make soak` kills 50 times.
KILLS = int(os.environ.get("VAEFIT_SOAK_KILLS", "2"))
# Each life is killed within eight epochs of its first; a busy machine may look up late.
EPOCHS = max(200, 8 * KILLS)
SETTINGS = (
    "--latent-dim 2 --encoder-layers 16 --decoder-layers 16 --batch-size 20 --early-stopping 0 "
    f"--epochs {EPOCHS} --checkpoint-seconds 0 --seed 5 --schedule plateau --plateau-patience 3"
).split()


def rows(path: Path) -> Path:
    """A table of 150 rows near a curve."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-2, 2, size=(150, 1))
    np.save(path, np.concatenate([t, t**2, np.sin(t)], axis=1) + 0.05 * rng.normal(size=(150, 3)))
    return path


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vaefit", *arguments, "--json", "--no-report"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*arguments: str) -> dict:
    process = start(*arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


def wait_for_epochs(run: Path, epochs: int, process: subprocess.Popen[str]) -> None:
    history = run / "history.jsonl"
    while process.poll() is None and not (history.exists() and history.read_text().count("\n") > epochs):
        time.sleep(0.01)


def epochs_of(run: Path) -> int:
    history = run / "history.jsonl"
    return history.read_text().count("\n") if history.exists() else 0


def same_run(a: Path, b: Path) -> None:
    """Equal weights to the byte, and equal histories but for times and speeds."""
    assert (a / "model.safetensors").read_bytes() == (b / "model.safetensors").read_bytes()
    timed = {"seconds", "rows_per_second"}
    histories = [
        [{k: v for k, v in json.loads(line).items() if k not in timed} for line in text.splitlines()]
        for text in ((run / "history.jsonl").read_text() for run in (a, b))
    ]
    assert histories[0] == histories[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Data, and the run that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    table = rows(folder / "table.npy")
    finish("fit", str(table), "--out", str(folder / "run"), *SETTINGS)
    return table, folder / "run"


def test_killed_at_random_moments_and_resumed(whole: tuple[Path, Path], tmp_path: Path) -> None:
    table, uninterrupted = whole
    run, chance = tmp_path / "run", random.Random(1)
    process = start("fit", str(table), "--out", str(run), *SETTINGS)
    for _ in range(KILLS):
        # Beyond what earlier lives reached, so that each kill meets a run at work, not one that starts.
        wait_for_epochs(run, epochs_of(run) + chance.randrange(1, 8), process)
        time.sleep(chance.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        load(run)  # what is on disk is always a whole run
        process = start("fit", "--resume", str(run))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["epochs"] == EPOCHS
    same_run(run, uninterrupted)


def test_signals_save_say_how_to_go_on_and_lose_nothing(whole: tuple[Path, Path], tmp_path: Path) -> None:
    table, uninterrupted = whole
    run = tmp_path / "run"
    process = start("fit", str(table), "--out", str(run), *SETTINGS, "--checkpoint-seconds", "1000")
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        wait_for_epochs(run, epochs_of(run) + 5, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert err.splitlines()[-1].endswith(f"go on with: vaefit fit --resume {run}")
        process = start("fit", "--resume", str(run))
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    same_run(run, uninterrupted)


def test_epochs_is_the_total_and_the_schedule_keeps_its_horizon(tmp_path: Path) -> None:
    x = np.load(rows(tmp_path / "table.npy"))
    small = {"latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,), "schedule": "cosine"}
    fit(x, out=tmp_path / "run", epochs=4, final_rate=1e-5, **small)
    longer = resume(tmp_path / "run", x, epochs=6)
    assert longer.summary["epochs"] == 6
    rates = [r["learning_rate"] for r in longer.history if r["epoch"]]
    assert len(rates) == 6
    assert rates[0] > rates[3] > 1e-5
    assert rates[4] == rates[5] == pytest.approx(1e-5)


def test_resume_refuses_other_data_and_an_array_that_is_not_given(tmp_path: Path) -> None:
    x = np.load(rows(tmp_path / "table.npy"))
    small = {"latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,)}
    fit(x, out=tmp_path / "run", epochs=2, **small)
    with pytest.raises(RunError, match="other data"):
        resume(tmp_path / "run", x + 0.1, epochs=3)
    with pytest.raises(RunError, match="fitted to an array"):
        resume(tmp_path / "run", epochs=3)


def test_a_new_run_starts_from_old_weights(tmp_path: Path) -> None:
    x = np.load(rows(tmp_path / "table.npy"))
    small = {"latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,)}
    old = fit(x, out=tmp_path / "old", epochs=5, **small)
    new = fit(x, init_from=tmp_path / "old", epochs=1, keep_prob=1.0)
    assert new.history[0]["validation"]["elbo"] == pytest.approx(old.summary["validation"]["elbo"], abs=1e-3)
    with pytest.raises(RunError, match="expected"):
        fit(x, init_from=tmp_path / "old", epochs=1, latent_dim=3)


@pytest.mark.skipif("VAEFIT_SOAK_KILLS" not in os.environ, reason="slow: in `make soak`")
def test_a_cold_and_a_warm_compilation_cache_give_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows(tmp_path / "table.npy")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "cache"))
    short = [*SETTINGS, "--epochs", "5"]
    for name in ("cold", "warm"):
        finish("fit", str(table), "--out", str(tmp_path / name), *short)
    assert list((tmp_path / "cache").iterdir())
    same_run(tmp_path / "cold", tmp_path / "warm")
