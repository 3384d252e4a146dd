"""The training loop: what is kept, what is counted, what is compiled, and that seeds hold."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vaefit.assemble import build_model, build_objective, build_trainer
from vaefit.data import transform_from_dict
from vaefit.data.transforms import Binarise
from vaefit.errors import TrainingError
from vaefit.evaluation import BLOCK, Evaluator
from vaefit.model import VAE
from vaefit.program import Program
from vaefit.progress import RETURNS, Progress
from vaefit.settings import Settings
from vaefit.train import Trainer
from vaefit.visits import TrainingVisit

DIM = 6


class Recorder:
    """Keeps the records, and may interfere between epochs."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.troubles: list[str] = []

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any], trainer: Trainer) -> None: ...

    def on_trouble(self, message: str) -> None:
        self.troubles.append(message)

    def on_epoch(self, record: Mapping[str, Any], trainer: Trainer) -> None:
        self.records.append(dict(record))


def rows(n: int = 130, seed: int = 0) -> np.ndarray:
    """Rows near a plane of two dimensions."""
    rng = np.random.default_rng(seed)
    plane = np.random.default_rng(9).normal(size=(2, DIM))
    return (rng.normal(size=(n, 2)) @ plane + 0.1 * rng.normal(size=(n, DIM))).astype(np.float32)


def trainer(
    x: np.ndarray | None = None,
    validation: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    validation_weights: np.ndarray | None = None,
    **given: Any,
) -> Trainer:
    chosen = {
        "likelihood": "gaussian",
        "latent_dim": 2,
        "encoder_layers": (8,),
        "decoder_layers": (8,),
        "batch_size": 50,
        "epochs": 3,
        "schedule": "constant",
        "clip_norm": 0.0,
        "keep_prob": 1.0,
        "init_sd": 0.5,
    }
    settings = Settings.of(**{**chosen, **given})
    transform = transform_from_dict({"kind": "identity", "shape": [DIM]})
    x = rows() if x is None else x
    model = build_model(settings, DIM, jax.random.key(settings.seed))
    return build_trainer(settings, transform, model, x, validation, weights, validation_weights)


def run(training: Trainer) -> list[dict[str, Any]]:
    recorder = Recorder()
    training.run(recorder)
    return recorder.records


def weights(model: VAE) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))]


def same(a: VAE, b: VAE) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    first, second, other = (trainer(keep_prob=0.8, seed=seed) for seed in (3, 3, 4))
    for training in (first, second, other):
        run(training)
    assert same(first.kept(), second.kept())
    assert not same(first.kept(), other.kept())


def test_training_learns() -> None:
    records = run(trainer(epochs=60, learning_rate=1e-2, validation=rows(40, seed=1)))
    assert records[-1]["validation"]["elbo"] > records[0]["validation"]["elbo"] + 1


def test_the_start_is_a_candidate_and_the_best_is_kept() -> None:
    held_out = rows(40, seed=1)
    training = trainer(validation=held_out, epochs=4, learning_rate=30.0)  # every step makes it worse
    start = training.last()
    records = run(training)
    assert [r["epoch"] for r in records] == [0, 1, 2, 3, 4]
    assert training.progress.best_epoch == 0
    assert same(training.kept(), start)
    scores = [r["validation"]["elbo"] for r in records]
    assert training.evaluator(training.kept(), held_out).elbo == max(scores)


def test_without_validation_the_last_weights_are_kept() -> None:
    training = trainer()
    records = run(training)
    assert same(training.kept(), training.last())
    assert [r["epoch"] for r in records] == [1, 2, 3]


def test_early_stopping() -> None:
    training = trainer(validation=rows(40, seed=1), epochs=50, learning_rate=30.0, early_stopping=3)
    training.progress.returns = RETURNS
    assert len(run(training)) == 1 + 3


@pytest.mark.parametrize("beta", [4.0, 20.0])
def test_what_is_kept_is_best_by_the_objective_that_was_trained(beta: float) -> None:
    training = trainer(
        validation=rows(40, seed=1), epochs=20, early_stopping=0, beta=beta, learning_rate=0.03
    )
    seen = [record["validation"] for record in run(training)]

    def best(weight: float) -> int:
        return int(np.argmax([-bound["distortion"] - weight * bound["rate"] for bound in seen]))

    assert training.progress.best_epoch == best(beta)
    assert best(beta) != best(1.0), "one would not tell from the other"


