"""Baselines of tables against densities in closed form."""

import numpy as np
import pytest
import scipy.stats

from vaefit.baselines import TypedBaseline
from vaefit.baselines.gaussian_copula import GaussianCopula
from vaefit.baselines.independent_columns import IndependentColumns
from vaefit.data import Column
from vaefit.errors import DataError

MEAN, COV = np.array([1.0, 2.0, 3.0]), np.array([[1, 0.7, 0.2], [0.7, 2, -0.3], [0.2, -0.3, 0.5]])
REAL = tuple(Column(name, "real") for name in "abc")
COIN = Column("coin", "binary", ("no", "yes"))


def gaussian(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).multivariate_normal(MEAN, COV, n)


@pytest.fixture(scope="module")
def copula() -> TypedBaseline:
    return GaussianCopula.fit(gaussian(5000, 0), REAL, 0)


def test_the_copula_of_gaussian_data_is_the_gaussian(copula):
    x, true = gaussian(500, 1), scipy.stats.multivariate_normal(MEAN, COV)
    assert copula.log_likelihood(x).mean() == pytest.approx(true.logpdf(x).mean(), abs=0.02)
    rest = scipy.stats.multivariate_normal(MEAN[[0, 2]], COV[np.ix_([0, 2], [0, 2])])
    log_density, guess = copula.each(x)
    conditional = true.logpdf(x) - rest.logpdf(x[:, [0, 2]])
    assert log_density[:, 1].mean() == pytest.approx(conditional.mean(), abs=0.02)
    expected = MEAN[1] + (x[:, [0, 2]] - MEAN[[0, 2]]) @ np.linalg.solve(rest.cov, COV[[0, 2], 1])
    assert np.abs(guess[:, 1] - expected).mean() < 0.08


def test_missing_cells_are_marginalised(copula):
    x = gaussian(500, 2)
    x[:, 1] = np.nan
    true = scipy.stats.multivariate_normal(MEAN[[0, 2]], COV[np.ix_([0, 2], [0, 2])])
    assert copula.log_likelihood(x).mean() == pytest.approx(true.logpdf(x[:, [0, 2]]).mean(), abs=0.02)
    nothing = np.full((1, 3), np.nan)
    assert (
        copula.log_likelihood(nothing) == pytest.approx(0, abs=1e-9) and np.isnan(copula.each(nothing)).all()
    )


def test_rows_do_not_depend_on_their_neighbours():
    x = gaussian(300, 3)
    x[:, 2] = x[:, 2] > 3
    columns = (*REAL[:2], COIN)
    fitted = GaussianCopula.fit(x, columns, 0)
    np.testing.assert_allclose(fitted.log_likelihood(x[[200, 7]]), fitted.log_likelihood(x)[[200, 7]])


def test_the_copula_of_halved_gaussians_has_their_orthant_probabilities():
    z = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 5000)
    fitted = GaussianCopula.fit((z > 0).astype(float), (COIN, COIN), 0)
    same = 0.25 + np.arcsin(0.6) / (2 * np.pi)
    found = np.exp(fitted.log_likelihood(np.array([[1.0, 1], [1, 0], [0, 1], [0, 0]])))
    np.testing.assert_allclose(found, [same, 0.5 - same, 0.5 - same, same], atol=0.015)
    assert found.sum() == pytest.approx(1, abs=1e-3)
    log_density, guess = fitted.each(np.array([[1.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(np.exp(log_density[:, 0]), [2 * same, 1 - 2 * same], atol=0.02)
    assert guess[:, 0].tolist() == [1, 1]


def test_independent_columns_reach_the_entropy_of_their_frequencies():
    counts = np.array([600, 300, 100])
    column = Column("c", "categorical", ("a", "b", "c"))
    x = np.random.default_rng(0).permutation(np.repeat(np.arange(3.0), counts))[:, None]
    found = IndependentColumns.fit(x, [column], 0).log_likelihood(x).mean()
    assert found == pytest.approx(-scipy.stats.entropy(counts), abs=1e-3)


@pytest.mark.parametrize(
    ("column", "true"),
    [
        (Column("v", "real"), scipy.stats.norm(3, 2)),
        (Column("v", "positive"), scipy.stats.lognorm(0.7, scale=5)),
        (Column("v", "count"), scipy.stats.nbinom(3, 0.3)),
        (Column("v", "proportion"), scipy.stats.beta(2, 3)),
    ],
)
def test_a_column_alone_comes_near_its_true_density(column, true):
    train, test = (true.rvs(n, random_state=n)[:, None].astype(float) for n in (4000, 2000))
    exact = (true.logpmf if column.type == "count" else true.logpdf)(test).mean()
    assert (
        exact - 0.03 < IndependentColumns.fit(train, [column], 0).log_likelihood(test).mean() < exact + 0.01
    )


def test_a_columns_density_integrates_to_one_and_atoms_have_their_mass():
    rng = np.random.default_rng(0)
    v = np.where(rng.random(4000) < 0.7, 40.0, np.round(rng.normal(40, 10, 4000)))
    column = Column("hours", "real", step=1.0, low=float(v.min()), high=float(v.max()))
    fitted = IndependentColumns.fit((v + rng.random(4000) - 0.5)[:, None], [column], 0)
    grid = np.linspace(-400, 480, 400_001)[:, None]
    p = np.exp(fitted.log_likelihood(grid))
    assert np.trapezoid(p, grid[:, 0]) == pytest.approx(1, abs=0.01)
    at = fitted.log_likelihood(np.array([[40.2]]))
    assert np.exp(at)[0] == pytest.approx((v == 40).mean(), abs=0.01)


def test_columns_without_values_and_too_many_are_refused():
    with pytest.raises(DataError, match="column b, found none"):
        IndependentColumns.fit(np.array([[1.0, np.nan]]), REAL[:2], 0)
    with pytest.raises(DataError, match="at most 200 columns, found 201"):
        GaussianCopula.fit(np.zeros((2, 201)), (COIN,) * 201, 0)
