"""`faces-2016` against the numbers of the 2016 TensorFlow program, through the training loop users run."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from vaefit import recipes
from vaefit.assemble import build_model, build_trainer
from vaefit.data import transform_from_dict
from vaefit.model import VAE, Terms
from vaefit.penalties.firing_variance import FiringVariance
from vaefit.penalties.smoothness import Smoothness
from vaefit.penalties.weights_l2 import WeightsL2
from vaefit.posteriors.gaussian_2016 import Gaussian2016
from vaefit.program import State
from vaefit.train import Trainer

SAMPLES, BATCH, STEPS = 10, 7, 15
ENCODER = [f"encoder_weights_{i}" for i in range(3)]
DECODER = [f"decoder_weights_{i}" for i in range(3)]


class ReplayedPosterior(Gaussian2016):
    """The recipe's posterior with the golden file's noise in place of random draws."""

    noise: Array = eqx.field(kw_only=True)

    def sample(self, q: Any, key: Array, samples: int) -> Array:
        return q.base_dist.loc + q.base_dist.scale * jax.lax.stop_gradient(self.noise)


class ReplayedSmoothness(Smoothness):
    """The smoothness penalty with the golden file's input noise."""

    drawn: Array = eqx.field(kw_only=True)

    def noise(self, x: Array, key: Array) -> Array:
        return self.drawn


def weights(golden: Any, group: str) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    heads = np.concatenate([golden[f"{group}/mean_weights"], golden[f"{group}/var_weights"]], axis=1)
    encoder = [golden[f"{group}/{name}"] for name in ENCODER] + [heads]
    decoder = [golden[f"{group}/{name}"] for name in DECODER]
    return tuple(map(jnp.asarray, encoder)), tuple(map(jnp.asarray, decoder))


def latent_noise(golden: Any, step: int) -> Array:
    return jnp.asarray(golden["latent_noise"][step].reshape(SAMPLES, BATCH, -1))


@pytest.fixture
def trainer(golden: Any) -> Trainer:
    settings = recipes.load("faces-2016").settings.with_(
        encoder_layers=(32, 24, 16), latent_dim=5, decoder_layers=(16, 24), keep_prob=1.0
    )
    model = build_model(settings, 361, jax.random.key(0))
    model = eqx.tree_at(lambda m: (m.encoder.weights, m.decoder.weights), model, weights(golden, "init"))
    posterior = ReplayedPosterior(latent_dim=5, noise=latent_noise(golden, 0))
    transform = transform_from_dict({"kind": "pixels", "shape": [19, 19], "levels": 256, "dequantise": False})
    model = eqx.tree_at(lambda m: m.posterior, model, posterior)
    return build_trainer(settings, transform, model, golden["x"].reshape(-1, 361))


def terms_of_first_step(trainer: Trainer, golden: Any) -> tuple[VAE, Array, Terms]:
    x = jnp.asarray(golden["x"][0])
    return trainer.model, x, trainer.model.terms(x, None, jax.random.key(0), SAMPLES)


def close(ours: Any, theirs: np.ndarray, relative: float) -> None:
    """Within `relative` of the tensor's largest entry."""
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=0, atol=relative * np.abs(theirs).max())


def test_tensors_of_the_first_step(trainer: Trainer, golden: Any) -> None:
    model, x, terms = terms_of_first_step(trainer, golden)
    q = model.encode(x)
    p = model.likelihood(terms.decoder.output)
    close(q.mean, golden["step0/tensor/mean"], 1e-4)
    close(jnp.sqrt(q.variance), golden["step0/tensor/var"], 1e-4)
    close(terms.location.reshape(SAMPLES, -1), golden["step0/tensor/network_out"], 1e-4)
    close(p.mean[0], golden["step0/tensor/out_mean"], 1e-4)
    close(p.variance[0], golden["step0/tensor/out_var"], 1e-4)


def test_cost_terms_of_the_first_step(trainer: Trainer, golden: Any) -> None:
    model, x, terms = terms_of_first_step(trainer, golden)
    key = jax.random.key(0)
    smoothness = ReplayedSmoothness(drawn=jnp.asarray(golden["input_noise"][0]))
    penalty = {name: part(terms, model, x, key) for name, (_, part) in trainer.parts.penalties.items()}
    loss, _ = trainer.program.loss(trainer.state.params, x, jnp.ones(BATCH), jnp.zeros(()), key)
    ours = {
        "cost": loss,
        "minus_kl": -jnp.mean(terms.rate),
        "log_likelihood": -jnp.mean(terms.distortion),
        "sparse_mean": penalty["mean-l1"],
        "manifold_smoothness": smoothness(terms, model, x, key),
        "firing_variance": FiringVariance()(terms, model, x, key),
        "weights_l2": WeightsL2()(terms, model, x, key),
    }
    for name, value in ours.items():
        close(value, golden[f"step0/term/{name}"], 1e-4)


def test_gradients_of_the_first_step(trainer: Trainer, golden: Any) -> None:
    x = jnp.asarray(golden["x"][0])
    gradient, _ = jax.grad(trainer.program.loss, has_aux=True)(
        trainer.state.params, x, jnp.ones(BATCH), jnp.zeros(()), jax.random.key(0)
    )
    encoder, decoder = weights(golden, "step0/grad")
    latent_dim = golden["step0/grad/mean_weights"].shape[1]
    heads, golden_heads = gradient.encoder.weights[-1], encoder[-1]
    for ours, theirs in zip(gradient.encoder.weights[:-1], encoder[:-1], strict=True):
        close(ours, np.asarray(theirs), 1e-4)
    for half in (slice(None, latent_dim), slice(latent_dim, None)):
        close(heads[:, half], np.asarray(golden_heads)[:, half], 1e-4)
    for ours, theirs in zip(gradient.decoder.weights, decoder, strict=True):
        close(ours, np.asarray(theirs), 1e-4)


def test_fifteen_steps_of_training(trainer: Trainer, golden: Any) -> None:
    step = jax.jit(partial(trainer.program.step, step_key=trainer.step_key))
    state: State = trainer.state
    empty, rows = state.sums, jnp.ones(BATCH)
    seen: dict[str, list[float]] = {"cost": [], "minus_kl": [], "log_likelihood": [], "sparse_mean": []}
    for number in range(STEPS):
        params = eqx.tree_at(lambda p: p.posterior.noise, state.params, latent_noise(golden, number))
        state = step(state._replace(params=params, sums=empty), golden["x"][number], rows, jnp.float32(1))
        seen["cost"].append(float(state.sums.loss) / BATCH)
        seen["minus_kl"].append(-float(state.sums.rate) / BATCH)
        seen["log_likelihood"].append(-float(state.sums.distortion) / BATCH)
        seen["sparse_mean"].append(float(state.sums.penalties["mean-l1"]) / BATCH)
    for name, values in seen.items():
        np.testing.assert_allclose(values, golden[f"train/term/{name}"], rtol=1e-3)
    encoder, decoder = weights(golden, "final")
    for ours, theirs in zip(state.params.encoder.weights, encoder, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-4)
    for ours, theirs in zip(state.params.decoder.weights, decoder, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-4)