def test_a_start_that_no_epoch_beats_is_gone_back_to_with_a_smaller_rate() -> None:
    training = trainer(validation=rows(40, seed=1), epochs=14, learning_rate=30.0, early_stopping=1)
    start, back = training.last(), []

    class Watcher(Recorder):
        def on_epoch(self, record: Mapping[str, Any], trainer: Trainer) -> None:
            super().on_epoch(record, trainer)
            if record["epoch"] and same(trainer.last(), start):
                back.append(record["epoch"])

    watcher = Watcher()
    training.run(watcher)
    rates = {record["epoch"]: record["learning_rate"] for record in watcher.records[1:]}
    assert len(back) == len(watcher.troubles) == training.progress.returns == RETURNS
    assert [rates[epoch + 1] / rates[epoch] for epoch in back] == pytest.approx([0.1, 0.1])
    assert f"no epoch up to {back[0]} was better than the start" in watcher.troubles[0]


def test_patience_is_counted_among_epochs_of_training() -> None:
    """From an exact optimum the first epochs fall; while they rise again, training is not stuck."""
    progress = Progress()
    kept, waited = [], []
    for epoch, score in enumerate([10.0, -50.0, -9.0, -9.5, np.nan, 8.0, 12.0, 11.0]):
        progress.epoch = epoch
        kept.append(progress.note(score))
        waited.append(progress.since_best)
        assert not progress.stuck_below_start(3)
    assert kept == [True, False, False, False, False, False, True, False]
    assert waited == [0, 0, 0, 1, 2, 0, 0, 1]
    assert (progress.best_epoch, progress.best_score) == (6, 12.0)
    # A checkpoint of an older version knows the best score alone.
    assert Progress(epoch=7, best_epoch=6, best_score=12.0).best_trained == 12.0


def test_a_start_that_is_beaten_early_is_never_gone_back_to() -> None:
    settings: dict[str, Any] = {"validation": rows(40, seed=1), "epochs": 8, "learning_rate": 0.01}
    patient, training = trainer(**settings), trainer(**settings, early_stopping=4)
    run(patient)
    run(training)
    assert training.progress.returns == 0
    assert training.progress.epoch == 8
    assert same(patient.last(), training.last())


@pytest.mark.parametrize("held_out", [True, False])
def test_the_plateau_lowers_the_rate_to_its_floor(held_out: bool) -> None:
    training = trainer(
        validation=rows(40, seed=1) if held_out else None,
        epochs=20,
        learning_rate=0.5,
        schedule="plateau",
        plateau_patience=2,
        plateau_factor=0.1,
        final_rate=0.02,
        early_stopping=0,
        linear_path=False,
    )
    rates = [r["learning_rate"] for r in run(training) if r["epoch"]]
    assert rates[0] == pytest.approx(0.5)
    assert sorted(rates, reverse=True) == rates
    if held_out:
        assert rates[-1] == pytest.approx(0.02)


def test_every_row_is_seen_once_an_epoch_in_file_order_or_shuffled() -> None:
    for shuffle in (False, True):
        training = trainer(shuffle=shuffle)
        orders = [np.asarray(training._order(epoch)) for epoch in (0, 1)]
        for order in orders:
            assert len(order) == 150
            assert sorted(order[order >= 0]) == list(range(130))
        assert np.array_equal(*orders) is not shuffle
    assert np.array_equal(np.asarray(trainer(shuffle=False)._order(0))[:130], np.arange(130))


def test_the_short_last_batch_is_trained_on_like_any_other() -> None:
    """A padded step equals a step on its rows alone."""
    x = jnp.asarray(rows(50))
    padded = x.at[30:].set(3.0)
    counts = (jnp.arange(50) < 30).astype(jnp.float32)
    training = trainer(kl="analytic", mean_l1=0.1, sigma="fixed", start="random")
    key = jax.random.key(0)
    params, loss = training.state.params, jax.jit(training.program.loss)
    with_padding, sums = loss(params, padded, counts, jnp.zeros(()), key)
    other, _ = loss(params, x, counts, jnp.zeros(()), key)
    assert float(with_padding) == pytest.approx(float(other), rel=1e-6)
    assert float(sums.rows) == 30
    full, _ = loss(params, x, jnp.ones(50), jnp.zeros(()), key)
    assert float(full) != pytest.approx(float(other), rel=1e-3)


