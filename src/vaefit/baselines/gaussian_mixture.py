"""A mixture of Gaussians."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from vaefit.baselines._base import Baseline
from vaefit.baselines._tools import Scale, choose_components, fewer_rows

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture as Sklearns

CELLS = 2_000_000
LEAST_ROWS = 1000
COMPONENTS = (1, 2, 4, 8, 16, 32, 64)
FULL_UP_TO = 32  # variables, for which a covariance matrix of each component is tried too
VARIANCE_FLOOR = 1e-6  # of a variable's variance

Covariance = Literal["diag", "full"]


@dataclass(frozen=True, eq=False)
class GaussianMixture(Baseline):
    r"""A mixture of Gaussians, as many as held-out rows support.

    $p(x) = \sum_c \pi_c N(x; \mu_c, \Sigma_c)$, $\Sigma_c$ diagonal or (up to 32 variables) full.
    Held-out blocks of a fifth of the rows choose that and the number of components, 1 to 64; then all rows
    are fitted, at most 2 million numbers (but 1000 rows). Variances have the floor 1e-6 of the variable's. It
    has no latents but the component, so it rebuilds nothing.
    """

    scale: Scale
    model: "Sklearns"

    reference: ClassVar[str] = "Dempster et al. 1977, J. R. Stat. Soc. B 39(1)"

    @classmethod
    def _fit(cls, x: np.ndarray, latent_dim: int, seed: int) -> "GaussianMixture":
        few, told = fewer_rows(x, CELLS, LEAST_ROWS, seed)
        scale = Scale.of(few)
        y = scale(few)
        covariance, components = _choose(y, seed)
        model = _em(covariance, seed, y, components)
        shape = {"diag": "diagonal", "full": "full"}[covariance]
        plural = "s" * (components > 1)
        return cls(x.shape[1], f"{components} {shape} component{plural}{told}", scale, model)

    def _log_likelihood(self, x: np.ndarray) -> np.ndarray:
        if len(x) == 0:
            return np.zeros(0)  # which scikit-learn refuses
        return self.scale.log_jacobian + self.model.score_samples(self.scale(x))


def _choose(y: np.ndarray, seed: int) -> tuple[Covariance, int]:
    kinds: list[Covariance] = ["diag", "full"] if 1 < y.shape[1] <= FULL_UP_TO else ["diag"]
    found = {kind: choose_components(partial(_em, kind, seed), y, COMPONENTS, seed) for kind in kinds}
    best = max(kinds, key=lambda kind: found[kind][1])
    return best, found[best][0]


def _em(covariance: Covariance, seed: int, y: np.ndarray, components: int) -> "Sklearns":
    from sklearn.mixture import GaussianMixture as Sklearns

    if len(y) == 1:
        y = np.repeat(y, 2, axis=0)  # scikit-learn's least
    return Sklearns(components, covariance_type=covariance, reg_covar=VARIANCE_FLOOR, random_state=seed).fit(
        y
    )
