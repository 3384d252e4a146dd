"""Numbers that are not finite, and disks that are full: nothing that was good is lost."""

import errno
import os
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

from test_train import DIM, Recorder, rows, trainer, weights
from vaefit import Run, RunError, TrainingError, VaefitError, fit, load
from vaefit.fitting import resume
from vaefit.train import RECOVERIES

SMALL = {"latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,)}


def table() -> np.ndarray:
    return rows(150).astype(np.float64)


def all_finite(model: object) -> bool:
    return all(np.isfinite(w).all() for w in weights(model))


def test_a_planted_row_is_skipped_counted_and_harms_nobody() -> None:
    x = rows(130)
    x[17] = 1e30
    training = trainer(x=x, epochs=6, batch_size=10, shuffle=True)
    recorder = Recorder()
    training.run(recorder)
    assert [r["skipped"] for r in recorder.records] == [1, 2, 3, 4, 5, 6]
    assert recorder.troubles == []
    assert all_finite(training.kept())
    assert recorder.records[-1]["elbo"] > recorder.records[0]["elbo"]


def test_a_rate_too_large_is_made_smaller_until_training_goes_on() -> None:
    training = trainer(
        epochs=60,
        batch_size=10,
        optimizer="sgd",
        learning_rate=1.0,
        init_sd=0.2,
        validation=rows(40, seed=1),
        linear_path=False,
    )
    recorder = Recorder()
    training.run(recorder)
    assert 1 <= training.progress.recoveries <= RECOVERIES
    assert len(recorder.troubles) == training.progress.recoveries
    assert "back to the weights of epoch" in recorder.troubles[0]
    assert all_finite(training.last())
    assert recorder.records[-1]["validation"]["elbo"] > recorder.records[0]["validation"]["elbo"]


def test_what_smaller_rates_do_not_help_stops_with_term_rows_and_cause() -> None:
    x = np.full((100, DIM), 1e25, np.float32) * rows(100)
    training = trainer(x=x, epochs=60, batch_size=10)
    training.names = [f"file{i}.png" for i in range(100)]
    with pytest.raises(TrainingError) as told:
        training.run(Recorder())
    message = str(told.value)
    assert "\n" not in message
    for part in ("was not finite in row", "file", ".png", "values far from all others", "--learning-rate"):
        assert part in message
    assert training.progress.recoveries == RECOVERIES
    assert all_finite(training.kept())


def test_a_huge_rate_names_the_learning_rate() -> None:
    training = trainer(epochs=60, batch_size=10, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(TrainingError, match="learning rate is too large"):
        training.run(Recorder())


def test_a_likelihood_driven_to_its_guard_stays_finite(tmp_path: Path) -> None:
    x = table()
    x[:, 0] = 3.0  # a column that never changes drives its sd to the floor
    fitted = fit(x, out=tmp_path / "run", epochs=40, learning_rate=0.05, sigma_min=1e-6, **SMALL)
    assert all_finite(fitted.model)
    assert np.isfinite(fitted.summary["validation"]["elbo"])


def test_a_run_that_stops_keeps_what_was_good(tmp_path: Path) -> None:
    wild = {
        "optimizer": "sgd",
        "learning_rate": 1e30,
        "clip_norm": 0.0,
        "batch_size": 10,
        "early_stopping": 0,
    }
    with pytest.raises(TrainingError):
        fit(table(), out=tmp_path / "run", epochs=60, **wild, **SMALL)
    assert all_finite(load(tmp_path / "run").model)


def failing_writes(monkeypatch: pytest.MonkeyPatch, code: int, after: int) -> None:
    """Let `after` files be written, then none."""
    real, count = os.fsync, [0]

    def fsync(descriptor: int) -> None:
        count[0] += 1
        if count[0] > after:
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture(scope="module")
def whole() -> Run:
    """The run that nothing befell."""
    return fit(table(), epochs=6, **SMALL)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("after", [5, 6, 7, 8, 9])
def test_a_failing_write_leaves_the_previous_checkpoint_whole(
    code: int, after: int, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, run = table(), tmp_path / "run"
    with monkeypatch.context() as patch:
        failing_writes(patch, code, after)
        with pytest.raises(RunError, match=os.strerror(code)):
            fit(x, out=run, epochs=6, checkpoint_seconds=0.0, **SMALL)
    assert all_finite(load(run).model)
    assert not list(run.rglob(".*safetensors*"))
    again = resume(run, x)
    assert again.summary["epochs"] == 6
    for a, b in zip(jax.tree.leaves(again.model), jax.tree.leaves(whole.model), strict=True):
        assert np.array_equal(a, b)


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192k", "none", str(disk)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with pytest.raises(VaefitError, match="No space left"):
            fit(
                table(),
                out=disk / "run",
                epochs=3,
                latent_dim=2,
                encoder_layers=(64, 64),
                checkpoint_seconds=0.0,
            )
    finally:
        subprocess.run(["umount", str(disk)], check=True)
