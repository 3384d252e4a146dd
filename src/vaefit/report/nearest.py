"""The training rows nearest to others: in the latent space, or in the space of rows."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from vaefit import generate
from vaefit.networks import shown_numbers
from vaefit.report.facts import Facts


class Nearest(NamedTuple):
    """Which rows are nearest to each of some, the nearest first, and how far they are."""

    rows: Int[np.ndarray, "some k"]
    distance: Float[np.ndarray, "some k"]


def nearest(some: Float[np.ndarray, "some d"], among: Float[np.ndarray, "rows d"], k: int) -> Nearest:
    """The k nearest by Euclidean distance.

    >>> nearest(np.array([[0.9]]), np.array([[0.0], [1.0], [5.0]]), 2).rows.tolist()
    [[1, 0]]
    """
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=min(k, len(among)), algorithm="brute").fit(among)
    distance, rows = found.kneighbors(some)
    return Nearest(rows, distance)


class Copies(NamedTuple):
    """Distances to the nearest training row: of new rows, and of held-out ones to hold them against.

    Of images, new rows are the decoder's means, and held-out rows are as it reconstructs them: means are
    smooth, and so nearer to everything than real images. `rows` are the nearest rows' numbers.
    """

    rows: Int[np.ndarray, " samples"]
    of_samples: Float[np.ndarray, " samples"]
    of_held_out: Float[np.ndarray, " rows"] | None

    @property
    def ratio(self) -> float | None:
        """Median distance of new rows over that of held-out rows; None without the latter."""
        if self.of_held_out is None:
            return None
        return float(np.median(self.of_samples) / max(float(np.median(self.of_held_out)), 1e-12))


def copies(facts: Facts) -> Copies:
    """How near the page's new rows are to training rows."""
    assert facts.train is not None
    train = _numbers(facts, facts.run.inputs(facts.train))
    found = nearest(_numbers(facts, facts.samples_x), train, 1)
    held_out = None
    if facts.held_out is not None:
        there = facts.run.inputs(facts.held_out)
        if facts.is_image:
            assert facts.latents is not None
            there = generate.decode(facts.run.model, facts.latents.mean)
        held_out = nearest(_numbers(facts, there), train, 1).distance[:, 0]
    return Copies(found.rows[:, 0], found.distance[:, 0], held_out)


def _numbers(facts: Facts, x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, "rows numbers"]:
    """Rows where distances mean something: categories one by one, means where cells are missing."""
    return shown_numbers(x, facts.run.transform.variables)
