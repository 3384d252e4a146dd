"""Posterior means of rows in the plane."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from vaefit.data import Dataset, deepest
from vaefit.evaluation import Evaluator
from vaefit.figures.style import MARKERS, NARROW, WIDTHS, new, styled
from vaefit.figures.subject import Subject
from vaefit.run import Run

MOST_POINTS = 5000
VECTOR_POINTS = 3000  # beyond it points are drawn as pixels, and text stays text
# Tol's "muted": told apart with any kind of colour vision; markers tell them apart again.
MUTED = ("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#AA4499", "#44AA99", "#882255", "#999933")
MOST_CLASSES = 10
_OTHERS = "others"


def of_run(subject: Subject) -> Figure:
    """Rows that were given, or held out, coloured by their labels, or by their ELBO where they have none."""
    rows = subject.rows
    rows = rows.take(range(0, rows.n, -(-rows.n // (subject.number or MOST_POINTS))))
    mean, sd = subject.run.encode(rows)
    if rows.labels and len(set(deepest(rows.labels))) > 1:
        return draw(mean, sd, deepest(rows.labels), "label", subject.width)
    return draw(mean, sd, _elbo(subject.run, rows, subject.seed), "ELBO (nats)", subject.width)


@styled
def draw(
    mean: Float[np.ndarray, "rows latent"],
    sd: Float[np.ndarray, "rows latent"],
    colours: Sequence[str] | Float[np.ndarray, " rows"],
    what: str,
    width: float = WIDTHS["one"],
) -> Figure:
    """Two latents as they are, more by their principal components, a single one against its posterior sd."""
    places, labels = plane(mean, sd)
    figure = new(width, 0.85 * width if width < NARROW else 0.55 * width)
    axes = figure.subplots()
    axes.set(xlabel=labels[0], ylabel=labels[1])
    if mean.shape[1] > 1:
        axes.set_aspect("equal", adjustable="datalim")
    numbers = _as_numbers(colours)
    if numbers is None:
        _classes(axes, places, np.asarray(colours), what)
    else:
        _continuous(figure, axes, places, numbers, what)
    return figure


def plane(
    mean: Float[np.ndarray, "rows latent"], sd: Float[np.ndarray, "rows latent"]
) -> tuple[Float[np.ndarray, "rows 2"], tuple[str, str]]:
    """Where each row is on the map, and what the two axes are.

    >>> place, axes = plane(np.array([[0.0], [1.0]]), np.array([[0.5], [0.25]]))
    >>> place.tolist(), axes
    ([[0.0, 0.5], [1.0, 0.25]], ('posterior mean of z0', 'posterior sd of z0'))
    """
    if mean.shape[1] == 1:
        return np.hstack([mean, sd]), ("posterior mean of z0", "posterior sd of z0")
    if mean.shape[1] == 2:
        return mean, ("posterior mean of z0", "posterior mean of z1")
    components = min(2, len(mean))
    pca = PCA(components, svd_solver="full").fit(mean)
    found = np.zeros((len(mean), 2))
    found[:, :components] = pca.transform(mean)
    share = [*pca.explained_variance_ratio_, 0.0][:2]
    first, second = (f"{100 * (0.0 if np.isnan(part) else part):.0f}% of variance" for part in share)
    return found, (f"PC 1 of posterior means ({first})", f"PC 2 ({second})")


def _elbo(run: Run, rows: Dataset, seed: int) -> Float[np.ndarray, " rows"]:
    transform = run.transform
    evaluate = Evaluator(
        run.model, samples=10, seed=seed, visit=transform.visit, log_jacobian=transform.row_log_jacobian
    )
    return -evaluate.rows(run.model, transform.forward(rows.values)).sum(axis=1)


def _as_numbers(colours: Sequence[str] | Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"] | None:
    """Values for a colour bar: numbers, or labels that are numbers and more than can be told apart."""
    if isinstance(colours, np.ndarray):
        return colours
    try:
        found = np.array([float(label) for label in colours])
    except ValueError:
        return None
    return found if len(np.unique(found)) > MOST_CLASSES else None


def _classes(axes: Any, places: Float[np.ndarray, "rows 2"], labels: np.ndarray, what: str) -> None:
    names, counts = np.unique(labels, return_counts=True)
    if len(names) > MOST_CLASSES:
        common = set(names[np.argsort(-counts, kind="stable")[: MOST_CLASSES - 1]])
        labels = np.array([name if name in common else _OTHERS for name in labels])
        names = np.array([*sorted(common), _OTHERS])
    palette = [*MUTED, "#000000"]
    for number, name in enumerate(names):
        look = {"color": palette[number], "marker": MARKERS[number]}
        _scatter(axes, places[labels == name], label=name, **look)
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        title=what,
        title_fontsize=7,
        handletextpad=0.2,
        borderaxespad=0.2,
    )


def _continuous(
    figure: Figure,
    axes: Any,
    places: Float[np.ndarray, "rows 2"],
    values: Float[np.ndarray, " rows"],
    what: str,
) -> None:
    # A few rows far off would take all colours for themselves.
    low, high = np.nanquantile(values, [0.02, 0.98])
    extend = "both" if low > np.nanmin(values) and high < np.nanmax(values) else "neither"
    drawn = _scatter(axes, places, c=values, norm=Normalize(low, high))
    figure.colorbar(drawn, ax=axes, label=what, extend=extend, pad=0.02, aspect=30)


def _scatter(axes: Any, places: Float[np.ndarray, "rows 2"], **look: Any) -> Any:
    size = float(np.clip(4000 / max(len(places), 1), 2, 9))
    rasterized = len(places) > VECTOR_POINTS
    return axes.scatter(*places.T, s=size, alpha=0.8, linewidths=0, rasterized=rasterized, **look)
