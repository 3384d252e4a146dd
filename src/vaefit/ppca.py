r"""Probabilistic PCA in closed form: the exact optimum of every linear-Gaussian model.

$x = \mu + W z + \epsilon$, $z \sim N(0, I_k)$, $\epsilon \sim N(0, \sigma^2 I_D)$. One eigendecomposition
(`Spectrum`) gives the maximum-likelihood model (`Ppca`) of every size k.

Source: Tipping & Bishop 1999, Journal of the Royal Statistical Society B 61(3).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from jaxtyping import Float

from vaefit.errors import DataError, SettingsError, ShapeError
from vaefit.remembered import remembered

ROWS_AT_ONCE = 1024
RELATIVE_FLOOR = 1e-8  # of a variable's mean variance: below it, noise is rounding
ABSOLUTE_FLOOR = 1e-12  # where nothing varies at all
LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class Ppca:
    r"""A linear-Gaussian model: $p(x) = N(\mu, W W^\top + \sigma^2 I)$; W may be rotated.

    >>> x = np.random.default_rng(0).normal(size=(200, 3)) @ np.diag([3.0, 1.0, 1.0])
    >>> model = Spectrum.fit(x).ppca(1)
    >>> model.components.shape, model.log_likelihood(x).shape
    ((3, 1), (200,))
    """

    mean: Float[np.ndarray, " variables"]
    components: Float[np.ndarray, "variables latents"]
    noise_variance: float

    @property
    def latent_dim(self) -> int:
        """Number of latents, k."""
        return self.components.shape[1]

    def log_likelihood(self, x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, " rows"]:
        r"""$\log N(x; \mu, W W^\top + \sigma^2 I)$, nats per datum, in O(rows D k) without a D by D matrix.

        The quadratic form is $\|x - \mu - W m\|^2 / \sigma^2 + \|m\|^2$ with the posterior mean m, which
        equals Woodbury's but does not cancel where the noise is small.
        """
        return np.concatenate([self._log_likelihood(rows) for rows in _blocks(x, self.mean)])

    def posterior(
        self, x: Float[np.ndarray, "rows variables"]
    ) -> tuple[Float[np.ndarray, "rows latents"], Float[np.ndarray, " latents"]]:
        r"""Mean of each row and the standard deviations all rows share.

        $p(z|x) = N(M^{-1} W^\top (x - \mu), \sigma^2 M^{-1})$, $M = W^\top W + \sigma^2 I$; the standard
        deviations are the diagonal's (all there is where W has not been rotated).
        """
        mean = np.concatenate([self._posterior_mean(rows) for rows in _blocks(x, self.mean)])
        inverse = scipy.linalg.cho_solve(self._factor, np.eye(self.latent_dim))
        return mean, np.sqrt(self.noise_variance * np.diag(inverse))

    def decode(self, z: Float[np.ndarray, "rows latents"]) -> Float[np.ndarray, "rows variables"]:
        r"""$E[x|z] = \mu + W z$."""
        return self.mean + z @ self.components.T

    def reconstruct(self, x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, "rows variables"]:
        r"""Orthogonal projection onto the column space of W, as PCA does: the least squared error.

        `decode` of the posterior mean is nearer to $\mu$: it shrinks direction j by
        $1 - \sigma^2 / \lambda_j$, and its squared error is larger.
        """
        into = np.linalg.pinv(self.components)
        return np.concatenate([self.decode(rows @ into.T) for rows in _blocks(x, self.mean)])

    @cached_property
    def _factor(self) -> tuple[np.ndarray, bool]:
        W = self.components
        return scipy.linalg.cho_factor(W.T @ W + self.noise_variance * np.eye(self.latent_dim), lower=True)

    @cached_property
    def _log_determinant(self) -> float:
        log_det_M = 2 * np.log(np.diag(self._factor[0])).sum()
        return float(log_det_M + (len(self.mean) - self.latent_dim) * np.log(self.noise_variance))

    def _posterior_mean(self, centred: np.ndarray) -> np.ndarray:
        return scipy.linalg.cho_solve(self._factor, (centred @ self.components).T).T

    def _log_likelihood(self, centred: np.ndarray) -> np.ndarray:
        m = self._posterior_mean(centred)
        residual = centred - m @ self.components.T
        quadratic = (residual**2).sum(axis=1) / self.noise_variance + (m**2).sum(axis=1)
        return -0.5 * (len(self.mean) * LOG_2PI + self._log_determinant + quadratic)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Mean, eigenvalues (descending, divisor N) and eigenvectors of a data set's covariance.

    Only the `rank` directions that vary are kept; every other eigenvalue is 0.

    >>> Spectrum.fit(np.array([[0.0, 1.0], [2.0, 1.0]])).eigenvalues.tolist()
    [1.0]
    """

    mean: Float[np.ndarray, " variables"]
    eigenvalues: Float[np.ndarray, " rank"]
    eigenvectors: Float[np.ndarray, "variables rank"]
    n: int

    @classmethod
    @remembered
    def fit(cls, x: Float[np.ndarray, "rows variables"]) -> "Spectrum":
        """The spectrum of the rows of `x`, float64; wide data (D > N) through the N by N Gram matrix.

        Raises:
            DataError: there is no row or a value is not finite.
        """
        if len(x) == 0 or x.shape[1] == 0:
            raise DataError(f"expected rows and variables for a PCA, found {x.shape[0]} by {x.shape[1]}")
        mean = x.mean(axis=0, dtype=np.float64)
        if not np.isfinite(mean).all():
            raise DataError("expected finite numbers for a PCA, found NaN or infinity; leave those rows out")
        wide = x.shape[1] > len(x)
        values, vectors = (_of_gram if wide else _of_covariance)(x, mean)
        kept = values > values.max(initial=0.0) * max(x.shape) * np.finfo(np.float64).eps
        return cls(mean, values[kept], _signed(vectors[:, kept]), len(x))

    @property
    def dim(self) -> int:
        """Number of variables, D."""
        return len(self.mean)

    @property
    def rank(self) -> int:
        """Number of directions in which the rows vary."""
        return len(self.eigenvalues)

    @property
    def largest_k(self) -> int:
        """The largest latent size that leaves variance for the noise: min(D, rank) - 1, at least 0."""
        return max(0, min(self.dim, self.rank) - 1)

    @property
    def noise_floor(self) -> float:
        """The least noise variance, `variance_floor` of the variables' mean variance."""
        return variance_floor(float(self.eigenvalues.sum()) / self.dim)

    def noise_variance(self, k: int) -> float:
        r"""$\sigma^2 = \frac{1}{D-k} \sum_{j>k} \lambda_j$, not below `noise_floor`."""
        return max(self.noise_floor, float(self.eigenvalues[k:].sum()) / (self.dim - k))

    def ppca(self, k: int, noise: float | None = None) -> Ppca:
        r"""The maximum-likelihood model: $W = U_k (\Lambda_k - \sigma^2 I)^{1/2}$, not rotated.

        `noise` is $\sigma^2$ where it is given, and not to be estimated. k above `largest_k` gives the model
        of `largest_k`; 0 is the isotropic Gaussian.

        Raises:
            SettingsError: k is negative.
        """
        k = self._capped(k)
        noise = self.noise_variance(k) if noise is None else noise
        scale = np.sqrt(np.maximum(self.eigenvalues[:k] - noise, 0.0))
        return Ppca(self.mean, self.eigenvectors[:, :k] * scale, noise)

    def _capped(self, k: int) -> int:
        if k < 0:
            raise SettingsError(f"expected a latent size of at least 0 for pPCA, found {k}")
        return min(k, self.largest_k)


