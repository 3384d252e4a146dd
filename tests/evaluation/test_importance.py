"""Importance sampling against multivariate normals and quadrature."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from linear_gaussian import DIM, MEAN, SD, WEIGHT, drawn, exact, linear_gaussian
from nonlinear import by_quadrature, nonlinear
from vaefit.assemble import build_model
from vaefit.errors import SettingsError
from vaefit.evaluation.importance import importance_sample, why_undefined
from vaefit.likelihoods.gaussian import Gaussian
from vaefit.model import VAE
from vaefit.settings import Settings


@pytest.fixture(scope="module")
def model() -> VAE:
    return linear_gaussian(WEIGHT, MEAN, SD)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return drawn(37)


def with_wider_posterior(model: VAE) -> VAE:
    """The same p(x, z) with q(z|x) displaced and wider than the exact one."""
    change = jnp.asarray([0.2, -0.2, 0.5, 0.5], jnp.float32)
    return eqx.tree_at(lambda m: m.encoder.biases[0], model, model.encoder.biases[0] + change)


@pytest.mark.parametrize("draws", [1, 2, 7, 1000])
def test_with_the_exact_posterior_any_number_of_draws_is_exact(model: VAE, x: np.ndarray, draws: int) -> None:
    found = importance_sample(model, x, draws=draws)
    expected = exact(WEIGHT, MEAN, SD, x)
    np.testing.assert_allclose(found.log_likelihood, expected, atol=1e-4)
    np.testing.assert_allclose(found.log_likelihood_quarter, expected, atol=1e-4)
    np.testing.assert_allclose(found.effective_draws, draws, rtol=1e-4)
    assert found.growth == pytest.approx(0.0, abs=1e-5)


def test_with_another_posterior_it_converges_from_below(model: VAE, x: np.ndarray) -> None:
    wrong, expected = with_wider_posterior(model), exact(WEIGHT, MEAN, SD, x)
    many = importance_sample(wrong, x, draws=20_000)
    np.testing.assert_allclose(many.log_likelihood, expected, atol=0.03)
    # Rows share their noise, so that it is seeds that average it out.
    few = [importance_sample(wrong, x, draws=4, seed=seed) for seed in range(100)]
    assert many.elbo.mean() < np.mean([f.log_likelihood for f in few]) < expected.mean()
    assert 0 < many.growth < 1e-3 < np.mean([f.growth for f in few])
    assert np.all(many.effective_draws < 20_000) and np.all(many.effective_draws > 1_000)


def test_elbo_rate_and_distortion_are_the_closed_forms(model: VAE, x: np.ndarray) -> None:
    wrong = with_wider_posterior(model)
    found = importance_sample(wrong, x, draws=20_000)
    q = wrong.encode(jnp.asarray(x))
    mean, variance = np.asarray(q.mean, np.float64), np.asarray(q.variance, np.float64)
    rate = 0.5 * np.sum(mean**2 + variance - 1 - np.log(variance), axis=1)
    error = np.sum((x - mean @ WEIGHT - MEAN) ** 2, axis=1) + variance @ np.sum(WEIGHT**2, axis=1)
    distortion = 0.5 * error / SD**2 + DIM * np.log(SD * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(found.rate, rate, rtol=1e-4)
    np.testing.assert_allclose(found.distortion, distortion, atol=0.1)
    np.testing.assert_allclose(found.elbo, -found.rate - found.distortion)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_nonlinear_model_in_few_latents_is_quadrature(likelihood: str, latent_dim: int) -> None:
    model = nonlinear(likelihood, latent_dim)
    x = np.random.default_rng(2).uniform(size=(5, DIM)).round().astype(np.float32)
    found = importance_sample(model, x, draws=40_000)
    error = np.sqrt(1 / found.effective_draws - 1 / found.draws)
    assert np.all(error < 0.03)
    assert np.all(np.abs(found.log_likelihood - by_quadrature(model, x)) < 4 * error + 1e-4)


def test_a_rows_number_depends_on_no_other_row(model: VAE, x: np.ndarray) -> None:
    wrong = with_wider_posterior(model)
    whole = importance_sample(wrong, x, draws=100).log_likelihood
    order = np.random.default_rng(0).permutation(len(x))
    for rows in (order, order[:13], np.array([36])):
        np.testing.assert_array_equal(
            importance_sample(wrong, x[rows], draws=100).log_likelihood, whole[rows]
        )
    for block in (5, 64):
        other = importance_sample(wrong, x, draws=100, block=block).log_likelihood
        np.testing.assert_allclose(other, whole, rtol=1e-6)
    assert np.any(importance_sample(wrong, x, draws=100, seed=1).log_likelihood != whole)


def test_a_quarter_of_the_draws_is_a_quarter(model: VAE, x: np.ndarray) -> None:
    """The mean of the four estimates, each from every fourth draw."""
    wrong, one = with_wider_posterior(model), {}
    for k in range(1, 9):
        one[k] = importance_sample(wrong, x, draws=k).log_likelihood + np.log(k)
    log_weight = [one[1]] + [one[k] + np.log1p(-np.exp(one[k - 1] - one[k])) for k in range(2, 9)]
    by_group = [np.logaddexp(log_weight[i], log_weight[i + 4]) - np.log(2) for i in range(4)]
    found = importance_sample(wrong, x, draws=8).log_likelihood_quarter
    np.testing.assert_allclose(found, np.mean(by_group, axis=0), atol=2e-3)


def test_one_trace_whatever_the_rows_and_the_draws(model: VAE, x: np.ndarray) -> None:
    traces = {"likelihood": 0}

    class Counting(Gaussian):
        def __call__(self, output: jax.Array):
            traces["likelihood"] += 1
            return super().__call__(output)

    counted = eqx.tree_at(lambda m: m.likelihood, model, Counting(dim=DIM, sigma="learned"))
    importance_sample(counted, x, draws=3)
    first = dict(traces)
    importance_sample(counted, x[:5], draws=70_001)
    assert traces == first
    assert first["likelihood"] == 1


def test_progress_ends_at_the_end(model: VAE, x: np.ndarray) -> None:
    seen = []
    importance_sample(model, x, draws=100, block=8, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, len(seen)) for i in range(5)]


def test_a_joint_likelihood_has_none_and_the_message_says_why() -> None:
    settings = Settings.of(likelihood="gaussian-moments", latent_dim=2)
    model = build_model(settings, DIM, jax.random.key(0))
    assert why_undefined(model)
    with pytest.raises(SettingsError, match="takes all draws of z together"):
        importance_sample(model, np.zeros((3, DIM), np.float32), draws=10)


def test_the_2016_posterior_is_weighed_by_the_density_of_its_draws(x: np.ndarray) -> None:
    """Its KL term is no divergence, but its density is that of what it samples: v is the sd of both."""
    model = linear_gaussian(WEIGHT, MEAN, SD)
    part = build_model(
        Settings.of(likelihood="gaussian", posterior="gaussian-2016", latent_dim=2), DIM, jax.random.key(0)
    ).posterior
    program = eqx.tree_at(lambda m: m.posterior, model, part)
    found, true = (importance_sample(m, x, draws=100) for m in (program, model))
    np.testing.assert_allclose(found.log_likelihood, true.log_likelihood, atol=1e-5)
    np.testing.assert_allclose(found.rate, true.rate, rtol=1e-5)
