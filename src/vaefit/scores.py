"""What `evaluate` finds: the records of its numbers."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from vaefit.by_column import ColumnScore
from vaefit.evaluation import LatentUse
from vaefit.evaluation.sample_quality import SampleQuality

MODEL = "this model"


@dataclass(frozen=True)
class Score:
    """What one density is worth on the rows; nats per datum, bits per dimension, network units squared."""

    log_likelihood: float | None
    bits_per_dim: float | None
    reconstruction_mse: float | None
    made: str = ""
    log_likelihood_se: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """All numbers on one model and one set of rows; nats per datum unless named otherwise.

    `log_likelihood` is None where the likelihood is no density of x given one z, or a mass given to grey
    values; `bits_per_dim` also where images were resized; `notices` says why. `rows` holds each row's
    log-likelihood (its ELBO where there is none), for paired comparisons. Tables with typed columns have
    `columns`, each given the others, in place of a reconstruction error. `products` says in which precision
    the decoder's were taken for the log-likelihood.
    """

    n: int
    dim: int
    draws: int
    log_likelihood: float | None
    log_likelihood_se: float | None
    log_likelihood_growth: float | None
    elbo: float
    rate: float
    distortion: float
    bits_per_dim: float | None
    reconstruction_mse: float | None
    coverage: dict[str, float] | None
    latents: LatentUse
    baselines: dict[str, Score]
    sample_quality: dict[str, SampleQuality]
    ais: dict[str, float] | None
    notices: tuple[str, ...]
    rows: Float[np.ndarray, " n"] = field(repr=False)
    columns: dict[str, ColumnScore] = field(default_factory=dict)
    products: str = "float32"

    @property
    def score(self) -> Score:
        """The model's own line of the table."""
        return Score(
            self.log_likelihood,
            self.bits_per_dim,
            self.reconstruction_mse,
            f"{len(self.latents.mean_variance)} latents",
            self.log_likelihood_se,
        )

    @property
    def table(self) -> dict[str, Score]:
        """The model among the baselines, best log-likelihood first."""
        scores = {MODEL: self.score, **self.baselines}
        return dict(sorted(scores.items(), key=lambda item: -(item[1].log_likelihood or -math.inf)))

    def to_dict(self) -> dict[str, Any]:
        """Everything but the rows, ready for JSON."""
        use = self.latents
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "active_units": use.active_units,
            "mutual_information": use.mutual_information,
            "marginal_kl": use.marginal_kl,
            "latents": {
                "rows": use.rows,
                "kl": None if use.kl is None else use.kl.tolist(),
                "mean_variance": use.mean_variance.tolist(),
                "off_prior": use.off_prior,
            },
            "baselines": {name: asdict(score) for name, score in self.baselines.items()},
            "sample_quality": {name: asdict(found) for name, found in self.sample_quality.items()},
            "notices": list(self.notices),
            **({"columns": {n: c.to_dict() for n, c in self.columns.items()}} if self.columns else {}),
        }


_PLAIN = (
    *("n", "dim", "draws", "log_likelihood", "log_likelihood_se", "log_likelihood_growth", "elbo", "rate"),
    *("distortion", "bits_per_dim", "reconstruction_mse", "coverage", "ais", "products"),
)
