"""How strongly every two columns of a table go together, whatever their types."""

from collections.abc import Sequence

import numpy as np
import scipy.stats
from jaxtyping import Float

from vaefit.data import Column


def associations(
    values: Float[np.ndarray, "rows columns"], columns: Sequence[Column]
) -> Float[np.ndarray, "columns columns"]:
    r"""Strengths from 0 to 1 of every pair, over the rows where both cells are there; NaN where undefined.

    $|\rho|$ of ranks (Spearman) of two numbers, Cramér's V of two categorical columns, and the correlation
    ratio $\eta$ of a number in the groups of a category.

    >>> x = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0], [4.0, 1.0]])
    >>> associations(x, [Column("a", "real"), Column("b", "binary", ("n", "y"))]).round(3).tolist()
    [[1.0, 0.894...], [0.894..., 1.0]]
    """
    found = np.eye(len(columns))
    for a in range(len(columns)):
        for b in range(a):
            there = ~np.isnan(values[:, a]) & ~np.isnan(values[:, b])
            found[a, b] = found[b, a] = _strength(values[there, a], values[there, b], columns[a], columns[b])
    return found


def _strength(x: np.ndarray, y: np.ndarray, first: Column, second: Column) -> float:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    coded = [column.type in ("binary", "categorical") for column in (first, second)]
    if all(coded):
        counts = scipy.stats.contingency.crosstab(x, y).count
        return float(scipy.stats.contingency.association(counts, method="cramer"))
    if not any(coded):
        return float(abs(np.corrcoef(scipy.stats.rankdata(x), scipy.stats.rankdata(y))[0, 1]))
    return _eta(x, y) if coded[1] else _eta(y, x)


def _eta(numbers: np.ndarray, groups: np.ndarray) -> float:
    """The root of the share of a number's variance that lies between groups."""
    _, of = np.unique(groups, return_inverse=True)
    counts = np.bincount(of)
    means = np.bincount(of, numbers) / counts
    between = (counts * (means - numbers.mean()) ** 2).sum()
    return float(np.sqrt(min(1.0, between / ((numbers - numbers.mean()) ** 2).sum())))
