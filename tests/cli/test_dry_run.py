"""`vaefit fit --dry-run`: what a fit would be and cost; nothing is written."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Steps are timed for a moment only."""
    from vaefit import dry_run

    monkeypatch.setattr(dry_run, "SECONDS", 0.05)


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """An empty working folder."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def test_says_what_the_fit_would_be(vaefit, folder, small, fit_said, empty):
    said = vaefit("fit", folder, "--dry-run", "--json", "-q", *small)
    assert (said.code, said.err) == (0, "")
    found = said.json
    assert (found["rows"], found["validation_rows"], found["shape"]) == (54, 6, [8, 8])
    assert (found["likelihood"], found["transform"]) == ("gaussian", "pixels")
    assert found["parameters"] == fit_said.json["parameters"]
    assert (found["batch_size"], found["steps_per_epoch"], found["epochs"]) == (25, 3, 2)
    assert not list(empty.iterdir())


def test_memory_is_that_of_weights_gradients_optimiser_data_and_activations(vaefit, folder, small):
    found = vaefit("fit", folder, "--dry-run", "--json", "-q", *small).json
    memory, weights = found["memory_mib"], 4 * found["parameters"] / 2**20
    assert memory["weights"] == memory["gradients"] == pytest.approx(weights)
    # Adam keeps two numbers a weight.
    assert memory["optimizer"] == pytest.approx(2 * weights, rel=0.01)
    assert memory["data"] == pytest.approx(60 * 64 * 4 / 2**20)
    # 25 rows, one draw each: encoder 8 + 2 x 2, z 2, decoder 8 + 2 x 64; their gradients too, 4 bytes each.
    assert memory["activations"] == pytest.approx(2 * 4 * 25 * (8 + 4 + 2 + 8 + 128) / 2**20)
    assert memory["total"] == pytest.approx(sum(v for k, v in memory.items() if k != "total"))


def test_activations_of_the_decoder_grow_with_the_draws_and_no_batch_exceeds_the_rows(vaefit, folder, small):
    arguments = ("--samples", "3", "--batch-size", "1000")
    memory = vaefit("fit", folder, "--dry-run", "--json", "-q", *small, *arguments).json["memory_mib"]
    assert memory["activations"] == pytest.approx(2 * 4 * 54 * (8 + 4 + 3 * (2 + 8 + 128)) / 2**20)


def test_times_add_up(vaefit, folder, small):
    found = vaefit("fit", folder, "--dry-run", "--json", "-q", *small, "--validation", "0").json
    assert 0 < found["seconds_per_step"] < found["seconds_to_compile"]
    assert found["seconds_per_epoch"] == pytest.approx(3 * found["seconds_per_step"])
    total = found["seconds_to_compile"] + 2 * found["seconds_per_epoch"]
    assert found["seconds_in_all"] == pytest.approx(total)


def test_validation_counts(vaefit, folder, small):
    found = vaefit("fit", folder, "--dry-run", "--json", "-q", *small).json
    assert found["seconds_per_epoch"] > 3 * found["seconds_per_step"]


def test_text_for_a_person(vaefit, folder, small, empty):
    said = vaefit("fit", folder, "--dry-run", *small)
    assert said.code == 0, said.err
    for piece in (
        "54 training rows, 6 validation rows of 8x8 (pixels)",
        "likelihood gaussian",
        "MiB (weights",
        "3 an epoch, of 25 rows",
        "s an epoch; 2 epochs",
        "nothing was written",
    ):
        assert piece in said.out, piece
    assert "note: likelihood: gaussian" in said.err
    assert not list(empty.iterdir())


def test_one_step_an_epoch_and_one_epoch_are_timed(vaefit, folder, small):
    arguments = (*small, "--batch-size", "1000", "--epochs", "1")
    found = vaefit("fit", folder, "--dry-run", "--json", "-q", *arguments).json
    assert (found["batch_size"], found["steps_per_epoch"]) == (54, 1)
    assert found["seconds_per_step"] > 0


def test_from_python_an_array_and_penalties_and_plateau(monkeypatch):
    from vaefit.dry_run import plan

    x = np.random.default_rng(0).normal(size=(40, 3))
    found = plan(x, latent_dim=2, encoder_layers=(4,), decoder_layers=(4,), schedule="plateau", mean_l1=0.1)
    assert found["path"] == "array"
    assert found["transform"] == "standardise"


def test_the_seconds_of_steps_are_what_was_asked_for(monkeypatch, folder):
    """The stopwatch stops soon after the time is up, and takes its compiling chunk apart."""
    from vaefit.display import Silent
    from vaefit.dry_run import _EnoughError, _Stopwatch
    from vaefit.train import Trainer

    clock = iter(range(100))
    monkeypatch.setattr("vaefit.dry_run.time.perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr("vaefit.dry_run.SECONDS", 2.0)
    watch, trainer = _Stopwatch(Silent()), object.__new__(Trainer)
    watch.on_chunk(1, 0.1, {"step": 1}, trainer)
    watch.on_chunk(1, 0.2, {"step": 11}, trainer)
    with pytest.raises(_EnoughError):
        watch.on_chunk(1, 0.3, {"step": 31}, trainer)
    assert (watch.compiling, watch.seconds, watch.steps) == (1.0, 2.0, 30)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gone", "--dry-run"), "nothing there"),
        (("--resume", "runs/x", "--dry-run"), "--resume goes on with the run's own data and settings"),
        (("DATA", "--dry-run", "--out", "DATA/run"), "lies inside the data"),
        (("DATA", "--dry-run", "--out", "DATA"), "holds other files"),
        (("DATA", "--dry-run", "--likelihood", "bernoulli", "--sigma", "fixed"), "sigma is an option of"),
        (("--dry-run",), "expected DATA to fit"),
        (
            ("DATA", "--dry-run", "--tensorboard"),
            "is about one run and writes nothing, found --tens",
        ),
        (
            ("DATA", "--dry-run", "--tensorboard", "--seeds", "2"),
            "--tensorboard and --seeds; leave out",
        ),
    ],
)
def test_mistakes_are_those_of_the_fit(vaefit, folder, empty, arguments, message):
    given = [str(a).replace("DATA", str(folder)) for a in arguments]
    said = vaefit("fit", *given, "-q")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert message in said.err
    assert not list(empty.iterdir())
