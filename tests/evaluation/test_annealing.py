"""Annealed importance sampling against multivariate normals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from linear_gaussian import exact, linear_gaussian
from vaefit.assemble import build_model
from vaefit.errors import SettingsError
from vaefit.evaluation import annealing
from vaefit.evaluation.annealing import Annealing, anneal, bracket
from vaefit.likelihoods.gaussian import Gaussian
from vaefit.model import VAE
from vaefit.settings import Settings

DIM, SD = 5, 0.5
MEAN = np.linspace(-1, 1, DIM)
WEIGHT = np.random.default_rng(0).normal(size=(2, DIM))
HOW = Annealing(chains=16, steps=200)


@pytest.fixture(scope="module")
def model() -> VAE:
    """Its q(z|x) is displaced: annealing must not rest on it."""
    exact_one = linear_gaussian(WEIGHT, MEAN, SD)
    change = jnp.asarray([0.3, -0.3, 0.2, 0.2], jnp.float32)
    return eqx.tree_at(lambda m: m.encoder.biases[0], exact_one, exact_one.encoder.biases[0] + change)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.normal(size=(9, 2)) @ WEIGHT + MEAN + SD * rng.normal(size=(9, DIM))).astype(np.float32)


@pytest.mark.parametrize("start", ["prior", "posterior"])
@pytest.mark.parametrize("schedule", ["sigmoid", "linear"])
def test_it_is_exact_within_its_standard_error(model: VAE, x: np.ndarray, start: str, schedule: str) -> None:
    found = anneal(model, x, Annealing(chains=16, steps=200, start=start, schedule=schedule))
    error = found.log_likelihood - exact(WEIGHT, MEAN, SD, x)
    assert np.all(found.standard_error < 0.2)
    assert np.all(np.abs(error) < 4 * found.standard_error)
    assert found.mean_standard_error < 0.1
    assert abs(error.mean()) < 4 * found.mean_standard_error


def test_few_temperatures_give_a_lower_bound(model: VAE, x: np.ndarray) -> None:
    few = [anneal(model, x, Annealing(chains=2, steps=5), seed=s).log_weights for s in range(20)]
    assert np.mean(few) < exact(WEIGHT, MEAN, SD, x).mean()


def test_step_sizes_reach_the_wanted_acceptance(model: VAE, x: np.ndarray) -> None:
    assert anneal(model, x, HOW).acceptance == pytest.approx(annealing.TARGET_ACCEPTANCE, abs=0.1)


def test_both_bounds_are_about_the_truth_on_simulated_rows(model: VAE) -> None:
    found = bracket(model, 9, HOW, seed=3)
    _, x = annealing.simulate(model, 9, seed=3)
    truth = exact(WEIGHT, MEAN, SD, x).mean()
    assert found.lower.mean() - 3 * found.lower_standard_error < truth
    assert truth < found.upper.mean() + 3 * found.upper_standard_error
    assert abs(found.gap) < 0.2
    rough = [bracket(model, 9, Annealing(chains=2, steps=5), seed=s) for s in range(10)]
    assert np.mean([r.gap for r in rough]) > 0.2


def test_a_rows_number_depends_on_no_other_row(model: VAE, x: np.ndarray) -> None:
    how = Annealing(chains=4, steps=30)
    whole = anneal(model, x, how).log_likelihood
    np.testing.assert_allclose(anneal(model, x[[7, 2]], how).log_likelihood, whole[[7, 2]], rtol=1e-5)


def test_one_trace_whatever_the_rows_and_the_steps(model: VAE, x: np.ndarray) -> None:
    traces = {"likelihood": 0}

    class Counting(Gaussian):
        def __call__(self, output: jax.Array):
            traces["likelihood"] += 1
            return super().__call__(output)

    counted = eqx.tree_at(lambda m: m.likelihood, model, Counting(dim=DIM, sigma="learned"))
    anneal(counted, x, Annealing(chains=4, steps=10))
    first, seen = dict(traces), []
    again = Annealing(chains=4, steps=60)
    anneal(counted, x[:3], again, progress=lambda done, total: seen.append((done, total)))
    assert traces == first
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name", ["linear", "sigmoid"])
def test_a_schedule_goes_from_0_to_1_and_is_symmetric(name: str) -> None:
    beta = annealing._schedule(jnp.linspace(0, 1, 101), name)
    assert float(beta[0]) == 0.0 and float(beta[-1]) == 1.0
    assert bool(jnp.all(jnp.diff(beta) > 0))
    np.testing.assert_allclose(beta, 1 - beta[::-1], atol=1e-6)


def test_what_cannot_be_annealed_is_said(x: np.ndarray, model: VAE) -> None:
    settings = Settings.of(likelihood="gaussian-moments", latent_dim=2)
    joint = build_model(settings, DIM, jax.random.key(0))
    with pytest.raises(SettingsError, match="takes all draws of z together"):
        anneal(joint, x)
    with pytest.raises(SettingsError, match="at least 2 chains"):
        anneal(model, x, Annealing(chains=1))
