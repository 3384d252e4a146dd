"""Are generated rows like real ones? Two-sample measures that need no downloaded network."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from sklearn.metrics.pairwise import euclidean_distances

from vaefit.errors import DataError, ShapeError
from vaefit.ppca import Spectrum, variance_floor

ROWS = 2000
NEIGHBOURS = 5
PERMUTATIONS = 200
PRINCIPAL = 50

Rows = Float[np.ndarray, "rows features"]
Features = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SampleQuality:
    """Generated against real held-out rows in one space, equally many of each.

    precision, density: how much of what is generated is real; recall, coverage: how much of what is real is
    generated (all 1 at best; density may exceed 1). mmd2 is the squared kernel distance (0 at best; unbiased,
    so it may be negative) and mmd_p the share of permutations with one at least as large. frechet is the
    squared Frechet distance of the Gaussians fitted to both, in squared units of the space.
    """

    rows: int
    precision: float
    recall: float
    density: float
    coverage: float
    mmd2: float
    mmd_p: float
    frechet: float


def sample_quality(
    generated: Num[np.ndarray, "generated variables"],
    held_out: Num[np.ndarray, "held_out real_variables"],
    *,
    seed: int,
    rows: int = ROWS,
    features: Features | None = None,
) -> SampleQuality:
    """All measures between generated and real held-out rows, on what `features` makes of them (None: as is).

    Both sides are cut to the same number of rows, at most `rows`, drawn without replacement by `seed`.

    Raises:
        DataError: a side has fewer than 7 rows, a value is not finite, or the features do not fit.
        ShapeError: the sides have different variables.

    >>> x = np.random.default_rng(0).normal(size=(60, 2))
    >>> sample_quality(x + 100, x, seed=0).precision
    0.0
    """
    fake, real = _pair(generated, held_out, seed, rows)
    if features is not None:
        fake, real = _featured(features, fake), _featured(features, real)
    squares = _squared_distances(fake, real)
    neighbours = _prdc(squares, len(fake))
    mmd2, p = _mmd_test(squares, len(fake), seed, PERMUTATIONS)
    return SampleQuality(len(real), *neighbours, mmd2, p, frechet_distance(fake, real))


def principal_features(train: Num[np.ndarray, "rows variables"], k: int = PRINCIPAL) -> Features:
    """Coordinates on the first k principal components of real training rows, for `sample_quality`."""
    spectrum = Spectrum.fit(train.astype(np.float64))
    directions = spectrum.eigenvectors[:, :k]
    return lambda x: (x - spectrum.mean) @ directions


def frechet_distance(a: Float[np.ndarray, "n features"], b: Float[np.ndarray, "m features"]) -> float:
    r"""The squared Frechet distance of the Gaussians fitted to two sets of rows.

    $\|\mu_a - \mu_b\|^2 + \mathrm{tr}(\Sigma_a + \Sigma_b - 2 (\Sigma_a \Sigma_b)^{1/2})$, covariances with
    divisor N - 1; on a network's features a FID, on pixels or principal components the 2-Wasserstein distance
    of two Gaussians and no more. The trace of the root is the sum of the singular values of $A B^\top$ with
    $\Sigma_a = A^\top A$, so singular covariances (fewer rows than features) need no regularisation. It is
    biased upwards in few rows: compare numbers of equally many.

    Source: Heusel et al. 2017, arXiv:1706.08500; Dowson & Landau 1982, J. Multivariate Analysis 12(3).
    """
    root_a, root_b = _root(a), _root(b)
    cross = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    shift = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    return max(0.0, float(shift + (root_a**2).sum() + (root_b**2).sum() - 2 * cross))


def mmd_test(
    a: Float[np.ndarray, "n features"],
    b: Float[np.ndarray, "m features"],
    *,
    seed: int,
    permutations: int = PERMUTATIONS,
) -> tuple[float, float]:
    r"""Unbiased squared MMD with a Gaussian kernel, and the p-value of its permutation test.

    $k(x, y) = \exp(-\|x - y\|^2 / 2 h^2)$ with h^2 the median squared distance of the pooled rows;
    $p = (1 + \#\{\text{permuted} \ge \text{observed}\}) / (1 + \text{permutations})$, so at least 1 / 201.

    Source: Gretton et al. 2012, Journal of Machine Learning Research 13, equation 3 and section 6.
    """
    return _mmd_test(_squared_distances(a, b), len(a), seed, permutations)


def _pair(generated: np.ndarray, held_out: np.ndarray, seed: int, rows: int) -> tuple[Rows, Rows]:
    if generated.shape[1] != held_out.shape[1]:
        raise ShapeError(
            f"sample quality: expected generated rows of {held_out.shape[1]} variables, as the real ones, "
            f"found {generated.shape[1]}"
        )
    n = min(len(generated), len(held_out), rows)
    if n < NEIGHBOURS + 2:
        raise DataError(
            f"sample quality: expected at least {NEIGHBOURS + 2} rows on both sides, found "
            f"{len(generated)} generated and {len(held_out)} real, at most {rows} used"
        )
    rngs = np.random.default_rng(seed).spawn(2)
    return _drawn(generated, n, rngs[0]), _drawn(held_out, n, rngs[1])


def _drawn(x: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
    drawn = x[np.sort(rng.choice(len(x), n, replace=False))].astype(np.float64)
    return _finite(drawn, "rows")


def _featured(features: Features, x: np.ndarray) -> Rows:
    found = np.asarray(features(x), np.float64)
    if found.ndim != 2 or len(found) != len(x):
        raise DataError(
            f"sample quality: expected the features to be an array of {len(x)} rows, one for each row given, "
            f"found shape {found.shape}"
        )
    return _finite(found, "features")


def _finite(x: np.ndarray, what: str) -> np.ndarray:
    if not np.isfinite(x).all():
        raise DataError(f"sample quality: expected finite {what}, found NaN or infinity")
    return x


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Between all rows of both sides (n + m, n + m), those of `a` first."""
    both = np.concatenate([a, b])
    # Centred, so that |x|^2 + |y|^2 - 2xy loses little; the diagonal is exactly 0.
    return euclidean_distances(both - both.mean(axis=0), squared=True)


def _prdc(squares: np.ndarray, n: int) -> tuple[float, float, float, float]:
    """Precision, recall, density and coverage; the first n rows are generated, the rest real.

    A row's ball reaches to its k-th neighbour (k = 5) of its own side. Precision and recall: shares of rows
    in any ball of the other side (Kynkaanniemi et al. 2019, arXiv:1904.06991). Density: number of real balls
    around a generated row, over k; coverage: share of real balls with a generated row in them (Naeem et al.
    2020, arXiv:2002.09797).
    """
    to_real = squares[:n, n:]
    in_real = to_real <= _radii(squares[n:, n:])
    in_generated = to_real <= _radii(squares[:n, :n])[:, None]
    density = in_real.sum(axis=1).mean() / NEIGHBOURS
    shares = in_real.any(axis=1), in_generated.any(axis=0), in_real.any(axis=0)
    precision, recall, coverage = (float(share.mean()) for share in shares)
    return precision, recall, float(density), coverage


def _radii(squares: np.ndarray) -> np.ndarray:
    # Place 0 of the sorted distances is the row itself.
    return np.partition(squares, NEIGHBOURS, axis=1)[:, NEIGHBOURS]


def _mmd_test(squares: np.ndarray, n: int, seed: int, permutations: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    first = np.zeros((len(squares), 1 + permutations))
    first[:n, 0] = 1.0
    for column in range(1, 1 + permutations):
        first[rng.permutation(len(squares))[:n], column] = 1.0
    found = _unbiased_mmd2(_kernel(squares), first)
    reached = int((found[1:] >= found[0] - 1e-12).sum())
    return float(found[0]), (1 + reached) / (1 + permutations)


def _kernel(squares: np.ndarray) -> np.ndarray:
    """Gaussian with the median distance as its width, 0 on the diagonal."""
    away = ~np.eye(len(squares), dtype=bool)
    width2 = max(float(np.median(squares[away])), variance_floor(float(squares.mean())))
    return np.exp(-squares / (2 * width2)) * away


def _unbiased_mmd2(kernel: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The U-statistic for each column of membership of the first side; the kernel's diagonal is 0."""
    n, m = first[:, 0].sum(), (1 - first[:, 0]).sum()
    to_first = kernel @ first
    to_second = kernel.sum(axis=1, keepdims=True) - to_first
    within_first = (first * to_first).sum(axis=0) / (n * (n - 1))
    within_second = ((1 - first) * to_second).sum(axis=0) / (m * (m - 1))
    return within_first + within_second - 2 * (first * to_second).sum(axis=0) / (n * m)


def _root(x: Rows) -> np.ndarray:
    r"""R with $R^\top R$ the covariance; at most as many rows as features."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    return centred if centred.shape[1] >= len(x) else np.linalg.qr(centred).R
