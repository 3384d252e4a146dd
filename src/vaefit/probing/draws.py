"""Which rows are labelled and which tested, the same for all features, and what comes out."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from vaefit import data
from vaefit.data import Dataset
from vaefit.errors import DataError
from vaefit.probing.classify import fit_and_predict, scores
from vaefit.probing.features import Feature

Progress = Callable[[int, int], None]


def curves(
    features: Mapping[str, Feature],
    y: Int[np.ndarray, " rows"],
    y_test: Int[np.ndarray, " test"],
    *,
    per_class: Sequence[int],
    draws: int,
    seed: int,
    shares: Float[np.ndarray, " classes"],
    progress: Progress,
) -> Float[np.ndarray, "features sizes draws metrics"]:
    """Scores of all kinds of features for the same draws; a draw's smaller sets lie in its larger ones."""
    found = np.empty((len(features), len(per_class), draws, 3))
    total, done = found[..., 0].size, 0
    for draw in range(draws):
        order = shuffled(y, draw, seed)
        for f, feature in enumerate(features.values()):
            rows, test = feature(draw)
            for s, size in enumerate(per_class):
                chosen = np.concatenate([of_class[:size] for of_class in order])
                log_p = fit_and_predict(rows[chosen], y[chosen], test, draw)
                found[f, s, draw] = scores(log_p, y_test, shares)
                done += 1
                progress(done, total)
    return found


def shuffled(y: Int[np.ndarray, " rows"], draw: int, seed: int) -> list[Int[np.ndarray, " _"]]:
    """The rows of each class in an order that depends on seed and draw alone."""
    rng = np.random.default_rng([seed, draw])
    return [rng.permutation(np.flatnonzero(y == c)) for c in range(int(y.max()) + 1)]


def hold_out(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """A share of every class for testing, in blocks of neighbouring rows, which are often near-copies.

    Raises:
        DataError: a class has a single row.
    """
    labels = np.asarray(dataset.labels)
    kept, held = [], []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise DataError(
                f"{dataset.source}: expected at least 2 rows of every class, found 1 of '{label}'"
            )
        first, second = data.split(dataset.take(rows), share, "block", seed)
        kept.append(rows[first])
        held.append(rows[second])
    return dataset.take(np.sort(np.concatenate(kept))), dataset.take(np.sort(np.concatenate(held)))


def at_most(y: Int[np.ndarray, " rows"], most: int, seed: int) -> Int[np.ndarray, " kept"]:
    """Sorted numbers of at most `most` rows: the same limit for every class, so that rare ones stay whole.

    >>> np.bincount(np.array([0] * 3 + [1] * 90)[at_most(np.array([0] * 3 + [1] * 90), 10, 0)]).tolist()
    [3, 7]
    """
    counts = np.bincount(y)
    limit = max((n for n in range(most + 1) if np.minimum(counts, n).sum() <= most), default=0)
    order = shuffled(y, 0, seed)
    return np.sort(np.concatenate([rows[: max(limit, 1)] for rows in order]))
