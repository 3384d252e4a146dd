"""What probabilistic PCA's held-out likelihood settles: the latent size, and whether mirror images are data.

pPCA is fitted in closed form in a second, and its likelihood of held-out rows is exact.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from vaefit.backend import processors
from vaefit.data import spread
from vaefit.ppca import Spectrum, held_out_curve
from vaefit.remembered import remembered
from vaefit.settings import Settings
from vaefit.visits import mirrored

LARGEST_AUTO = 64
SHOWN = (1, 2, 3, 5, 10, 20, 40, 64)
HELD_OUT = 0.1  # where there are no validation rows
SURE = 2.0  # standard errors by which mirror images must be better
FOLDS = 10
# Mirror images are judged on as many rows as make this many numbers.
CELLS, FEWEST_ROWS = 2_000_000, 500
# A covariance of more variables than this is found from as many rows, evenly spread.
LARGEST_SIDE = 2048
# Of so few variables matrices are not worth several cores, which wait for each other, and busily.
SMALL = 1024


class Settled(NamedTuple):
    """Settings with a latent size and a word on mirror images; what to tell the person."""

    settings: Settings
    notices: tuple[str, ...]


def settle(
    settings: Settings,
    x: Float[np.ndarray, "rows variables"],
    held_out: Float[np.ndarray, "held_out variables"] | None,
    shape: tuple[int, ...],
) -> Settled:
    """Settle what `settings` leave open; x as training sees it (dequantised)."""
    notices: list[str] = []
    if settings.mirror is None:
        gain = mirror_gain(x, shape) if len(shape) >= 2 and len(x) >= 2 * FOLDS else (0.0, 0.0)
        settings = settings.with_(mirror=gain[0] > SURE * gain[1])
        if settings.mirror:
            notices.append(
                f"mirror: on, as mirror images make pPCA better on held-out images, by {gain[0]:.1f} +- "
                f"{gain[1]:.1f} nats per datum; --no-mirror trains without"
            )
    if settings.latent_dim is None:
        if held_out is None:
            x, held_out = _hold_out(x)
        seen = with_mirrored(x, shape) if settings.mirror else x
        with threadpool_limits(1 if x.shape[1] <= SMALL else None, "blas"):
            settings, why = _choose_size(settings, Spectrum.fit(thinned(seen)), held_out)
        notices.append(why)
    return Settled(settings, tuple(notices))


@remembered
def mirror_gain(x: Float[np.ndarray, "rows variables"], shape: tuple[int, ...]) -> tuple[float, float]:
    """What mirror images add to pPCA's held-out log-likelihood: mean and standard error over folds, nats.

    Folds are stretches of consecutive rows (neighbouring files are often near-copies). pPCA has the largest
    size that would be chosen: there, as in a network, more rows are worth the most.
    """
    x = _evenly(x, max(FEWEST_ROWS, CELLS // x.shape[1]))
    folds = pairwise(np.linspace(0, len(x), FOLDS + 1).astype(int))
    # A core for each fold, and none for parts of a matrix.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(processors()) as pool:
        gains = list(pool.map(lambda fold: _gain(x, slice(*fold), shape), folds))
    return float(np.mean(gains)), float(np.std(gains) / math.sqrt(FOLDS - 1))


def _gain(x: np.ndarray, fold: slice, shape: tuple[int, ...]) -> float:
    """What mirror images of the other rows add to the mean log-likelihood of a fold's, nats."""
    held_out, rest = x[fold], np.delete(x, fold, axis=0)
    alone, both = Spectrum.fit(rest), Spectrum.fit(with_mirrored(rest, shape))
    k = min(LARGEST_AUTO, alone.largest_k)
    more = both.ppca(k).log_likelihood(held_out) - alone.ppca(k).log_likelihood(held_out)
    return float(more.mean())


def with_mirrored(
    x: Float[np.ndarray, "rows variables"], shape: tuple[int, ...]
) -> Float[np.ndarray, "twice variables"]:
    """The rows and their mirror images."""
    return np.concatenate([x, np.asarray(mirrored(x, shape))])  # pyright: ignore[reportArgumentType]


def thinned(x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, "fewer variables"]:
    """Rows enough for a covariance: all of them, unless rows and variables are both very many."""
    return x if min(x.shape) <= LARGEST_SIDE else _evenly(x, LARGEST_SIDE)


def _evenly(x: np.ndarray, most: int) -> np.ndarray:
    return x if len(x) <= most else x[spread(len(x), most)]


def _choose_size(settings: Settings, spectrum: Spectrum, held_out: np.ndarray) -> tuple[Settings, str]:
    largest = max(1, min(LARGEST_AUTO, spectrum.largest_k))
    curve = held_out_curve(spectrum, held_out, range(1, largest + 1)) if len(held_out) else {}
    best = max(curve, key=lambda k: curve[k], default=1)
    shown = sorted({k for k in SHOWN if k in curve} | ({best} if curve else set()))
    listing = ", ".join(f"{k}: {curve[k]:.1f}" for k in shown)
    return settings.with_(latent_dim=best), (
        f"latent_dim: {best}, where pPCA's held-out log-likelihood is best (by size, nats per datum: "
        f"{listing})"
    )


def _hold_out(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last rows, held out for these choices alone."""
    kept = len(x) - int(HELD_OUT * len(x))
    return x[:kept], x[kept:]
