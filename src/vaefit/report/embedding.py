"""Points of many dimensions in a plane."""

import importlib.util
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from vaefit.data import spread

# More would take longer than a page may.
MOST_NEIGHBOURS = 800
FEWEST_NEIGHBOURS = 20


@dataclass(frozen=True, eq=False)
class Plane:
    """The principal plane of points: coordinates are (points - mean) @ axes.

    `share` is how much of the variance each axis has.
    """

    mean: Float[np.ndarray, " latent"]
    axes: Float[np.ndarray, "latent 2"]
    share: Float[np.ndarray, " 2"]

    @classmethod
    def of(cls, points: Float[np.ndarray, "points latent"]) -> "Plane":
        """By the singular value decomposition; a second axis of zeros where there is one latent.

        >>> plane = Plane.of(np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]))
        >>> plane.axes[:, 0].tolist(), plane.share.tolist()
        ([1.0, 0.0], [1.0, 0.0])
        """
        mean = points.mean(axis=0, dtype=np.float64)
        _, sizes, turned = np.linalg.svd(points - mean, full_matrices=False)
        axes = np.zeros((points.shape[1], 2))
        found = turned[:2].T
        # The sign is arbitrary: the largest entry is positive, so that equal runs give equal pages.
        axes[:, : found.shape[1]] = found * np.sign(
            found[np.abs(found).argmax(axis=0), range(found.shape[1])]
        )
        power = np.zeros(2)
        power[: min(2, len(sizes))] = sizes[:2] ** 2
        return cls(mean, axes, power / max(float((sizes**2).sum()), 1e-300))

    def place(self, points: Float[np.ndarray, "points latent"]) -> Float[np.ndarray, "points 2"]:
        """Coordinates of points."""
        return (points - self.mean) @ self.axes


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A map that keeps neighbours together: `xy` of the points `which`."""

    name: str
    which: Int[np.ndarray, " some"]
    xy: Float[np.ndarray, "some 2"]


def neighbours(points: Float[np.ndarray, "points latent"], seed: int) -> Neighbours | None:
    """UMAP where it is installed, else t-SNE, of at most 800 points, evenly spread; None for too few."""
    which = np.array(spread(len(points), MOST_NEIGHBOURS))
    some = np.asarray(points[which], np.float64)
    if len(np.unique(some, axis=0)) < FEWEST_NEIGHBOURS or points.shape[1] < 2:
        return None
    if importlib.util.find_spec("umap"):
        return Neighbours("UMAP", which, _umap(some, seed))
    return Neighbours("t-SNE", which, _tsne(some, seed))


def _umap(points: np.ndarray, seed: int) -> np.ndarray:
    import umap  # pyright: ignore[reportMissingImports]

    return np.asarray(umap.UMAP(random_state=seed, n_jobs=1).fit_transform(points))


def _tsne(points: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(points) - 1) / 3)
    # Its threads wait for each other so often that one is faster where others work too.
    with threadpool_limits(1):
        return TSNE(init="pca", random_state=seed, perplexity=perplexity, max_iter=500).fit_transform(points)
