"""Two-sample measures against brute force, closed forms and the level that a test promises."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from vaefit.errors import DataError, ShapeError
from vaefit.evaluation.sample_quality import (
    NEIGHBOURS,
    frechet_distance,
    mmd_test,
    principal_features,
    sample_quality,
)


def normal(n: int, dim: int = 3, seed: int = 0, shift: float = 0.0, sd: float = 1.0) -> np.ndarray:
    return shift + sd * np.random.default_rng(seed).normal(size=(n, dim))


def test_identical_sets_are_perfect() -> None:
    x = normal(80)
    found = sample_quality(x, x, seed=0)
    assert (found.rows, found.precision, found.recall, found.coverage) == (80, 1.0, 1.0, 1.0)
    assert found.frechet == pytest.approx(0.0, abs=1e-9) and found.mmd_p > 0.9 and found.mmd2 <= 0


def test_disjoint_sets_share_nothing() -> None:
    found = sample_quality(normal(80, shift=50.0), normal(80, seed=1), seed=0)
    assert (found.precision, found.recall, found.density, found.coverage) == (0.0, 0.0, 0.0, 0.0)
    assert found.mmd_p == pytest.approx(1 / 201) and found.mmd2 > 0.5
    assert found.frechet == pytest.approx(3 * 50.0**2, rel=0.02)


def test_samples_of_one_mode_are_precise_and_recall_little() -> None:
    real = np.concatenate([normal(100), normal(100, seed=1, shift=20.0)])
    found = sample_quality(normal(200, seed=2, sd=0.5), real, seed=0)
    assert found.precision > 0.95 and found.recall < 0.5 and found.coverage < 0.55 and found.density > 1


def brute_force(fake: np.ndarray, real: np.ndarray, k: int) -> tuple[float, float, float, float]:
    def radius(i: int, side: np.ndarray) -> float:
        return sorted(float(np.linalg.norm(side[i] - side[j])) for j in range(len(side)) if j != i)[k - 1]

    real_radii, fake_radii = ([radius(i, side) for i in range(len(side))] for side in (real, fake))
    apart = np.array([[np.linalg.norm(f - r) for r in real] for f in fake])
    in_real = np.array([[apart[j, i] <= real_radii[i] for i in range(len(real))] for j in range(len(fake))])
    in_fake = np.array([[apart[j, i] <= fake_radii[j] for i in range(len(real))] for j in range(len(fake))])
    density = in_real.sum() / (k * len(fake))
    return in_real.any(axis=1).mean(), in_fake.any(axis=0).mean(), density, in_real.any(axis=0).mean()


def test_neighbourhood_measures_are_those_of_a_plain_loop() -> None:
    fake, real = normal(40, seed=1, shift=0.7), normal(40, seed=2)
    found = sample_quality(fake, real, seed=0)
    expected = brute_force(fake, real, NEIGHBOURS)
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(expected)
    assert 0 < found.precision < 1 and 0 < found.recall < 1 and 0 < found.coverage < 1


def test_mmd_is_the_plain_sum_of_kernels() -> None:
    a, b = normal(12, seed=1), normal(9, seed=2, shift=0.5)
    both = np.concatenate([a, b])
    median = np.median([((x - y) ** 2).sum() for i, x in enumerate(both) for y in both[:i]])

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.exp(-((x - y) ** 2).sum() / (2 * median)))

    within = [np.mean([k(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j]) for s in (a, b)]
    expected = sum(within) - 2 * np.mean([k(x, y) for x in a for y in b])
    assert mmd_test(a, b, seed=0)[0] == pytest.approx(expected)


def test_mmd_p_values_are_uniform_where_nothing_differs() -> None:
    pairs = [(normal(30, seed=s), normal(30, seed=9999 + s)) for s in range(300)]
    p = np.array([mmd_test(a, b, seed=s, permutations=99)[1] for s, (a, b) in enumerate(pairs)])
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.01
    assert 0.02 <= (p <= 0.05).mean() <= 0.09


@pytest.mark.parametrize(("shift", "sd"), [(0.7, 1.0), (0.0, 1.8)])
def test_mmd_sees_another_mean_and_another_spread(shift: float, sd: float) -> None:
    pairs = [(normal(80, seed=s, shift=shift, sd=sd), normal(80, seed=50 + s)) for s in range(10)]
    assert np.mean([mmd_test(a, b, seed=0)[1] <= 0.05 for a, b in pairs]) >= 0.9


@pytest.mark.parametrize("n", [50, 4])
def test_frechet_is_the_formula_with_a_matrix_root(n: int) -> None:
    a, b = normal(n, dim=6) @ normal(6, dim=6, seed=3), normal(50, dim=6, seed=1, shift=1.0)
    A, B = np.cov(a.T), np.cov(b.T)
    half = scipy.linalg.sqrtm(B).real
    root = scipy.linalg.sqrtm(half @ A @ half + 1e-14 * np.eye(6)).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(A + B - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)


def test_frechet_of_known_gaussians() -> None:
    r"""Independent Gaussians: the sum of (mean difference)^2 + (sd difference)^2."""
    a, b = normal(200_000, dim=2, shift=1.0), normal(200_000, dim=2, seed=1, sd=3.0)
    assert frechet_distance(a, b) == pytest.approx(2 * (1 + 4), rel=0.02)


def test_principal_features_keep_distances_within_the_plane() -> None:
    plane = normal(60, dim=2) @ normal(2, dim=9, seed=5)
    features = principal_features(plane)
    x, y = plane[:30], plane[30:] * 1.3
    assert features(x).shape == (30, 2)
    flat, full = sample_quality(y, x, seed=0, features=features), sample_quality(y, x, seed=0)
    assert flat.precision == full.precision and flat.frechet == pytest.approx(full.frechet)


def test_sides_are_cut_to_equal_numbers_by_the_seed() -> None:
    fake, real = normal(90), normal(60, seed=1)
    assert sample_quality(fake, real, seed=0).rows == 60
    assert sample_quality(fake, real, seed=0, rows=25).rows == 25
    assert sample_quality(fake, real, seed=0) == sample_quality(fake, real, seed=0)
    assert sample_quality(fake, real, seed=0) != sample_quality(fake, real, seed=1)


@pytest.mark.parametrize("kind", [np.ones((20, 4)), np.eye(20)[:, :4], np.full((20, 4), 3, np.uint8)])
def test_ties_and_bytes_give_numbers(kind: np.ndarray) -> None:
    found = sample_quality(kind, kind, seed=0)
    assert all(np.isfinite([found.precision, found.density, found.mmd2, found.frechet])) and found.mmd_p > 0.9


def test_bad_input_is_told() -> None:
    x, broken = normal(20), normal(20)
    broken[:, 1] = np.nan
    with pytest.raises(ShapeError, match="expected generated rows of 3 variables"):
        sample_quality(normal(20, dim=4), x, seed=0)
    with pytest.raises(DataError, match="at least 7 rows"):
        sample_quality(x, x[:5], seed=0)
    with pytest.raises(DataError, match="expected finite rows"):
        sample_quality(broken, x, seed=0)
    with pytest.raises(DataError, match="array of 20 rows"):
        sample_quality(x, x, seed=0, features=lambda rows: rows[:3])
    with pytest.raises(DataError, match="expected finite features"):
        sample_quality(x, x, seed=0, features=lambda rows: rows * np.nan)
