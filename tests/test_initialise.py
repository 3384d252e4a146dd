"""The floor: training starts at pPCA's exact optimum, or the nearest linear model a likelihood has."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from vaefit import SettingsError, by_ppca, fit, load
from vaefit.assemble import build_model
from vaefit.initialise import at_data_moments, at_linear_model
from vaefit.model import VAE
from vaefit.ppca import Spectrum
from vaefit.settings import Settings
from vaefit.visits import mirrored

DIM, FACTORS = 12, 3


def rows(n: int = 400, seed: int = 0) -> np.ndarray:
    """Rows of a linear model with three factors."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(1).normal(size=(FACTORS, DIM)) * np.array([[3.0], [2.0], [1.0]])
    return (5 + rng.normal(size=(n, FACTORS)) @ loadings + 0.3 * rng.normal(size=(n, DIM))).astype(np.float32)


def start(x: np.ndarray, k: int, **given: Any) -> VAE:
    settings = {"likelihood": "gaussian", "encoder_layers": (7,), "decoder_layers": (6,), **given}
    model = build_model(Settings.of(latent_dim=k, **settings), x.shape[1], jax.random.key(0))
    found = at_linear_model(model, x)
    assert found is not None
    return found


def log_weights(model: VAE, x: np.ndarray, samples: int = 5) -> np.ndarray:
    """log p(x, z) - log q(z|x): where q is the posterior it is log p(x) for every z."""
    terms = model.terms(jnp.asarray(x), None, jax.random.key(2), samples)
    return np.asarray(terms.log_px.sum(-1) + terms.log_pz - terms.log_qz)


def elbo(model: VAE, x: np.ndarray) -> float:
    return float(model.terms(jnp.asarray(x), None, jax.random.key(3), 64).elbo.mean())


@pytest.mark.parametrize("sigma", ["output", "learned", "per-feature"])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_start_is_ppca_and_its_elbo_the_exact_log_likelihood(sigma, k):
    x, new = rows(), rows(30, seed=4)
    exact = Spectrum.fit(x).ppca(k).log_likelihood(new)
    found = log_weights(start(x, k, sigma=sigma), new)
    np.testing.assert_allclose(found, np.broadcast_to(exact, found.shape), atol=2e-3)


def test_encoder_and_decoder_are_ppcas():
    x = rows()
    model, ppca = start(x, 2), Spectrum.fit(x).ppca(2)
    q = model.encode(jnp.asarray(x[:9]))
    mean, sd = ppca.posterior(x[:9])
    np.testing.assert_allclose(q.mean, mean, atol=1e-4)
    np.testing.assert_allclose(np.sqrt(q.variance), np.broadcast_to(sd, (9, 2)), rtol=1e-4)
    z = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    np.testing.assert_allclose(model.location(jnp.asarray(z)), ppca.decode(z), atol=1e-4)


def test_more_latents_than_directions_start_unused():
    x = rows() * np.array([1] * 4 + [0] * (DIM - 4), np.float32) + np.float32(1)
    model = start(x, 9)
    q = model.encode(jnp.asarray(x[:9]))
    np.testing.assert_allclose(q.mean[:, 3:], 0, atol=1e-6)
    np.testing.assert_allclose(q.variance[:, 3:], 1, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 4.0, 100.0])
def test_with_fixed_noise_only_directions_above_it_are_used(sigma):
    # Lucas et al. 2019: a direction collapses exactly when the noise variance exceeds its eigenvalue.
    x = rows()
    model = start(x, 6, sigma="fixed", sigma_init=sigma)
    used = np.asarray(model.encode(jnp.asarray(x)).mean).std(axis=0) > 1e-6
    assert used.sum() == min(6, (Spectrum.fit(x).eigenvalues > sigma**2).sum())


def binary_digits() -> np.ndarray:
    return (load_digits().data > 7).astype(np.float32)


def test_bernoulli_starts_from_its_own_linear_model():
    x = binary_digits()
    settings = Settings.of(latent_dim=8, likelihood="bernoulli")
    plain = at_data_moments(build_model(settings, 64, jax.random.key(0)), x[:1500])
    linear = start(x[:1500], 8, likelihood="bernoulli")
    assert elbo(linear, x[1500:]) > elbo(plain, x[1500:]) + 0.5


