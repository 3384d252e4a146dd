"""`vaefit.VAE` among scikit-learn's own tools, and its numbers against those of the run inside it."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import joblib
import numpy as np
import polars as pl
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import vaefit
from estimator_parameters import PATH, text
from vaefit import VAE, fit

SMALL: dict[str, Any] = {"epochs": 2, "latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,)}
STOCHASTIC = {
    "check_sample_weight_equivalence_on_dense_data": "whole weights are repeated rows in the objective "
    "(tests/test_train.py), but training is stochastic: other rows mean other batches, noise and validation"
}


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    return load_iris().data


@pytest.fixture(scope="module")
def fitted(X: np.ndarray) -> VAE:
    return VAE(random_state=0, **SMALL).fit(X)


def test_every_setting_is_a_parameter() -> None:
    """Where this fails after a new setting: python tests/estimator_parameters.py."""
    assert PATH.read_text() == text()
    assert VAE().get_params()["batch_size"] is None


@pytest.mark.parametrize(
    ("estimator", "check"),
    list(
        estimator_checks_generator(
            # One latent: the same program for all data of a size, so few are compiled.
            VAE(epochs=2, latent_dim=1, encoder_layers=(8,), decoder_layers=(8,)),
            expected_failed_checks=STOCHASTIC,
            mark="xfail",
            xfail_strict=True,
        )
    ),
    ids=lambda found: getattr(getattr(found, "func", None), "__name__", "VAE"),
)
@pytest.mark.filterwarnings("ignore")
def test_it_is_as_scikit_learn_wants_estimators(estimator: Any, check: Any) -> None:
    check(estimator)


def test_it_is_the_same_as_fit(X: np.ndarray, fitted: VAE) -> None:
    run = fit(X, seed=0, **SMALL)
    np.testing.assert_array_equal(fitted.transform(X), run.encode(X)[0])
    np.testing.assert_array_equal(fitted.sample(5, random_state=3), run.sample(5, seed=3, noise=True))
    np.testing.assert_array_equal(fitted.reconstruct(X), run.reconstruct(X).mean)
    assert len(fitted.history_) == 3 and fitted.n_features_in_ == 4


def test_the_log_likelihood_is_that_of_the_data_in_its_own_units(X: np.ndarray) -> None:
    """A linear model is a Gaussian: its exact density in centimetres, after steps that change nothing."""
    linear = {"encoder_layers": (), "decoder_layers": (), "sigma": "learned", "learning_rate": 1e-12}
    vae = VAE(random_state=0, latent_dim=1, epochs=1, **linear).fit(X)
    run = vae.run_
    W = (vae.inverse_transform([[1.0]]) - vae.inverse_transform([[0.0]])).astype(np.float64)
    mean = vae.inverse_transform([[0.0]])[0]
    sd = np.asarray(run.model.decode(jnp.zeros((1, 1))).variance)[0] ** 0.5
    noise = np.asarray(run.transform.inverse_scale(sd), np.float64)
    exact = multivariate_normal(mean, W.T @ W + np.diag(noise**2)).logpdf(X)
    np.testing.assert_allclose(vae.score_samples(X), exact, atol=0.05)
    assert vae.score(X) == pytest.approx(exact.mean(), abs=0.02)
    # How odd a row is: the same noise and a kernel's beside it, at latents of training rows.
    assert run.reference is not None
    low, high = np.quantile(X, [0.25, 0.75], axis=0)
    spread = np.hypot(noise, 1.5 * (high - low) / 1.349)
    centres = vae.inverse_transform(run.reference.latents)
    smooth = logsumexp(norm.logpdf(X[:, None], centres, spread).sum(axis=-1), axis=1) - np.log(len(centres))
    np.testing.assert_allclose(vae.anomaly_score(X), -smooth, atol=1e-3)
    assert vae.anomaly_score([[20.0, 20.0, 20.0, 20.0]])[0] > vae.anomaly_score(X).max()


def test_oddness_is_saved_with_the_run(X: np.ndarray, fitted: VAE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "run")
    expected = fitted.anomaly_score(X)
    np.testing.assert_array_equal(VAE.load(tmp_path / "run").anomaly_score(X), expected)
    # Runs of earlier versions have -log p(x).
    (tmp_path / "run" / "reference.safetensors").unlink()
    old = VAE.load(tmp_path / "run")
    np.testing.assert_array_equal(old.anomaly_score(X[:2]), -old.score_samples(X[:2]))


def test_the_random_state_is_as_scikit_learn_has_it(X: np.ndarray, fitted: VAE) -> None:
    same, other = VAE(random_state=0, **SMALL).fit(X), VAE(random_state=1, **SMALL).fit(X)
    np.testing.assert_array_equal(same.transform(X), fitted.transform(X))
    assert not np.array_equal(other.transform(X), fitted.transform(X))
    assert not np.array_equal(fitted.sample(3), fitted.sample(3))
    states = [np.random.RandomState(5) for _ in range(2)]
    np.testing.assert_array_equal(*(fitted.sample(3, random_state=state) for state in states))
    drawn = VAE(random_state=np.random.RandomState(5), **SMALL).fit(X)
    assert drawn.run_.settings.seed == np.random.RandomState(5).randint(2**31 - 1)
    with pytest.raises(ValueError, match="seed"):
        fitted.sample(3, random_state="x")


def test_it_comes_back_from_pickle_joblib_and_its_folder(X: np.ndarray, fitted: VAE, tmp_path: Path) -> None:
    joblib.dump(fitted, tmp_path / "vae.joblib")
    fitted.save(tmp_path / "run")
    again = [pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "vae.joblib")]
    for found in (*again, VAE.load(tmp_path / "run")):
        np.testing.assert_array_equal(found.transform(X), fitted.transform(X))
        assert found.history_ == fitted.history_ and found.latent_dim_ == 2 and found.n_features_in_ == 4
    assert again[0].run_.summary == fitted.run_.summary and again[0].get_params() == fitted.get_params()
    with pytest.raises(vaefit.RunError, match="another run"):
        fitted.save(tmp_path / "run")
    assert vaefit.load(tmp_path / "run").history == fitted.history_


def test_pipelines_clones_and_searches(X: np.ndarray, fitted: VAE) -> None:
    pipeline = make_pipeline(StandardScaler(), clone(fitted)).set_output(transform="polars")
    z = pipeline.fit_transform(X)
    assert isinstance(z, pl.DataFrame) and z.columns == ["vae0", "vae1"]
    search = GridSearchCV(clone(fitted), {"learning_rate": [1e-3, 1e-5]}, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def test_named_columns_of_polars(X: np.ndarray, fitted: VAE, tmp_path: Path) -> None:
    frame = pl.DataFrame(X, schema=["a", "b", "c", "d"])
    vae = clone(fitted).fit(frame)
    assert vae.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(vae.transform(frame), fitted.transform(X))
    with pytest.raises(ValueError, match="feature names"):
        vae.transform(frame.select("b", "a", "c", "d"))
    vae.save(tmp_path / "run")
    assert VAE.load(tmp_path / "run").feature_names_in_.tolist() == ["a", "b", "c", "d"]


def test_named_columns_of_pandas(X: np.ndarray, fitted: VAE) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    vae = clone(fitted).set_output(transform="pandas").fit(frame)
    assert vae.transform(frame).columns.tolist() == ["vae0", "vae1"]


def test_images_and_flat_rows_of_them(digits: np.ndarray) -> None:
    images = digits[:60]
    vae = VAE(random_state=0, **SMALL).fit(images)
    flat = VAE(random_state=0, size="8x8", **SMALL).fit(images.reshape(60, 64))
    assert vae.run_.transform.kind == flat.run_.transform.kind == "pixels"
    np.testing.assert_array_equal(vae.transform(images), flat.transform(images.reshape(60, 64)))
    assert vae.sample(2).shape == (2, 8, 8) and flat.sample(2).shape == (2, 64)
    plain = VAE(random_state=0, **SMALL).fit(images.reshape(60, 64))
    assert plain.run_.transform.kind == "standardise"


def test_weights_of_rows(X: np.ndarray, fitted: VAE) -> None:
    ones = clone(fitted).fit(X, sample_weight=np.ones(len(X)))
    np.testing.assert_allclose(ones.transform(X), fitted.transform(X), atol=1e-5)
    kept = (np.arange(len(X)) % 3 > 0).astype(float)
    without = clone(fitted).fit(X[kept > 0])
    np.testing.assert_allclose(
        clone(fitted).fit(X, sample_weight=kept).transform(X), without.transform(X), atol=1e-5
    )
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        clone(fitted).fit(X, sample_weight=-kept)


def test_partial_fit_goes_on(X: np.ndarray, fitted: VAE) -> None:
    vae = clone(fitted).set_params(learning_rate=1e-2)
    for _ in range(2):
        vae.partial_fit(X[:100], epochs=2)
    scales = vae.run_.transform
    before = vae.score(X[100:])
    vae.partial_fit(X[100:], sample_weight=np.ones(50), epochs=30)
    assert vae.run_.transform is scales
    assert vae.score(X[100:]) > before
    assert [record["epoch"] for record in vae.history_] == list(range(1, 35))
    steps = [record["step"] for record in vae.history_]
    assert steps == sorted(set(steps))


def test_bad_input_is_told(X: np.ndarray, fitted: VAE, capsys: pytest.CaptureFixture[str]) -> None:
    for made in (VAE(network="dens"), VAE(latent_dim=0), VAE(recipe="defalt")):
        with pytest.raises(ValueError, match=r"network|latent_dim|recipe"):
            made.fit(X)
    with pytest.raises(ValueError, match="latents of shape"):
        fitted.inverse_transform([[1.0]])
    with pytest.raises(ValueError, match="vary"):
        VAE(**SMALL).fit(np.ones((10, 3)))
    assert capsys.readouterr().err == ""
    VAE(random_state=0, verbose=1, **SMALL).fit(X)
    assert "vaefit: epoch 2: elbo" in capsys.readouterr().err


def test_importing_the_package_does_not_import_scikit_learn() -> None:
    done = "import sys, vaefit; assert 'sklearn' not in sys.modules and 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", done], check=True)
