"""Bits per dimension, in the one place where they are computed."""

import math

from vaefit.data import Transform
from vaefit.likelihoods import Likelihood


def is_mass_on_grey(transform: Transform, likelihood: Likelihood) -> bool:
    """Whether a probability mass of zeros and ones is given to values between them: a cross-entropy."""
    binary = likelihood.discrete and likelihood.levels is None
    return binary and transform.kind in ("pixels", "unit-interval")


def levels_of(transform: Transform, likelihood: Likelihood, resized: bool = False) -> int | None:
    """Levels of the scale on which bits per dimension are counted; None where there is no such scale.

    1 for a probability mass (of zeros and ones, or of levels): it needs no correction. Resized images,
    rescaled data, tables and a mass given to grey values have none.
    """
    if resized or is_mass_on_grey(transform, likelihood):
        return None
    if likelihood.discrete:
        return 1
    return getattr(transform, "levels", None) if transform.quantum else None


def bits_per_dim(log_likelihood: float, dim: int, levels: int | None) -> float | None:
    r"""$-\log p(x) / (D \ln 2) + \log_2 L$ bits per dimension; None where the data have no scale.

    `log_likelihood` is in nats per datum, a density of (v + u)/L, or a mass (L = 1). Source: Theis et al.
    2016, arXiv:1511.01844.

    >>> bits_per_dim(0.0, 361, 256)
    8.0
    """
    return None if levels is None else -log_likelihood / (dim * math.log(2)) + math.log2(levels)
