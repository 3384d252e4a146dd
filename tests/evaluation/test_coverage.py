"""Coverage on data drawn from the model, and reconstruction error against matrix products."""

import equinox as eqx
import jax
import numpy as np
import pytest

from linear_gaussian import DIM, MEAN, SD, WEIGHT, drawn, linear_gaussian
from vaefit.assemble import build_model
from vaefit.errors import SettingsError
from vaefit.evaluation.coverage import coverage, reconstruction_mse, why_no_intervals
from vaefit.likelihoods.gaussian import Gaussian
from vaefit.model import VAE
from vaefit.settings import Settings


@pytest.fixture(scope="module")
def model() -> VAE:
    return linear_gaussian(WEIGHT, MEAN, SD)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return drawn(3001)


def test_coverage_of_data_from_the_model_is_nominal(model: VAE, x: np.ndarray) -> None:
    for level, share in coverage(model, x).items():
        assert share == pytest.approx(level, abs=0.015)


@pytest.mark.parametrize(("sd", "sure"), [(0.3, True), (0.8, False)])
def test_a_wrong_sd_shows(model: VAE, x: np.ndarray, sd: float, sure: bool) -> None:
    likelihood = Gaussian(dim=DIM, sigma="learned", sigma_init=sd)
    wrong = eqx.tree_at(lambda m: m.likelihood, model, likelihood)
    for level, share in coverage(wrong, x).items():
        assert (share < level - 0.03) == sure


@pytest.mark.parametrize(("likelihood", "why"), [("bernoulli", "mass"), ("gaussian-moments", "together")])
def test_what_has_no_intervals_says_why(likelihood: str, why: str, x: np.ndarray) -> None:
    model = build_model(Settings.of(likelihood=likelihood, latent_dim=2), DIM, jax.random.key(0))
    assert why in (why_no_intervals(model) or "")
    with pytest.raises(SettingsError, match=why):
        coverage(model, x)


def test_reconstruction_is_the_decoder_at_the_posterior_mean(model: VAE, x: np.ndarray) -> None:
    gain = np.linalg.solve(WEIGHT @ WEIGHT.T + SD**2 * np.eye(2), WEIGHT).T
    shown = (x - MEAN) @ gain @ WEIGHT + MEAN
    np.testing.assert_allclose(reconstruction_mse(model, x), np.mean((shown - x) ** 2, axis=1), rtol=1e-3)
    other = np.zeros_like(x)
    np.testing.assert_allclose(
        reconstruction_mse(model, x, other), np.mean(shown**2, axis=1), rtol=1e-3, atol=1e-5
    )
