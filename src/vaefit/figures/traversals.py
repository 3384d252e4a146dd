"""What each latent does: one at a time is moved through its prior, the others stay."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from vaefit import generate
from vaefit.data import Transform
from vaefit.errors import SettingsError
from vaefit.figures.cells import for_the_eye, names_of, shortened, unit
from vaefit.figures.style import MARKERS, NARROW, WIDTHS, new, styled
from vaefit.figures.subject import Subject
from vaefit.figures.tiles import grey_levels, sheet
from vaefit.run import Run
from vaefit.synthetic import as_cells, schema_of

LATENTS = 8
MOST_LINES = 4  # columns of a table that are drawn for a latent
DRAWS = 200  # of a typed row, for the probability of a category
_MOVED = "latent, in sds of the prior from its mean"


def of_run(subject: Subject) -> Figure:
    """The most informative latents, from the prior's mean or from a row's posterior mean."""
    run = subject.run
    image, narrow = len(run.transform.shape) > 1, subject.width < NARROW
    latents, rates = subject.latents(LATENTS if image or not narrow else LATENTS // 2)
    steps = np.linspace(-3, 3, 7) if narrow else np.linspace(-2.5, 2.5, 11)
    z = _paths(run, _start(subject), latents, steps)
    labels = [_label(latent, rates) for latent in latents]
    if image:
        rows = run.decode(z.reshape(-1, z.shape[-1])).reshape(*z.shape[:2], *run.transform.shape)
        return draw(rows, run.transform, steps, labels, subject.width)
    if run.transform.variables:
        return _lines(*_typed(run, z, subject.seed), steps, labels, subject.width)
    rows = for_the_eye(run.decode(z.reshape(-1, z.shape[-1])), run.transform).reshape(*z.shape[:2], -1)
    names = names_of(run.transform, subject.rows.columns)
    return _lines(rows, names, f"value{unit(run.transform)}", steps, labels, subject.width)


@styled
def draw(
    rows: Float[np.ndarray, "latents steps *shape"],
    transform: Transform,
    steps: Float[np.ndarray, " steps"],
    labels: Sequence[str],
    width: float = WIDTHS["one"],
) -> Figure:
    """Images: a line for each latent, a column for each value of it."""
    # A few tiles are not as high as the words beside them are long.
    beside = len(labels) > 3 and "\n" in labels[0]
    left = 0.4 if beside else 0.48
    drawn = sheet(grey_levels(rows, transform, rows), width, margins=(0, 0, 0.32, left))
    inch = drawn.figure.dpi
    for line, label in enumerate(labels):
        at = (-0.04 * inch, drawn.centre(line)[1])
        words = label if beside or "\n" not in label else f"{label} nats"
        drawn.axes.text(*at, words, ha="right", va="center", fontsize=7, linespacing=1.1)
    below = drawn.tops[-1] + drawn.tile[0]
    for column, step in enumerate(steps):
        at = (drawn.centre(0, column)[0], below + 0.03 * inch)
        drawn.axes.text(
            *at,
            f"{step:+g}".replace("-", "\N{MINUS SIGN}") if step else "0",
            ha="center",
            va="top",
            fontsize=7,
        )
    at = (drawn.centre(0, (len(steps) - 1) / 2)[0], below + 0.17 * inch)
    drawn.axes.text(*at, _MOVED, ha="center", va="top")
    at = (-0.38 * inch, (drawn.tops[0] + below) / 2)
    if beside:
        drawn.axes.text(*at, "latent, and its rate (nats)", ha="left", va="center", rotation=90)
    return drawn.figure


@styled
def _lines(
    rows: Float[np.ndarray, "latents steps columns"],
    names: Sequence[str],
    unit: str,
    steps: Float[np.ndarray, " steps"],
    labels: Sequence[str],
    width: float,
) -> Figure:
    """Columns: a panel for each latent, a line for each of the columns that it moves most."""
    across = 1 if width < NARROW else 2
    lines = -(-len(labels) // across)
    figure = new(width, 1.15 * lines + 0.3)
    panels = figure.subplots(lines, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, moved, label in zip(panels, rows, labels, strict=False):
        most = np.argsort(-np.ptp(moved, axis=0), kind="stable")[:MOST_LINES]
        for number, column in enumerate(most):
            look = {"color": f"C{number}", "marker": MARKERS[number]}
            axes.plot(steps, moved[:, column], label=names[column], **look)
        title, _, rate = label.partition("\n")
        legend = axes.legend(
            title=f"{title} (rate {rate} nats)" if rate else title,
            **{"loc": "upper left", "bbox_to_anchor": (1.0, 1.05), "title_fontsize": 8, "fontsize": 6.5},
        )
        legend.set_alignment("left")
    for axes in panels[len(labels) :]:
        axes.set_axis_off()
    panels[0].set_xticks((-2, 0, 2))
    figure.supxlabel(_MOVED, fontsize=8)
    figure.supylabel(unit, fontsize=8)
    return figure


def _start(subject: Subject) -> Float[np.ndarray, " latent"] | None:
    """Where the latents that are not moved stay: None is the prior's mean."""
    if len(subject.row) > 1:
        raise SettingsError(f"traversals start at one --row, found {len(subject.row)}")
    return subject.run.encode(subject.shown(1))[0][0] if subject.row else None


def _paths(
    run: Run,
    start: Float[np.ndarray, " latent"] | None,
    latents: Sequence[int],
    steps: Float[np.ndarray, " steps"],
) -> Float[np.ndarray, "latents steps latent"]:
    prior = run.model.prior_over_latents()
    mean, sd = np.asarray(prior.mean), np.sqrt(np.asarray(prior.variance))
    z = np.tile(mean if start is None else start, (len(latents), len(steps), 1)).astype(np.float32)
    for line, latent in enumerate(latents):
        z[line, :, latent] = mean[latent] + sd[latent] * steps
    return z


def _typed(
    run: Run, z: Float[np.ndarray, "latents steps latent"], seed: int
) -> tuple[Float[np.ndarray, "latents steps features"], list[str], str]:
    """Numbers as shares of the range that was seen in fitting, categories as probabilities; what they are."""
    schema = schema_of(run)
    repeated = np.repeat(z.reshape(-1, z.shape[-1]), DRAWS, axis=0)
    x = generate.decode(run.model, repeated, seed=seed, noise=True)
    drawn = as_cells(run.transform.inverse(x), schema).reshape(*z.shape[:2], DRAWS, -1)
    features, names = [], []
    for cells, column in zip(np.moveaxis(drawn, -1, 0), schema.modelled, strict=True):
        if not column.categories:
            features.append((cells.mean(axis=-1) - column.low) / max(column.high - column.low, 1e-12))
            names.append(shortened(column.name))
            continue
        # Of two categories the second says all.
        for code in range(len(column.categories) == 2, len(column.categories)):
            features.append((cells == code).mean(axis=-1))
            names.append(f"{shortened(column.name, 14)} = {shortened(column.categories[code].strip(), 12)}")
    return np.stack(features, axis=-1), names, "share of the column's range, or probability"


def _label(latent: int, rates: Float[np.ndarray, " latent"] | None) -> str:
    return f"z{latent}" if rates is None else f"z{latent}\n{rates[latent]:.1f}"
