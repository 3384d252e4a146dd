"""Probabilistic PCA against scipy's Gaussian, scikit-learn's PCA and the stationarity of its likelihood."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from sklearn.decomposition import PCA

from vaefit.data import read
from vaefit.errors import DataError, SettingsError, ShapeError
from vaefit.ppca import Ppca, Spectrum, held_out_curve


def rows(n: int = 200, dim: int = 7, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)) @ rng.normal(size=(dim, dim)) * np.linspace(2.0, 0.3, dim) + rng.normal(
        size=dim
    )


def covariance(model: Ppca) -> np.ndarray:
    return model.components @ model.components.T + model.noise_variance * np.eye(len(model.mean))


@pytest.mark.parametrize("k", [0, 1, 3, 6])
def test_log_likelihood_is_scipys(k: int) -> None:
    model, x = Spectrum.fit(rows()).ppca(k), rows(seed=1)
    expected = scipy.stats.multivariate_normal(model.mean, covariance(model)).logpdf(x)
    np.testing.assert_allclose(model.log_likelihood(x), expected, rtol=1e-10)


def test_rotated_components_are_the_same_model() -> None:
    model, x = Spectrum.fit(rows()).ppca(3), rows(seed=1)
    turn = scipy.stats.special_ortho_group(3, seed=0).rvs()
    rotated = Ppca(model.mean, model.components @ turn, model.noise_variance)
    np.testing.assert_allclose(rotated.log_likelihood(x), model.log_likelihood(x), rtol=1e-10)
    np.testing.assert_allclose(rotated.reconstruct(x), model.reconstruct(x), atol=1e-10)
    np.testing.assert_allclose(rotated.posterior(x)[0], model.posterior(x)[0] @ turn, atol=1e-10)


def test_score_is_sklearns_up_to_the_divisor() -> None:
    """PCA divides by N - 1: its covariance is ours times N / (N - 1)."""
    x = rows()
    model, theirs = Spectrum.fit(x).ppca(3), PCA(3).fit(x)
    ratio = len(x) / (len(x) - 1)
    ours = Ppca(model.mean, model.components * np.sqrt(ratio), model.noise_variance * ratio)
    np.testing.assert_allclose(ours.log_likelihood(x), theirs.score_samples(x), rtol=1e-10)
    np.testing.assert_allclose(
        model.reconstruct(x), theirs.inverse_transform(theirs.transform(x)), atol=1e-10
    )


def test_no_small_step_improves_the_training_likelihood() -> None:
    x, step = rows(), 1e-4
    model = Spectrum.fit(x).ppca(2)
    best = model.log_likelihood(x).mean()

    def at(mean: np.ndarray, W: np.ndarray, noise: float) -> float:
        return Ppca(mean, W, noise).log_likelihood(x).mean() - best

    rng = np.random.default_rng(0)
    for _ in range(20):
        d_mean, d_W = rng.normal(size=7), rng.normal(size=(7, 2))
        d_noise = rng.normal() * model.noise_variance
        changes = [
            at(model.mean + s * d_mean, model.components + s * d_W, model.noise_variance + s * d_noise)
            for s in (step, -step)
        ]
        assert max(changes) < 0
        slope = (changes[0] - changes[1]) / (2 * step)
        assert abs(slope) < 1e-2 * abs(changes[0]) / step


def test_posterior_is_the_conditional_of_the_joint_gaussian() -> None:
    model, x = Spectrum.fit(rows()).ppca(3), rows(n=5, seed=1)
    gain = np.linalg.solve(covariance(model), model.components).T
    mean, sd = model.posterior(x)
    np.testing.assert_allclose(mean, (x - model.mean) @ gain.T, atol=1e-10)
    np.testing.assert_allclose(sd**2, np.diag(np.eye(3) - gain @ model.components), atol=1e-10)


def test_projection_beats_the_posterior_mean() -> None:
    x = rows()
    model = Spectrum.fit(x).ppca(3)
    shrunk = model.decode(model.posterior(x)[0])
    assert ((x - model.reconstruct(x)) ** 2).mean() < ((x - shrunk) ** 2).mean()


def test_wide_data_equals_the_narrow_formula() -> None:
    x = rows(n=12, dim=30)
    found = Spectrum.fit(x)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    assert found.rank == 11
    np.testing.assert_allclose(found.eigenvalues, values[::-1][:11], rtol=1e-9)
    np.testing.assert_allclose(found.eigenvectors.T @ found.eigenvectors, np.eye(11), atol=1e-9)
    top = vectors[:, ::-1][:, :4]
    np.testing.assert_allclose(np.abs(top.T @ found.eigenvectors[:, :4]), np.eye(4), atol=1e-7)
    model = found.ppca(4)
    expected = scipy.stats.multivariate_normal(model.mean, covariance(model)).logpdf(x)
    np.testing.assert_allclose(model.log_likelihood(x), expected, rtol=1e-9)


def test_many_rows_are_added_up_in_blocks() -> None:
    x = rows(n=2500)
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    np.testing.assert_allclose(Spectrum.fit(x.astype(np.float32)).eigenvalues, values, rtol=1e-5)
    assert Spectrum.fit(x).ppca(2).log_likelihood(x).shape == (2500,)


def test_curve_is_the_models_one_by_one() -> None:
    spectrum, held_out = Spectrum.fit(rows()), rows(n=1500, seed=1)
    curve = held_out_curve(spectrum, held_out, range(100))
    assert list(curve) == list(range(7))
    for k, value in curve.items():
        assert value == pytest.approx(spectrum.ppca(k).log_likelihood(held_out).mean(), rel=1e-10)


def test_rank_deficient_data_has_fewer_latents() -> None:
    x = np.repeat(rows(dim=3), 3, axis=1)
    spectrum = Spectrum.fit(x)
    assert (spectrum.rank, spectrum.largest_k) == (3, 2)
    assert spectrum.ppca(8).latent_dim == 2
    assert np.isfinite(spectrum.ppca(8).log_likelihood(x)).all()


def test_full_rank_data_keeps_one_direction_for_the_noise() -> None:
    assert Spectrum.fit(rows()).ppca(7).latent_dim == 6


def test_constant_columns_are_noise_of_the_floor() -> None:
    x = np.column_stack([rows(dim=2), np.ones((200, 2))])
    model = Spectrum.fit(x).ppca(1)
    np.testing.assert_allclose(model.components[2:], 0.0, atol=1e-10)
    assert np.isfinite(model.log_likelihood(x)).all()


@pytest.mark.parametrize("x", [np.ones((5, 3)), np.ones((1, 3)), np.ones((2, 30))])
def test_data_that_does_not_vary_is_isotropic(x: np.ndarray) -> None:
    spectrum = Spectrum.fit(x)
    model = spectrum.ppca(2)
    assert (model.latent_dim, model.noise_variance) == (0, 1e-12)
    assert np.isfinite(model.log_likelihood(x)).all() and model.reconstruct(x) == pytest.approx(x)
    assert held_out_curve(spectrum, x, [0, 1])[0] == pytest.approx(model.log_likelihood(x).mean())


def test_noise_is_not_below_its_floor() -> None:
    x = np.random.default_rng(0).normal(size=(200, 2)) * np.array([1.0, 1e-5])
    spectrum = Spectrum.fit(x)
    floor = 1e-8 * x.var(axis=0).mean()
    assert spectrum.eigenvalues[1] < floor
    assert spectrum.ppca(1).noise_variance == pytest.approx(floor)


def test_impossible_requests() -> None:
    with pytest.raises(DataError, match="expected rows"):
        Spectrum.fit(np.zeros((0, 3)))
    with pytest.raises(DataError, match="finite"):
        Spectrum.fit(np.array([[1.0, np.nan], [0.0, 0.0]]))
    with pytest.raises(SettingsError, match="at least 0"):
        Spectrum.fit(rows()).ppca(-1)
    with pytest.raises(ShapeError, match="7 variables"):
        Spectrum.fit(rows()).ppca(1).log_likelihood(rows(dim=6))


def faces(folder: Path, part: str) -> np.ndarray:
    """Pixels of CBCL faces as densities see them, (v + u) / 256."""
    values = read(folder / f"cbcl-{part}.tar.gz", include=(f"{part}/face/*",)).values
    return (values + np.random.default_rng(0).random(values.shape)) / 256


def test_faces_give_the_known_numbers(cbcl: Path) -> None:
    train, test = faces(cbcl, "train"), faces(cbcl, "test")
    model = Spectrum.fit(train).ppca(10)
    bits = 8 - model.log_likelihood(test).mean() / (361 * np.log(2))
    assert bits == pytest.approx(6.483, abs=0.003)
    assert ((test - model.reconstruct(test)) ** 2).mean() == pytest.approx(0.00616, abs=2e-5)
