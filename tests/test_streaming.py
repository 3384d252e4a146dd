"""A fit whose rows are read block by block is the fit of the same rows in memory, in the same order."""

import os
import signal
from pathlib import Path
from queue import Queue

import jax
import numpy as np
import pytest

from vaefit import fit
from vaefit.assemble import build_model, build_trainer
from vaefit.data import choose_transform, open_stream
from vaefit.data.streams import order, take
from vaefit.display import Silent
from vaefit.errors import DataError, Interrupted
from vaefit.fitting import resume
from vaefit.settings import Settings
from vaefit.streaming import Streamed
from vaefit.train import Trainer

SMALL = {"latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,), "batch_size": 30}


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 2))
    found = tmp_path_factory.mktemp("stream") / "x.npy"
    np.save(found, (z @ rng.normal(size=(2, 4)) + 0.3 * rng.normal(size=(1000, 4))).astype(np.float32))
    return found


@pytest.fixture(autouse=True)
def small_windows(monkeypatch) -> None:
    # Seven windows of 150 rows.
    monkeypatch.setattr(order, "WINDOW_BYTES", 150 * 4 * 4)


class Nothing:
    """Looks at nothing."""

    def on_chunk(self, *_) -> None: ...

    def on_epoch(self, *_) -> None: ...

    def on_trouble(self, *_) -> None: ...


def trainers(path: Path) -> tuple[Trainer, Trainer]:
    settings = Settings.of(**SMALL, epochs=3, likelihood="gaussian")
    sample = take(open_stream(path), None, "block", 0).sample
    transform = choose_transform(sample)
    model, x = build_model(settings, 4, jax.random.key(0)), transform.forward(sample.values)
    return build_trainer(settings, transform, model, x), build_trainer(
        settings, transform, model, x, whole=sample.whole
    )


def test_given_the_same_order_the_weights_are_the_same_to_the_bit(path: Path):
    in_memory, streamed = trainers(path)
    stream = streamed.stream
    assert isinstance(stream, Streamed) and len(list(stream.windows(0))) == 7

    def same(epoch: int) -> jax.Array:
        rows = np.concatenate([w.numbers()[w.order()] for w in stream.windows(epoch)])
        return jax.numpy.asarray(np.pad(rows, (0, 20), constant_values=-1), jax.numpy.int32)

    in_memory.rows.order = same
    for trainer in (in_memory, streamed):
        trainer.run(Nothing())
    assert streamed.steps_per_epoch == in_memory.steps_per_epoch == 34
    for one, other in zip(*(jax.tree.leaves(t.state) for t in (in_memory, streamed)), strict=True):
        assert (np.asarray(one) == np.asarray(other)).all()


@pytest.fixture(scope="module")
def whole_run(path: Path, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "WINDOW_BYTES", 150 * 4 * 4)
        return fit(path, out=tmp_path_factory.mktemp("run") / "run", stream=True, epochs=3, **SMALL).folder


def test_a_fit_in_file_order_is_that_in_memory(path: Path, tmp_path: Path):
    outs = tmp_path / "streamed", tmp_path / "in-memory"
    runs = [
        fit(path, out=out, stream=out.name == "streamed", shuffle=False, epochs=2, **SMALL) for out in outs
    ]
    weights = [(out / "model.safetensors").read_bytes() for out in outs]
    assert weights[0] == weights[1]
    assert runs[0].source == runs[1].source


def test_the_next_window_is_brought_while_one_is_trained_on_and_the_next_epoch_s_first_while_the_last(
    path: Path, monkeypatch
):
    stream, begun = trainers(path)[1].stream, Queue()
    assert stream is not None
    monkeypatch.setattr(
        stream, "read", lambda window: begun.put(window.seed) or Streamed.read(stream, window)
    )
    parts = stream.parts(0, 0)
    for window in [*stream.windows(0)][:-1]:
        next(parts)
        assert begun.get(timeout=10) == window.seed
    last, first = [*stream.windows(0)][-1], next(stream.windows(1))
    assert begun.get(timeout=10) == last.seed
    next(parts)
    assert begun.get(timeout=10) == first.seed, "while the last window is trained on"
    assert next(parts, None) is None
    next(stream.parts(1, 0))
    assert begun.get(timeout=10) == [*stream.windows(1)][1].seed, "the first was not read again"
    stream.close()


