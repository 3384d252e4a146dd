"""Factor analysis at the model's latent size."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vaefit.baselines._base import Baseline
from vaefit.baselines._tools import Scale, fewer_rows
from vaefit.ppca import Ppca

CELLS = 8_000_000
LEAST_ROWS = 1000
ITERATIONS = 1000
TOLERANCE = 1e-2  # of the log-likelihood of all rows, nats
WORK = 3e11  # multiplications; about ten seconds
UNIQUENESS_FLOOR = 1e-6  # of a variable's variance (Heywood cases have a maximum at 0)


@dataclass(frozen=True, eq=False)
class FactorAnalysis(Baseline):
    r"""Factor analysis with as many latents: linear, a noise for each variable.

    $p(x) = N(\mu, W W^\top + \Psi)$, $\Psi$ diagonal, at least 1e-6 of each variable's variance, by
    scikit-learn's EM on standardised variables (constant ones count as varying by `variance_floor`). At most
    8 million numbers (but 1000 rows) are used. Rows are rebuilt from their posterior mean, $\mu + W E[z|x]$.
    """

    scale: Scale
    model: Ppca  # of (x - mean) / sd / sqrt(uniqueness), which has unit noise

    reference: ClassVar[str] = "Rubin & Thayer 1982, Psychometrika 47(1)"

    @classmethod
    def _fit(cls, x: np.ndarray, latent_dim: int, seed: int) -> "FactorAnalysis":
        few, told = fewer_rows(x, CELLS, LEAST_ROWS, seed)
        scale = Scale.of(few)
        k = max(0, min(latent_dim, x.shape[1] - 1, len(few) - 1))
        components, uniqueness, ended = _em(scale(few), k, seed)
        sd = np.sqrt(uniqueness)
        model = Ppca(np.zeros(x.shape[1]), components / sd[:, None], 1.0)
        return cls(x.shape[1], f"{k} latents{ended}{told}", Scale(scale.mean, scale.sd * sd), model)

    def _log_likelihood(self, x: np.ndarray) -> np.ndarray:
        return self.scale.log_jacobian + self.model.log_likelihood(self.scale(x))

    def _reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.scale.undo(self.model.decode(self.model.posterior(self.scale(x))[0]))


def _em(y: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Loadings and uniquenesses of standardised rows, and whether it ended before it converged."""
    from sklearn.decomposition import FactorAnalysis as Sklearns

    if k == 0 or not y.any():
        return np.zeros((y.shape[1], 0)), np.ones(y.shape[1]), ""
    n, y = len(y), _fewer_alike(y)
    iterations = int(np.clip(WORK / (20 * y.size * (k + 10)), 10, ITERATIONS))
    # scikit-learn's tolerance is one of the sum over rows.
    found = Sklearns(k, tol=TOLERANCE * len(y) / n, max_iter=iterations, random_state=seed).fit(y)
    ended = f", stopped after {iterations} iterations" if found.n_iter_ >= iterations else ""
    return found.components_.T, np.maximum(found.noise_variance_, UNIQUENESS_FLOOR), ended


def _fewer_alike(y: np.ndarray) -> np.ndarray:
    """Two rows for each variable with the mean and covariance of all rows, which are all that EM looks at."""
    dim = y.shape[1]
    if len(y) <= 2 * dim:
        return y
    values, vectors = np.linalg.eigh(y.T @ y / len(y))
    root = np.sqrt(dim * np.maximum(values, 0.0))[:, None] * vectors.T
    return np.concatenate([root, -root])
