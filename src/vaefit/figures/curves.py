"""ELBO, rate and distortion over the epochs, and the learning rate."""

from typing import Any

from matplotlib.figure import Figure

from vaefit.figures.ranges import Points, settled_limits
from vaefit.figures.style import DPI, NARROW, WIDTHS, legend_below, new, styled
from vaefit.figures.subject import Subject

_LABELS = {"elbo": "ELBO (nats)", "rate": "rate (nats)", "distortion": "distortion (nats)"}


def of_run(subject: Subject) -> Figure:
    """The run's history."""
    return draw(subject.run.history, subject.width)


@styled
def draw(history: list[dict[str, Any]], width: float = WIDTHS["two"], dpi: float = DPI) -> Figure:
    """Training and validation, nats per datum; the kept epoch is marked.

    ELBO: higher is better. Rate: KL(q(z|x) || p(z)). Distortion: -E log p(x|z).
    """
    trained = [r for r in history if "loss" in r]
    validated = [r for r in history if r.get("validation")]
    narrow = width < NARROW
    figure = new(width, 1.3 * width if narrow else 0.55 * width, dpi)
    shape = (4, 1) if narrow else (2, 2)
    panels = figure.subplots(*shape, sharex=True).ravel()
    for axes, (term, label) in zip(panels, _LABELS.items(), strict=False):
        training = [(r["epoch"], r[term]) for r in trained]
        held_out = [(r["epoch"], r["validation"][term]) for r in validated]
        _curve(axes, training, "training, as it goes on")
        _curve(axes, held_out, "validation")
        _mark_kept(axes, [(r["epoch"], r["validation"][term]) for r in validated if r.get("best")])
        _limit_to_settled(axes, [*training, *held_out])
        axes.set_ylabel(label)
    _learning_rate(panels[3], [(r["epoch"], r["learning_rate"]) for r in trained])
    for axes in panels[3:] if narrow else panels[2:]:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.align_ylabels(panels)
    legend_below(figure, *panels[0].get_legend_handles_labels(), columns=2 if narrow else 3)
    return figure


def _curve(axes: Any, points: Points, label: str) -> None:
    if points:
        axes.plot(*zip(*points, strict=True), label=label, marker="o" if len(points) < 5 else None)


def _mark_kept(axes: Any, better: Points) -> None:
    if better:
        axes.plot(*better[-1], "o", color="black", label=f"kept: epoch {better[-1][0]}", zorder=3)


def _learning_rate(axes: Any, points: Points) -> None:
    axes.set_ylabel("learning rate")
    _curve(axes, points, "learning rate")
    rates = [rate for _, rate in points if rate > 0]
    if rates and max(rates) > 2 * min(rates):
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.25 * max(rates, default=1.0))


def _limit_to_settled(axes: Any, points: Points) -> None:
    limits = settled_limits(points)
    if limits is not None:
        axes.set_ylim(*limits)
