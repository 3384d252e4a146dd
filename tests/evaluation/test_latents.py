"""Latent use against closed forms of Gaussians."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from linear_gaussian import linear_gaussian
from vaefit.evaluation import latents
from vaefit.evaluation.latents import latent_use
from vaefit.model import VAE
from vaefit.posteriors.gaussian import Gaussian


def encoder_of(gain: np.ndarray, sd: np.ndarray) -> VAE:
    """A model with q(z|x) = N(gain x, sd^2), a latent for each variable."""
    dim = len(gain)
    model = linear_gaussian(np.zeros((dim, dim)), np.zeros(dim), 1.0)
    weight = np.concatenate([np.diag(gain), np.zeros((dim, dim))], axis=1)
    bias = np.concatenate([np.zeros(dim), np.log(sd)])
    where = lambda m: (m.encoder.weights[0], m.encoder.biases[0])  # noqa: E731
    return eqx.tree_at(where, model, (jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32)))


GAIN, SD = np.array([0.8, 0.05, 1.5]), np.array([0.6, 1.0, 0.4])


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3001, 3)).astype(np.float32)


def test_each_latents_kl_and_variance_are_the_closed_forms(rows: np.ndarray) -> None:
    use = latent_use(encoder_of(GAIN, SD), rows, queries=10)
    kl = 0.5 * np.mean(SD**2 + (GAIN * rows) ** 2 - 1 - 2 * np.log(SD), axis=0)
    assert use.kl is not None
    np.testing.assert_allclose(use.kl, kl, rtol=1e-4)
    np.testing.assert_allclose(use.mean_variance, (GAIN * rows).var(axis=0), rtol=1e-4)
    assert use.rate == pytest.approx(kl.sum(), rel=1e-4)
    assert use.active.tolist() == [True, False, True]
    assert use.active_units == 2


def test_the_split_of_the_rate_is_that_of_gaussians(rows: np.ndarray) -> None:
    use = latent_use(encoder_of(GAIN, SD), rows, queries=1000)
    information = 0.5 * np.log1p((GAIN / SD) ** 2).sum()
    variance = GAIN**2 + SD**2
    marginal = 0.5 * np.sum(variance - 1 - np.log(variance))
    assert abs(use.mutual_information - information) < 4 * use.mutual_information_se
    assert use.mutual_information_se < 0.05
    assert use.marginal_kl == pytest.approx(marginal, abs=0.15)
    assert use.mutual_information + use.marginal_kl == pytest.approx(use.rate)


def test_the_mutual_information_is_at_most_the_log_of_the_rows() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    use = latent_use(encoder_of(np.full(3, 100.0), np.full(3, 0.01)), x)
    assert use.cap == pytest.approx(np.log(20))
    assert use.mutual_information == pytest.approx(use.cap, abs=1e-3)


def test_the_aggregate_posterior_is_compared_with_the_prior(rows: np.ndarray) -> None:
    gain = np.array([0.8, 0.0, 0.6])
    model = encoder_of(gain, np.array([0.6, 1.0, 0.2]))
    use = latent_use(model, rows + np.asarray([0.0, 0.0, 2.0], np.float32), queries=10)
    np.testing.assert_allclose(use.aggregate_mean, [0, 0, 1.2], atol=0.06)
    np.testing.assert_allclose(use.aggregate_sd, [1, 1, np.hypot(0.6, 0.2)], atol=0.04)
    assert use.off_prior == [2]


def test_the_ks_distance_is_scipys(rows: np.ndarray) -> None:
    model = encoder_of(GAIN, SD)
    expected = [scipy.stats.kstest(column, "norm").statistic for column in rows.T]
    found = latents._ks_distance(model, rows)
    assert found is not None
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_trace_whatever_the_number_of_rows(monkeypatch: pytest.MonkeyPatch, rows: np.ndarray) -> None:
    traces = {"posterior": 0}
    model = encoder_of(GAIN, SD)

    class Counting(Gaussian):
        def __call__(self, output: jax.Array):
            traces["posterior"] += 1
            return super().__call__(output)

    model = eqx.tree_at(lambda m: m.posterior, model, Counting(latent_dim=3))
    latent_use(model, rows[:300])
    first = dict(traces)
    latent_use(model, rows[:555])
    assert traces == first