def test_a_sigmoid_mean_has_the_slope_of_the_linear_model():
    x = 1 / (1 + np.exp(-0.05 * (rows() - 5)))
    model = start(x, 2, output_activation="sigmoid")
    z = 0.1 * np.eye(2, dtype=np.float32)
    np.testing.assert_allclose(model.location(jnp.asarray(z)), Spectrum.fit(x).ppca(2).decode(z), atol=1e-4)


@pytest.mark.parametrize(
    "other", [{"linear_path": False}, {"likelihood": "gaussian-moments"}, {"posterior": "gaussian-2016"}]
)
def test_parts_without_a_linear_model_have_no_such_start(other):
    settings = Settings.of(**{"latent_dim": 2, "likelihood": "gaussian", **other})
    assert at_linear_model(build_model(settings, DIM, jax.random.key(0)), rows()) is None
    assert (
        fit(
            rows(60),
            epochs=1,
            encoder_layers=(8,),
            decoder_layers=(8,),
            **{"latent_dim": 2, "samples": 2, **other},
        ).summary["epochs"]
        == 1
    )


def test_the_kept_model_is_not_below_ppca_on_the_validation_rows(tmp_path):
    x = rows(300).astype(np.float64)
    fitted = fit(
        x, latent_dim=2, epochs=3, learning_rate=0.05, seed=3, encoder_layers=(8,), decoder_layers=(8,)
    )
    first = fitted.history[0]["validation"]["elbo"]
    assert fitted.summary["validation"]["elbo"] >= first - 1e-6


def test_auto_finds_the_number_of_factors():
    x = rows(500)
    found = by_ppca.settle(Settings.of(), x[:400], x[400:], (DIM,))
    assert found.settings.latent_dim == FACTORS
    assert "3: " in found.notices[0]


def test_auto_without_validation_rows_holds_some_out():
    assert by_ppca.settle(Settings.of(), rows(500), None, (DIM,)).settings.latent_dim in (
        FACTORS,
        FACTORS + 1,
    )


def images(symmetric: bool, n: int = 60) -> np.ndarray:
    """Smooth random images; half of them mirrored, or all brighter on the left."""
    rng = np.random.default_rng(5)
    drawn = np.cumsum(rng.normal(size=(n, 4, 8)), axis=2)
    side = np.where(rng.random(n) < 0.5, 1, -1) if symmetric else np.ones(n)
    return (drawn + 6 * side[:, None, None] * np.linspace(1, -1, 8)).reshape(n, 32)


@pytest.mark.parametrize("symmetric", [True, False])
def test_mirror_images_are_used_where_they_tell_more(symmetric):
    x = images(symmetric, 90 if symmetric else 400)
    found = by_ppca.settle(Settings.of(latent_dim=3), x, None, (4, 8))
    assert found.settings.mirror is symmetric


def test_a_mirror_image_has_left_and_right_exchanged():
    x = np.arange(2 * 12, dtype=np.float32).reshape(2, 12)
    np.testing.assert_array_equal(
        mirrored(x, (2, 2, 3)).reshape(2, 2, 2, 3), x.reshape(2, 2, 2, 3)[:, :, ::-1]
    )


def test_mirror_is_refused_for_tables():
    with pytest.raises(SettingsError, match="mirror is for images"):
        fit(rows(60), mirror=True)


def test_a_run_of_format_1_still_loads(tmp_path):
    fitted = fit(
        rows(80),
        out=tmp_path / "run",
        latent_dim=2,
        epochs=1,
        encoder_layers=(8,),
        decoder_layers=(8,),
        linear_path=False,
        start="data",
    )
    path = tmp_path / "run" / "settings.toml"
    lines = [
        "format = 1" if line.startswith("format") else line
        for line in path.read_text().splitlines()
        if not line.startswith(("linear_path", "mirror"))
    ]
    path.write_text("\n".join(lines))
    again = load(tmp_path / "run")
    np.testing.assert_array_equal(again.encode(rows(9))[0], fitted.encode(rows(9))[0])
