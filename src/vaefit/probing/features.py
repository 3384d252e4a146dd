"""What the classifier is given: posterior means, and what they have to be better than."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA

from vaefit.data import Dataset
from vaefit.display import Silent
from vaefit.errors import VaefitError
from vaefit.networks import shown
from vaefit.reading import own_rows
from vaefit.run import Run


class Sides(NamedTuple):
    """Features of the rows from which labels are drawn, and of the test rows."""

    rows: Float[np.ndarray, "rows variables"]
    test: Float[np.ndarray, "test variables"]


Feature = Callable[[int], Sides]  # of a draw


def features(run: Run, rows: Dataset, test: Dataset, unlabelled: Dataset, seed: int) -> dict[str, Feature]:
    """Posterior means, the inputs themselves, PCA, and random features; every column standardised.

    PCA is fitted to `unlabelled` rows. PCA and random features have as many columns as there are latents.
    Random features are tanh of standardised inputs times Gaussian weights of variance 1 / inputs, drawn anew
    for each draw. Columns are centred and scaled by the mean and sd of `rows`, whose labels play no part.
    """
    means = Sides(run.encode(rows)[0], run.encode(test)[0])
    inputs = Sides(_numbers(run, rows), _numbers(run, test))
    raw, size = standardised(inputs), means.rows.shape[1]
    return {
        "vae": _always(standardised(means)),
        "raw": _always(raw),
        "pca": _always(standardised(_pca(inputs, _numbers(run, unlabelled), size))),
        "random": lambda draw: standardised(_random(raw, size, np.random.default_rng([seed, draw]))),
    }


def standardised(sides: Sides) -> Sides:
    """Every column with mean 0 and sd 1 over the first side; constant columns 0."""
    mean = sides.rows.mean(axis=0, dtype=np.float64)
    sd = sides.rows.std(axis=0, dtype=np.float64)
    # Rounding leaves a constant column with an sd that is not quite zero.
    scale = np.where(sd > 1e-6 * (np.abs(mean) + sd.max()), 1 / np.maximum(sd, 1e-30), 0.0)
    return Sides(*(((side - mean) * scale).astype(np.float32) for side in sides))


def fitted_rows(run: Run) -> Dataset | None:
    """The rows a run was trained on, read again; None where they are not there or have changed."""
    try:
        train = own_rows(run, Silent())[0]
    except VaefitError:
        return None
    return train if train.n == run.source.get("rows") else None


def _numbers(run: Run, rows: Dataset) -> Float[np.ndarray, "n numbers"]:
    """The inputs; of typed columns what encoders are shown: categories one by one, and what is missing."""
    x = jnp.asarray(run.inputs(rows))
    variables = run.transform.variables
    return np.asarray(shown(x, ~jnp.isnan(x), variables) if variables else x)


def _always(sides: Sides) -> Feature:
    return lambda _: sides


def _pca(inputs: Sides, unlabelled: Float[np.ndarray, "n variables"], size: int) -> Sides:
    fitted = PCA(min(size, *unlabelled.shape), svd_solver="covariance_eigh").fit(unlabelled)
    return Sides(*(fitted.transform(side) for side in inputs))


def _random(raw: Sides, size: int, rng: np.random.Generator) -> Sides:
    inputs = raw.rows.shape[1]
    weights = (rng.standard_normal((inputs, size)) / inputs**0.5).astype(np.float32)
    return Sides(*(np.tanh(side @ weights) for side in raw))