def test_one_trace_whatever_the_chunks_and_the_short_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    traces = {"loss": 0}
    original = Program.loss

    def counted(self: Program, *args: Any) -> Any:
        traces["loss"] += 1
        return original(self, *args)

    monkeypatch.setattr(Program, "loss", counted)
    x, validation = rows(131), rows(40, seed=1)
    run(trainer(x, epochs=5, validation=validation))
    assert traces["loss"] == 1
    # Other data and another seed, but the same program.
    run(trainer(-x, epochs=5, validation=validation, seed=3))
    assert traces["loss"] == 1
    run(trainer(x, epochs=1, validation=validation, weights=np.arange(131.0)))
    run(trainer(x, epochs=1, validation=validation, weights=np.ones(131)))
    assert traces["loss"] == 2


def test_equal_programs_are_one_and_others_are_not() -> None:
    pixels = [
        transform_from_dict({"kind": "pixels", "shape": [2, 3], "levels": levels, "dequantise": True})
        for levels in (256, 256, 4)
    ]
    settings = Settings.of(likelihood="gaussian", latent_dim=2, epochs=9)
    model = build_model(settings, DIM, jax.random.key(0))
    first, same, other = (build_trainer(settings, p, model, rows()).program for p in pixels)
    assert first == same and hash(first) == hash(same) and first != other
    values = {"beta": 2.0, "learning_rate": 0.1, "samples": 2, "adam_b1": 0.8, "mean_l1": 1.0}
    for name, value in values.items():
        changed = build_trainer(settings.with_(**{name: value}), pixels[0], model, rows())
        assert changed.program != first, name
    assert build_trainer(settings, pixels[0], model, rows(131)).program != first


