"""Baselines against scipy's densities, scikit-learn's scores and sums over every state."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.decomposition import FactorAnalysis as SklearnsFactorAnalysis
from sklearn.mixture import GaussianMixture as SklearnsMixture

from vaefit.baselines import Baseline, baselines, find, for_data
from vaefit.baselines.bernoulli_mixture import BernoulliMixture, Mixture, em
from vaefit.baselines.factor_analysis import FactorAnalysis
from vaefit.baselines.full_gaussian import FullGaussian
from vaefit.baselines.gaussian_mixture import GaussianMixture
from vaefit.baselines.independent_bernoulli import IndependentBernoulli
from vaefit.baselines.independent_gaussian import IndependentGaussian
from vaefit.data import read
from vaefit.errors import DataError, SettingsError, ShapeError

ALL = list(baselines().values())


def rows(n: int = 120, dim: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(9).normal(size=(dim, dim))
    return 3.0 + rng.normal(size=(n, dim)) @ mix + rng.normal(size=(n, 1))


def bits(n: int = 120, dim: int = 6, seed: int = 0) -> np.ndarray:
    return (rows(n, dim, seed) > 3.0).astype(np.float64)


def suited(kind: type[Baseline], n: int = 120, dim: int = 6, seed: int = 0) -> np.ndarray:
    return (bits if kind.binary else rows)(n, dim, seed)


@pytest.mark.parametrize("kind", ALL)
def test_every_baseline_scores_each_row_on_its_own(kind: type[Baseline]) -> None:
    fitted, x = kind.fit(suited(kind), 2, seed=0), suited(kind, n=1100, seed=1)
    found = fitted.log_likelihood(x)
    assert found.shape == (1100,) and np.isfinite(found).all()
    np.testing.assert_allclose(fitted.log_likelihood(x[[1090, 3]]), found[[1090, 3]], rtol=1e-9)
    assert fitted.log_likelihood(x[:0]).shape == (0,)


@pytest.mark.parametrize("kind", ALL)
def test_every_baseline_tells_what_it_is(kind: type[Baseline]) -> None:
    fitted = kind.fit(suited(kind), 2, seed=0)
    assert kind.summary() and kind.reference and fitted.made
    assert find(kind.name()) is kind and kind.name() in for_data(kind.binary)


@pytest.mark.parametrize("kind", ALL)
def test_every_baseline_rebuilds_rows_or_says_it_cannot(kind: type[Baseline]) -> None:
    x = suited(kind)
    rebuilt = kind.fit(x, 3, seed=0).reconstruct(x)
    if rebuilt is not None:
        assert rebuilt.shape == x.shape
        assert ((x - rebuilt) ** 2).mean() <= x.var(axis=0).mean() + 1e-4


@pytest.mark.parametrize("kind", ALL)
def test_the_same_seed_gives_the_same_baseline(kind: type[Baseline]) -> None:
    x = suited(kind)
    first, second = (kind.fit(x, 2, seed=3).log_likelihood(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", [k for k in ALL if not k.binary])
def test_densities_integrate_to_one(kind: type[Baseline]) -> None:
    x = rows(dim=2)
    axes = [np.linspace(c.mean() - 8 * c.std(), c.mean() + 8 * c.std(), 300) for c in x.T]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    cell = np.prod([a[1] - a[0] for a in axes])
    total = np.exp(kind.fit(x, 1, seed=0).log_likelihood(grid)).sum() * cell
    assert total == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("kind", [k for k in ALL if k.binary])
def test_masses_add_up_to_one(kind: type[Baseline]) -> None:
    states = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
    assert np.exp(kind.fit(bits(), 1, seed=0).log_likelihood(states)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("n", "dim"), [(1, 4), (2, 1), (3, 10), (40, 1), (5, 200)])
def test_few_rows_or_variables_give_a_density(kind: type[Baseline], n: int, dim: int) -> None:
    fitted = kind.fit(suited(kind, n, dim), 10, seed=0)
    assert np.isfinite(fitted.log_likelihood(suited(kind, 7, dim, seed=1))).all()


@pytest.mark.parametrize("kind", ALL)
def test_constant_columns_and_rows_give_a_density(kind: type[Baseline]) -> None:
    x = suited(kind, n=60)
    x[:, 2:4] = 1.0
    assert np.isfinite(kind.fit(x, 4, seed=0).log_likelihood(x)).all()
    assert np.isfinite(kind.fit(np.ones((9, 4)), 2, seed=0).log_likelihood(np.ones((2, 4)))).all()


@pytest.mark.parametrize("kind", ALL)
def test_every_baseline_takes_any_number_type(kind: type[Baseline]) -> None:
    x = bits() if kind.binary else np.round(10 * rows())
    expected = kind.fit(x, 2, seed=0).log_likelihood(x)
    for dtype in (np.int64, np.float32):
        found = kind.fit(x.astype(dtype), 2, seed=0).log_likelihood(x.astype(dtype))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ALL)
def test_wrong_data_is_told_in_one_line(kind: type[Baseline]) -> None:
    x = suited(kind)
    broken = x.copy()
    broken[3, 1] = np.nan
    fitted = kind.fit(x, 2, seed=0)
    cases = [
        (DataError, "expected finite", lambda: kind.fit(broken, 2, 0)),
        (DataError, "0 rows of 6", lambda: kind.fit(x[:0], 2, 0)),
        (ShapeError, "expected 6 variables", lambda: fitted.log_likelihood(x[:, :5])),
    ]
    for error, message, call in cases:
        with pytest.raises(error, match=message) as told:
            call()
        assert str(told.value).startswith(kind.name()) and "\n" not in str(told.value)


def test_what_the_library_refuses_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise np.linalg.LinAlgError("did not converge\nat all")

    monkeypatch.setattr(np.linalg, "eigh", refuse)
    with pytest.raises(DataError, match=r"full-gaussian: cannot be fitted to 120 rows .*: did not converge$"):
        FullGaussian.fit(rows(), 2, 0)


def test_only_zeros_and_ones_are_binary() -> None:
    with pytest.raises(DataError, match="expected zeros and ones"):
        IndependentBernoulli.fit(rows(), 2, 0)
    with pytest.raises(DataError, match="expected zeros and ones"):
        IndependentBernoulli.fit(bits(), 2, 0).log_likelihood(rows())


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(SettingsError, match="full-gaussian"):
        find("flow")


def test_independent_gaussian_is_scipys() -> None:
    x, held_out = rows(), rows(seed=1)
    expected = scipy.stats.norm(x.mean(axis=0), x.std(axis=0)).logpdf(held_out).sum(axis=1)
    np.testing.assert_allclose(IndependentGaussian.fit(x, 2, 0).log_likelihood(held_out), expected)


def test_ppca_rebuilds_as_pca_does() -> None:
    x = rows()
    pca = PCA(2).fit(x)
    rebuilt = find("ppca").fit(x, 2, 0).reconstruct(x)
    np.testing.assert_allclose(rebuilt, pca.inverse_transform(pca.transform(x)), atol=1e-9)


def test_ppca_says_that_rank_is_short() -> None:
    assert find("ppca").fit(np.repeat(rows(dim=2), 2, axis=1), 3, 0).made.startswith("1 latents of 3")


def test_factor_analysis_is_sklearns() -> None:
    x, held_out = rows(n=400), rows(seed=1)
    theirs = SklearnsFactorAnalysis(2, tol=1e-3, max_iter=5000, svd_method="lapack").fit(x)
    ours = FactorAnalysis.fit(x, 2, 0).log_likelihood(held_out)
    np.testing.assert_allclose(ours.mean(), theirs.score(held_out), atol=0.02)


def test_factor_analysis_density_is_scipys() -> None:
    fitted, held_out = FactorAnalysis.fit(rows(n=400), 2, 0), rows(seed=1)
    W = fitted.model.components * fitted.scale.sd[:, None]
    covariance = W @ W.T + np.diag(fitted.scale.sd**2)
    expected = scipy.stats.multivariate_normal(fitted.scale.mean, covariance).logpdf(held_out)
    np.testing.assert_allclose(fitted.log_likelihood(held_out), expected)
    mean = fitted.scale.mean
    latents = (held_out - mean) @ np.linalg.solve(covariance, W)
    np.testing.assert_allclose(fitted.reconstruct(held_out), mean + latents @ W.T)


@pytest.mark.parametrize(("n", "dim"), [(120, 6), (9, 6), (8, 30), (2000, 4)])
def test_full_gaussian_is_ledoit_and_wolfs(n: int, dim: int) -> None:
    x, held_out = rows(n, dim), rows(50, dim, seed=1)
    theirs = LedoitWolf().fit(x)
    expected = scipy.stats.multivariate_normal(theirs.location_, theirs.covariance_).logpdf(held_out)
    np.testing.assert_allclose(FullGaussian.fit(x, 2, 0).log_likelihood(held_out), expected, rtol=1e-8)


def two_groups(n: int = 300, dim: int = 40, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    side = rng.integers(2, size=n)
    return rng.normal(size=(n, dim)) * np.array([0.5, 2.0])[side, None] + 4.0 * side[:, None]


def test_gaussian_mixture_finds_two_groups() -> None:
    x, held_out = two_groups(), two_groups(seed=1)
    fitted = GaussianMixture.fit(x, 2, 0)
    assert fitted.made == "2 diagonal components"
    theirs = SklearnsMixture(2, covariance_type="diag", random_state=0).fit(x).score(held_out)
    assert fitted.log_likelihood(held_out).mean() == pytest.approx(theirs, rel=1e-4)


def test_gaussian_mixture_may_have_covariances_in_few_variables() -> None:
    x, held_out = rows(n=400, dim=3), rows(seed=1, dim=3)
    fitted = GaussianMixture.fit(x, 2, 0)
    assert fitted.made == "1 full component"
    expected = scipy.stats.multivariate_normal(x.mean(axis=0), np.cov(x.T, bias=True)).logpdf(held_out)
    np.testing.assert_allclose(fitted.log_likelihood(held_out), expected, atol=1e-3)


def test_many_rows_are_fewer_and_said() -> None:
    x = np.random.default_rng(0).normal(size=(1300, 2001))
    assert GaussianMixture.fit(x, 2, 0).made == "1 diagonal component, on 1000 of 1300 rows"


def test_independent_bernoulli_is_scipys() -> None:
    x, held_out = bits(), bits(seed=1)
    p = (x.sum(axis=0) + 0.5) / (len(x) + 1)
    expected = scipy.stats.bernoulli(p).logpmf(held_out.astype(int)).sum(axis=1)
    np.testing.assert_allclose(IndependentBernoulli.fit(x, 2, 0).log_likelihood(held_out), expected)


def generated(n: int, seed: int) -> tuple[np.ndarray, Mixture]:
    rng = np.random.default_rng(5)
    truth = Mixture(np.array([0.2, 0.3, 0.5]), np.where(rng.random((3, 25)) < 0.5, 0.1, 0.9))
    draw = np.random.default_rng(seed)
    p = truth.probability[draw.choice(3, n, p=truth.weight)]
    return (draw.random(p.shape) < p).astype(np.float64), truth


def test_bernoulli_mixture_sums_over_its_components() -> None:
    x, _ = generated(200, seed=0)
    fitted = BernoulliMixture.fit(x, 2, 0)
    components = list(zip(fitted.mixture.weight, fitted.mixture.probability, strict=True))
    likelihoods = np.array(
        [[w * np.prod(np.where(row == 1, p, 1 - p)) for w, p in components] for row in x[:20]]
    )
    np.testing.assert_allclose(fitted.log_likelihood(x[:20]), np.log(likelihoods.sum(axis=1)))
    shares = likelihoods / likelihoods.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.reconstruct(x[:20]), shares @ fitted.mixture.probability)


def test_em_never_goes_down() -> None:
    x = bits(n=80, dim=12)
    steps = [em(x, 5, seed=0, iterations=i) for i in range(25)]
    climbed = [m.score(x) + m.log_prior() / len(x) for m in steps]
    assert (np.diff(climbed[1:]) >= -1e-10).all() and climbed[-1] > climbed[1] + 0.01


def test_bernoulli_mixture_recovers_what_made_the_data() -> None:
    x, truth = generated(4000, seed=0)
    found = em(x, 3, seed=1)
    order = [np.abs(found.probability - p).sum(axis=1).argmin() for p in truth.probability]
    np.testing.assert_allclose(found.probability[order], truth.probability, atol=0.05)
    np.testing.assert_allclose(found.weight[order], truth.weight, atol=0.03)


def test_bernoulli_mixture_is_near_the_truth_on_new_rows() -> None:
    held_out, truth = generated(2000, seed=1)
    fitted = BernoulliMixture.fit(generated(2000, seed=0)[0], 2, 0)
    assert fitted.log_likelihood(held_out).mean() == pytest.approx(truth.score(held_out), abs=0.15)


def test_mixtures_of_rare_patterns_do_not_underflow() -> None:
    x = np.repeat(bits(n=60, dim=1), 3000, axis=1)
    assert np.isfinite(BernoulliMixture.fit(x, 2, 0).log_likelihood(1 - x)).all()


def faces(folder: Path, part: str) -> np.ndarray:
    """Pixels of CBCL faces as densities see them, (v + u) / 256."""
    values = read(folder / f"cbcl-{part}.tar.gz", include=(f"{part}/face/*",)).values
    return (values + np.random.default_rng(0).random(values.shape)) / 256


def test_faces_give_the_known_numbers(cbcl: Path) -> None:
    train, test = faces(cbcl, "train"), faces(cbcl, "test")

    def bits_per_dim(fitted: Baseline) -> float:
        return 8 - fitted.log_likelihood(test).mean() / (361 * np.log(2))

    linear = find("ppca").fit(train, 10, 0)
    assert bits_per_dim(linear) == pytest.approx(6.483, abs=0.003)
    assert ((test - linear.reconstruct(test)) ** 2).mean() == pytest.approx(0.00616, abs=2e-5)
    assert bits_per_dim(FullGaussian.fit(train, 10, 0)) == pytest.approx(5.141, abs=0.005)
