"""Products in bfloat16 and their correction: against quadrature, float32, and errors made large."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from linear_gaussian import DIM
from nonlinear import by_quadrature, nonlinear
from vaefit import backend
from vaefit.assemble import build_model
from vaefit.evaluation import Likelihoods, importance_sample, products
from vaefit.evaluation.rounded import error_of, rounded
from vaefit.model import VAE
from vaefit.networks import Network
from vaefit.networks.dense import Dense
from vaefit.settings import Settings

DRAWS, SEEDS = 60, 60


@pytest.fixture(scope="module")
def model() -> VAE:
    return nonlinear("bernoulli", 2)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(2).uniform(size=(37, DIM)).round().astype(np.float32)


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of rounding a hundred times as large as they are."""
    fine = Dense.in_bfloat16

    def in_bfloat16(net: Dense) -> Network | None:
        steps = tuple(jnp.round(2 * weight) / 2 for weight in net.weights)
        return fine(eqx.tree_at(lambda n: n.weights, net, steps))

    monkeypatch.setattr(Dense, "in_bfloat16", in_bfloat16)


def over_seeds(model: VAE, x: np.ndarray, float32: bool) -> list[Likelihoods]:
    return [importance_sample(model, x, draws=DRAWS, seed=s, float32=float32) for s in range(SEEDS)]


def in_errors(values: np.ndarray) -> np.ndarray:
    """The mean over seeds in its standard errors."""
    return values.mean(axis=0) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def test_however_coarse_the_rounding_the_expectation_is_that_of_float32(
    model: VAE, x: np.ndarray, coarse: None
) -> None:
    x = x[:5]
    rough = rounded(model, DRAWS, float32=False)
    assert rough is not None
    exact, found, alone = (
        over_seeds(m, x, float32) for m, float32 in ((model, True), (model, False), (rough, True))
    )
    truth = by_quadrature(model, x)
    off, off_alone = (np.array([np.exp(f.log_likelihood - truth) - 1 for f in fs]) for fs in (found, alone))
    assert np.all(np.abs(in_errors(off)) < 4)
    # Without its correction most would be far off, so that this can tell.
    assert np.median(np.abs(in_errors(off_alone))) > 6
    off, off_alone = (
        np.array([f.distortion - e.distortion for f, e in zip(fs, exact, strict=True)])
        for fs in (found, alone)
    )
    assert np.all(np.abs(in_errors(off)) < 4)
    assert np.median(np.abs(in_errors(off_alone))) > 6
    np.testing.assert_array_equal([f.rate for f in found], [e.rate for e in exact])


def test_numbers_are_those_of_float32_within_the_error_of_rounding(model: VAE, x: np.ndarray) -> None:
    rough = rounded(model, 4000, float32=False)
    assert rough is not None
    most = float(error_of(model, rough))
    found, exact = (importance_sample(model, x, draws=4000, float32=which) for which in (False, True))
    assert np.any(found.log_likelihood != exact.log_likelihood)
    error = np.sqrt(1 / exact.effective_draws - 1 / exact.draws)
    assert most < error.mean()
    np.testing.assert_allclose(found.log_likelihood, exact.log_likelihood, atol=most)
    np.testing.assert_allclose(found.log_likelihood_quarter, exact.log_likelihood_quarter, atol=most)
    assert np.all(np.abs(found.log_likelihood - by_quadrature(model, x)) < 4 * error)
    np.testing.assert_allclose(found.effective_draws, exact.effective_draws, rtol=1e-2)
    np.testing.assert_allclose(found.distortion, exact.distortion, atol=most)


def test_a_rows_number_depends_on_no_other_row(model: VAE, x: np.ndarray) -> None:
    whole = importance_sample(model, x, draws=100, float32=False)
    order = np.random.default_rng(0).permutation(len(x))
    for rows in (order, np.array([36])):
        found = importance_sample(model, x[rows], draws=100, float32=False)
        np.testing.assert_array_equal(found.log_likelihood, whole.log_likelihood[rows])
        np.testing.assert_array_equal(found.distortion, whole.distortion[rows])
    other = importance_sample(model, x, draws=100, float32=False, block=8)
    np.testing.assert_allclose(other.log_likelihood, whole.log_likelihood, atol=1e-3)


def test_of_few_draws_groups_may_be_empty(model: VAE, x: np.ndarray) -> None:
    for draws in (1, 3):
        found, exact = (importance_sample(model, x, draws=draws, float32=which) for which in (False, True))
        np.testing.assert_allclose(found.log_likelihood, exact.log_likelihood, rtol=1e-5)
        np.testing.assert_allclose(found.log_likelihood_quarter, exact.log_likelihood_quarter, rtol=1e-5)


def built(likelihood: str = "bernoulli", **settings: object) -> VAE:
    chosen = {"latent_dim": 8, "encoder_layers": (16,), "decoder_layers": (128,), "init_sd": 0.05, **settings}
    return build_model(Settings.of(likelihood=likelihood, **chosen), 256, jax.random.key(0), shape=(16, 16))


def test_it_is_used_where_it_is_sound_and_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_processor_flags", lambda: frozenset(["amx_bf16"]))
    model = built()
    assert products(model, 1000, None).startswith("bfloat16")
    assert products(built(network="gated", linear_path=False), 1000, None).startswith("bfloat16")
    assert products(model, 1000, True) == "float32"
    assert products(model, 100, None) == "float32"
    assert products(built("gaussian"), 1000, False) == "float32"
    assert products(built(network="conv", channels=(4, 8)), 1000, False) == "float32"
    assert products(built(decoder_layers=(16,)), 1000, None) == "float32"
    # With logits in their hundreds errors are no longer small.
    assert products(built(init_sd=3.0), 1000, None) == "float32"
    with jax.default_matmul_precision("float32"):
        assert products(model, 1000, None) == "float32"
    monkeypatch.setattr(backend, "_processor_flags", frozenset)
    assert products(model, 1000, None) == "float32"
