"""Scores over numbers of labels, with bands: what `vaefit probe` draws."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from vaefit.figures.style import MARKERS, legend_below, new, styled

Band = tuple[float, float, float]  # mean, low, high


@styled
def draw(
    panels: Mapping[str, Mapping[str, Sequence[Band]]], sizes: Sequence[int], xlabel: str, width: float
) -> Figure:
    """Means with bands over sizes, a panel for each title and a colour for each name in the first panel."""
    figure = new(width, 0.38 * width)
    names = list(next(iter(panels.values())))
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(grid, panels.items(), strict=True):
        for name, bands in curves.items():
            _band(axes, sizes, bands, name, names.index(name))
        if any(low < 0 for bands in curves.values() for _, low, _ in bands):
            axes.axhline(0, color="black", linewidth=0.6)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.set(ylabel=title, xlabel=xlabel)
    legend_below(figure, *grid[0].get_legend_handles_labels(), columns=len(names))
    return figure


def _band(axes: Any, sizes: Sequence[int], bands: Sequence[Band], name: str, number: int) -> None:
    mean, low, high = zip(*bands, strict=True)
    axes.fill_between(sizes, low, high, color=f"C{number}", alpha=0.2, linewidth=0)
    # The first is wider, and seen beneath another that takes the same course.
    width, size = (1.0, 3) if number else (2.0, 5)
    style = {"linewidth": width, "marker": MARKERS[number % len(MARKERS)], "markersize": size}
    axes.plot(sizes, mean, color=f"C{number}", label=name, **style)
