"""`selfcheck`: all certificates, for data of one's own or scikit-learn's digits."""

from collections.abc import Callable
from typing import Any

import numpy as np

from vaefit import backend, data
from vaefit.certify import optimum, quadrature, training
from vaefit.certify.certificate import Certificate
from vaefit.certify.subject import FULL, Effort, Subject, subject
from vaefit.data import Dataset
from vaefit.display import Display, Silent
from vaefit.evaluation import visited
from vaefit.reading import read
from vaefit.settings import Settings

CHECKS: tuple[Callable[[Subject], list[Certificate]], ...] = (
    optimum.elbo_is_the_likelihood,
    optimum.default_start_is_the_optimum,
    optimum.importance_sampling_is_the_likelihood,
    optimum.annealing_is_the_likelihood,
    optimum.elbo_is_scikit_learns_score,
    training.training_reaches_the_optimum,
    training.training_drops_what_noise_covers,
    training.collapse_is_at_the_eigenvalue,
    quadrature.one_latent_is_quadrature,
    quadrature.two_latents_are_quadrature,
)


def selfcheck(
    rows: object = None,
    *,
    latent_dim: int = 10,
    seed: int = 0,
    effort: Effort = FULL,
    display: Display | None = None,
    **reading: Any,
) -> list[Certificate]:
    """Prove on data (a path, an array, a data set; unset: scikit-learn's digits) that the numbers are right.

    A linear model's ELBO and both its likelihoods against probabilistic PCA in closed form, training against
    the same, the rule by which latents collapse, and nonlinear models against quadrature. `reading` says how
    a path is read: include, size, grayscale, limit, key, skip_bad.

    Raises:
        DataError: the rows cannot be read, or vary in fewer than two directions.

    Source: Tipping & Bishop 1999; Lucas et al. 2019, arXiv:1911.02469.

    >>> from vaefit.certify import table
    >>> print(table(selfcheck()))  # doctest: +SKIP
    checked                                     off by  tolerance  unit                          verdict
    ELBO = exact log-likelihood, linear model  3.1e-05      0.001  nats, largest of 1,797 rows   holds
    ...
    """
    display = display or Silent()
    backend.configure()
    dataset = digits() if rows is None else read(rows, Settings.of(**reading), display)
    given = subject(_inputs(dataset), latent_dim, seed, effort)
    if len(given.x) < dataset.n:
        display.notice(f"certified on {len(given.x):,} of {dataset.n:,} rows")
    found = []
    for done, check in enumerate(CHECKS):
        display.working(check.__name__.replace("_", " "), done, len(CHECKS))
        found += check(given)
    display.working("checked", len(CHECKS), len(CHECKS))
    return found


def digits() -> Dataset:
    """The 1797 handwritten digits that come with scikit-learn, as 8-bit images."""
    from sklearn.datasets import load_digits

    images: np.ndarray = load_digits().images  # pyright: ignore[reportAttributeAccessIssue]
    return Dataset.from_array((images * (255 / 16)).round().astype(np.uint8), source="scikit-learn's digits")


def _inputs(dataset: Dataset) -> np.ndarray:
    transform = data.choose_transform(dataset)
    return visited(transform.forward(dataset.values), transform.visit)