def test_rows_a_little_apart_are_read_at_once_and_land_where_one_by_one_they_do(path: Path, monkeypatch):
    taken = take(open_stream(path), 0.1, "block", 0)
    transform, whole = choose_transform(taken.sample), taken.sample.whole
    assert whole is not None and len(whole.stretches) > 1
    stream, calls = Streamed(whole, transform.forward, 30, shuffle=True, seed=0), []
    values = whole.stream.values
    monkeypatch.setattr(whole.stream, "values", lambda *ends: calls.append(ends) or values(*ends))
    windows = [*stream.windows(0)]
    apart, calls_apart = [stream.read(window).x for window in windows], len(calls)
    monkeypatch.setattr(whole.stream, "gap", 100)
    for x, window in zip(apart, windows, strict=True):
        together = stream.read(window).x
        wanted = transform.forward(np.load(path)[window.numbers()])
        assert (together == x).all() and (x[: window.n] == wanted).all()
    assert len(calls) - calls_apart < calls_apart


class Stopper(Silent):
    """Stops a fit in the middle of its second epoch."""

    def on_chunk(self, epoch: int, done: float, record) -> None:
        if epoch == 2 and 0.4 < done < 1:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_fit_taken_up_amid_an_epoch_is_the_same_fit(
    path: Path, whole_run: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("vaefit.train.SECONDS_BETWEEN_LOOKS", 0.0)
    with pytest.raises(Interrupted):
        fit(path, out=tmp_path / "run", stream=True, epochs=3, display=Stopper(), **SMALL)
    resume(tmp_path / "run")
    assert (tmp_path / "run/model.safetensors").read_bytes() == (whole_run / "model.safetensors").read_bytes()


class Remover(Stopper):
    """Takes a file away in the middle of the second epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_chunk(self, epoch: int, done: float, record) -> None:
        if epoch == 2 and 0.2 < done < 0.4 and self.path.exists():
            self.path.rename(self.path.with_suffix(".gone"))


def test_a_file_that_vanishes_ends_the_fit_saved_and_it_goes_on_once_it_is_back(
    path: Path, whole_run: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("vaefit.train.SECONDS_BETWEEN_LOOKS", 0.0)
    mine = tmp_path / "x.npy"
    mine.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"x\.npy can no longer be read.*fit --resume"):
        fit(mine, out=tmp_path / "run", stream=True, epochs=3, display=Remover(mine), **SMALL)
    mine.with_suffix(".gone").rename(mine)
    resume(tmp_path / "run")
    assert (tmp_path / "run/model.safetensors").read_bytes() == (whole_run / "model.safetensors").read_bytes()


class Notes(Silent):
    """Keeps notices."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def notice(self, message: str) -> None:
        self.notes.append(message)


def test_too_little_memory_makes_windows_smaller(path: Path, monkeypatch):
    read = Streamed.read

    def narrow(self, window):
        if self.size > 60:
            raise MemoryError("cannot allocate")
        return read(self, window)

    monkeypatch.setattr(Streamed, "read", narrow)
    seen = Notes()
    fitted = fit(path, stream=True, epochs=1, display=seen, **SMALL)
    assert [note for note in seen.notes if "out of memory" in note] == [
        "out of memory (cannot allocate): from here 60 rows are on the device at a time"
    ]
    assert fitted.history[-1]["step"] == 30


def test_all_processes_make_windows_smaller_where_one_has_too_little_memory(path: Path, monkeypatch):
    # What the other process says of its windows: the second did not fit.
    said = iter([0, 1])
    monkeypatch.setattr("vaefit.streaming.processes.greatest", lambda mine: max(mine, next(said, 0)))
    seen = Notes()
    fitted = fit(path, stream=True, epochs=1, display=seen, **SMALL)
    assert [note for note in seen.notes if "out of memory" in note] == [
        "out of memory (in another process): from here 60 rows are on the device at a time"
    ]
    assert fitted.history[-1]["step"] == 30