def variance_floor(mean_variance: float) -> float:
    """The least variance a fitted density has: 1e-8 of the variables' mean, 1e-12 where nothing varies.

    >>> variance_floor(1.0), variance_floor(0.0)
    (1e-08, 1e-12)
    """
    return max(ABSOLUTE_FLOOR, RELATIVE_FLOOR * mean_variance)


def held_out_curve(
    spectrum: Spectrum, held_out: Float[np.ndarray, "rows variables"], ks: Iterable[int]
) -> dict[int, float]:
    """Mean log-likelihood of held-out rows, nats per datum, under pPCA of each size up to `largest_k`.

    All sizes from one projection: O(rows D max(ks)). Sizes above `spectrum.largest_k` are left out.
    """
    ks = sorted({k for k in ks if 0 <= k <= spectrum.largest_k})
    along, total = _mean_squares(spectrum, held_out, max(ks, default=0))
    return {k: _mean_log_likelihood(spectrum, k, along[:k], total) for k in ks}


def _mean_squares(spectrum: Spectrum, x: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """Mean squared coordinate along each of k eigenvectors, and mean squared distance from the mean."""
    along, total = np.zeros(k), 0.0
    for rows in _blocks(x, spectrum.mean):
        along += ((rows @ spectrum.eigenvectors[:, :k]) ** 2).sum(axis=0)
        total += float((rows**2).sum())
    return along / len(x), total / len(x)


def _mean_log_likelihood(spectrum: Spectrum, k: int, along: np.ndarray, total: float) -> float:
    noise = spectrum.noise_variance(k)
    variances = np.maximum(spectrum.eigenvalues[:k], noise)
    outside = max(0.0, total - along.sum())
    log_det = np.log(variances).sum() + (spectrum.dim - k) * np.log(noise)
    quadratic = (along / variances).sum() + outside / noise
    return float(-0.5 * (spectrum.dim * LOG_2PI + log_det + quadratic))


def _blocks(x: np.ndarray, mean: np.ndarray) -> Iterator[np.ndarray]:
    """Centred rows in float64, a block at a time; one empty block where there are no rows."""
    if x.shape[1] != len(mean):
        raise ShapeError(f"expected rows of {len(mean)} variables, as fitted, found {x.shape[1]}")
    for start in range(0, max(1, len(x)), ROWS_AT_ONCE):
        yield x[start : start + ROWS_AT_ONCE].astype(np.float64) - mean


def _of_covariance(x: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    covariance = np.zeros((len(mean), len(mean)))
    for rows in _blocks(x, mean):
        covariance += rows.T @ rows
    values, vectors = np.linalg.eigh(covariance / len(x))
    return values[::-1], vectors[:, ::-1]


def _of_gram(x: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X X'/N has the covariance's eigenvalues, and X' takes its eigenvectors to the covariance's."""
    centred = x.astype(np.float64) - mean
    values, left = np.linalg.eigh(centred @ centred.T / len(x))
    vectors = centred.T @ left[:, ::-1]
    # Those of (nearly) zero length are of (nearly) zero eigenvalue, and dropped by the caller.
    return values[::-1], vectors / np.maximum(np.linalg.norm(vectors, axis=0), np.finfo(np.float64).tiny)


def _signed(vectors: np.ndarray) -> np.ndarray:
    """Each column's largest entry positive, so that equal data gives equal signs."""
    if vectors.size == 0:
        return vectors
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return vectors * np.where(largest < 0, -1.0, 1.0)