def test_whole_weights_are_repeated_rows() -> None:
    """One batch of weighted rows has the loss, gradient and sums of the rows repeated; padding is nothing."""
    x, counts = rows(30), np.arange(30) % 4
    training = trainer(x, kl="analytic", sigma="fixed")
    # Latents without noise, which would be another for every row.
    still = training.model.encoder.with_output_bias(jnp.asarray([0.0, 0.0, -30.0, -30.0]))
    model = eqx.tree_at(lambda m: m.encoder, training.model, still)
    params, key, epoch = eqx.filter(model, eqx.is_inexact_array), jax.random.key(0), jnp.zeros(())
    present, scaled = jnp.asarray(counts > 0, jnp.float32), jnp.asarray(counts / counts[counts > 0].mean())
    loss = jax.jit(jax.value_and_grad(training.program.loss, has_aux=True))
    (value, sums), gradient = loss(params, jnp.asarray(x), present, epoch, key, scaled.astype(jnp.float32))
    again = jnp.asarray(x.repeat(counts, axis=0))
    (expected, many), slope = loss(params, again, jnp.ones(len(again)), epoch, key)
    assert float(value) == pytest.approx(float(expected), rel=1e-6)
    assert float(sums.distortion / sums.rows) == pytest.approx(float(many.distortion / many.rows), rel=1e-6)
    for ours, theirs in zip(jax.tree.leaves(gradient), jax.tree.leaves(slope), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_row_without_weight_is_not_there_and_validation_is_weighted_too() -> None:
    x, validation = rows(50), rows(40, seed=1)
    weights = np.repeat([1.0, 0.0], 25)
    spoilt = np.where(weights[:, None] > 0, x, x[:1] + 5.0)
    held = {"validation": validation, "validation_weights": np.repeat([2.0, 0.0], 20)}
    one = run(trainer(x, weights=weights, epochs=2, **held))
    other = run(trainer(spoilt, weights=weights, epochs=2, **held))
    assert [r["validation"] for r in one] == [r["validation"] for r in other]
    assert one[1]["elbo"] == other[1]["elbo"]
    cut = run(trainer(x, weights=weights, epochs=2, validation=validation[:20]))
    assert one[2]["validation"]["elbo"] == pytest.approx(cut[2]["validation"]["elbo"], rel=1e-6)


def test_steps_that_are_not_finite_change_nothing_and_are_counted() -> None:
    bad = rows(50)
    bad[27, 2] = np.nan
    training = trainer(x=bad, batch_size=10, shuffle=False)
    (part,), before = training.rows.parts(0, 0), training.state
    assert not training._timed_chunk(part, 0, 5)
    assert training.state is before
    training.step_by_step(Recorder(), part, 0, 5)
    assert [int(n) for n in (training.state.step, training.state.skipped, training.state.failing)] == [
        5,
        1,
        0,
    ]
    # The third batch holds the row: the others, alone, lead to the same weights, to the bit.
    alone = trainer(x=bad, batch_size=10, shuffle=False)
    for step in range(5):
        if step == 2:
            alone.state = alone.state._replace(step=alone.state.step + 1)
        else:
            assert alone._timed_chunk(part, step, step + 1)
    for a, b in zip(jax.tree.leaves(training.state[:2]), jax.tree.leaves(alone.state[:2]), strict=True):
        assert np.array_equal(a, b)


def test_training_that_only_fails_ends_with_an_error() -> None:
    training = trainer(x=np.full((500, DIM), np.nan, np.float32), batch_size=2, epochs=5)
    with pytest.raises(TrainingError, match="not finite"):
        run(training)


def test_beta_and_warm_up_weigh_the_rate() -> None:
    x, key = jnp.asarray(rows(50)), jax.random.key(0)
    terms = trainer().model.terms(x, None, key, 2)
    for beta, warm_up, epoch, weight in ((1.0, 0.0, 0.0, 1.0), (4.0, 0.0, 9.0, 4.0), (4.0, 8.0, 2.0, 1.0)):
        objective = build_objective(Settings.of(beta=beta, kl_warmup=warm_up, kl="analytic"))
        expected = -terms.distortion - weight * terms.rate
        np.testing.assert_allclose(objective(terms, jnp.asarray(epoch)), expected, rtol=1e-6)
    sampled = build_objective(Settings.of(kl="sampled"))(terms, jnp.zeros(()))
    np.testing.assert_allclose(sampled, -terms.distortion - terms.sampled_rate, rtol=1e-6)


@pytest.fixture(scope="module")
def rated() -> tuple[VAE, np.ndarray, np.ndarray]:
    """A model, rows, and the rate of each from all of them at once."""
    model, x = trainer().model, rows(2 * BLOCK + 5)
    rate = eqx.filter_jit(lambda x: model.terms(x, None, jax.random.key(0), 1).kl)(jnp.asarray(x))
    return model, x, np.asarray(rate)


@pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
def test_evaluation_takes_every_row_once(n: int, rated: tuple[VAE, np.ndarray, np.ndarray]) -> None:
    model, x, rate = rated
    per_row = Evaluator(model, samples=2, seed=0).rows(model, x[:n])
    assert per_row.shape == (n, 2)
    np.testing.assert_allclose(per_row[:, 0], rate[:n], rtol=1e-4, atol=1e-6)


def test_evaluation_draws_as_terms_do() -> None:
    model, x, evaluator = trainer().model, rows(BLOCK), Evaluator(trainer().model, samples=2, seed=3)
    key = jax.random.fold_in(evaluator.key, 0)
    distortion = eqx.filter_jit(lambda x: model.terms(x, None, key, 2).distortion)(jnp.asarray(x))
    np.testing.assert_allclose(evaluator.rows(model, x)[:, 1], distortion, rtol=1e-5)


def test_evaluation_counts_the_jacobian() -> None:
    model, x = trainer().model, rows(20)
    plain = Evaluator(model, samples=2, seed=0)(model, x)
    scaled = Evaluator(model, samples=2, seed=0, log_jacobian=lambda x: np.full(len(x), -3.0))(model, x)
    assert scaled.elbo == pytest.approx(plain.elbo - 3.0)
    assert scaled.rate == plain.rate


def test_evaluation_draws_pixels_with_their_grey_values_and_always_the_same() -> None:
    settings = Settings.of(likelihood="bernoulli", latent_dim=1, encoder_layers=(), decoder_layers=())
    model = build_model(settings, 1, jax.random.key(0))
    model = eqx.tree_at(lambda m: m.decoder, model, model.decoder.with_output_bias(jnp.ones(1)))
    grey = np.linspace(0.2, 0.4, 3000, dtype=np.float32)[:, None]  # equal rows have equal noise
    evaluator = Evaluator(model, samples=1, seed=0, visit=Binarise((1,), 255.0).visit)
    distortion = evaluator.rows(model, grey)[:, 1]
    drawn = np.log1p(np.e) - distortion  # -log p(x) = log(1 + e^b) - x b, here b = 1
    np.testing.assert_allclose(drawn, np.round(drawn), atol=1e-5)
    assert drawn.mean() == pytest.approx(0.3, abs=0.04)
    np.testing.assert_array_equal(evaluator.rows(model, grey)[:, 1], distortion)


def test_training_draws_pixels_afresh_at_every_visit() -> None:
    grey = np.full((40, DIM), 0.5, np.float32)
    training = trainer(grey, likelihood="bernoulli", decoder_layers=(), epochs=4)
    plan = dataclasses.replace(training.plan, visit=TrainingVisit(Binarise((DIM,), 255.0).visit))
    training = dataclasses.replace(training, parts=training.parts._replace(plan=plan))
    losses = [record["distortion"] for record in run(training)]
    assert len(set(losses)) == 4
