"""A sweep's models: rate against distortion, and likelihood against a setting; from lines of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from vaefit.figures.style import GREY, MARKERS, WIDTHS, legend_below, new, styled

Line = Mapping[str, Any]
Over = Mapping[str, Sequence[Any]]
MOST_CURVES = 8  # told apart by colour


@styled
def rate_distortion(lines: Sequence[Line], over: Over, width: float = WIDTHS["one"]) -> Figure:
    """Mean rate against mean distortion on validation rows, nats per datum, bars of a standard error.

    Points of one curve differ in beta alone where that varies. Below a dashed line the ELBO is better: rate
    plus distortion is constant along it. Source: Alemi et al. 2018, arXiv:1711.00464.
    """
    figure = new(width, width)
    axes = figure.subplots()
    curves = _curves(lines, over, "beta" if "beta" in over else None)
    for number, (label, points) in enumerate(curves.items()):
        x, y = ([line[term] for line in points] for term in ("rate", "distortion"))
        bars = {f"{a}err": [line[f"{t}_se"] or 0.0 for line in points] for a, t in _BARS}
        axes.errorbar(x, y, **bars, **_style(number, "-" if "beta" in over else "none"), label=label)
    best = max(lines, key=lambda line: line["elbo"])
    axes.axline((best["rate"], best["distortion"]), slope=-1, color=GREY, linestyle="--", linewidth=0.6)
    axes.set(xlabel="rate (nats)", ylabel="distortion (nats)")
    _legend(figure, axes, curves)
    return figure


_BARS = (("x", "rate"), ("y", "distortion"))


@styled
def likelihood(lines: Sequence[Line], over: Over, score: str, width: float = WIDTHS["one"]) -> Figure:
    """Mean validation likelihood against the number of latents, or the first setting that varies."""
    figure = new(width, 0.8 * width)
    axes = figure.subplots()
    along = "latent_dim" if "latent_dim" in over else next(iter(over))
    curves = _curves(lines, over, along)
    ticks = [_shown(value) for value in over[along]]
    for number, (label, points) in enumerate(curves.items()):
        x = [ticks.index(_shown(line[along])) for line in points]
        bars = [line[f"{score}_se"] or 0.0 for line in points]
        axes.errorbar(x, [line[score] for line in points], yerr=bars, **_style(number, "-"), label=label)
    axes.set_xticks(range(len(ticks)), ticks)
    what = "ELBO" if score == "elbo" else "importance-weighted bound"
    axes.set(xlabel=along.replace("_", " "), ylabel=f"validation {what} (nats)")
    axes.grid(axis="y", alpha=0.3)
    _legend(figure, axes, curves)
    return figure


def _curves(lines: Sequence[Line], over: Over, along: str | None) -> dict[str, list[Line]]:
    """Lines that differ in one setting alone, in order, by what they have in common."""
    rest = [name for name in over if name != along]
    found: dict[str, list[Line]] = {}
    for line in lines:
        label = ", ".join(f"{name.replace('_', ' ')} {_shown(line[name])}" for name in rest)
        found.setdefault(label, []).append(line)
    return found


def _style(number: int, line: str) -> dict[str, Any]:
    return {
        "color": f"C{number % MOST_CURVES}",
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": line,
        "elinewidth": 0.6,
    }


def _legend(figure: Figure, axes: Any, curves: Mapping[str, Any]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if list(curves) != [""]:
        legend_below(figure, handles, labels, columns=2)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return "auto" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
