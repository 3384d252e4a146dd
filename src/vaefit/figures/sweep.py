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

    Points of one curve differ in beta alone where that varies; of very many, points of one colour share the
    first setting. Along the dashed line the ELBO is the best one's. Source: Alemi et al. 2018,
    arXiv:1711.00464.
    """
    figure = new(width, width)
    axes = figure.subplots()
    curves = _curves(lines, over, "beta" if "beta" in over else None)
    if len(curves) > MOST_CURVES:
        curves = _curves(lines, dict([next(iter(over.items()))]), None)
    joined = "beta" in over and len(curves) == len({_of_others(line, over, "beta") for line in lines})
    for number, (label, points) in enumerate(curves.items()):
        x, y = ([line[term] for line in points] for term in ("rate", "distortion"))
        bars = {f"{a}err": [line[f"{t}_se"] or 0.0 for line in points] for a, t in _BARS}
        axes.errorbar(x, y, **bars, **_style(number, "-" if joined else "none"), label=label)
    best = max(lines, key=lambda line: line["elbo"])
    place = best["rate"], best["distortion"]
    axes.axline(place, slope=-1, color=GREY, linestyle="--", linewidth=0.6, label="as good as the best")
    axes.set(xlabel="rate (nats)", ylabel="distortion (nats)")
    _legend(figure, axes, curves)
    return figure


_BARS = (("x", "rate"), ("y", "distortion"))


@styled
def likelihood(lines: Sequence[Line], over: Over, score: str, width: float = WIDTHS["one"]) -> Figure:
    """Mean validation likelihood against the number of latents, or the first setting that varies.

    Of very many curves only their upper envelope is drawn.
    """
    figure = new(width, 0.8 * width)
    axes = figure.subplots()
    along = "latent_dim" if "latent_dim" in over else next(iter(over))
    curves = _curves(lines, over, along)
    if len(curves) > MOST_CURVES:
        curves = {"best of all other settings": _envelope(lines, over, along, score)}
    ticks = [_shown(value) for value in over[along]]
    for number, (label, points) in enumerate(curves.items()):
        aside = 0.04 * (number - (len(curves) - 1) / 2)  # so that bars are seen beside one another
        x = [ticks.index(_shown(line[along])) + aside for line in points]
        bars = [line[f"{score}_se"] or 0.0 for line in points]
        axes.errorbar(x, [line[score] for line in points], yerr=bars, **_style(number, "-"), label=label)
    axes.set_xticks(range(len(ticks)), ticks)
    what = "ELBO" if score == "elbo" else "importance-weighted bound"
    axes.set(
        xlabel=_called(along),
        ylabel=f"validation {what} (nats)",
    )
    axes.grid(axis="y", alpha=0.3)
    _legend(figure, axes, curves)
    return figure


def _curves(lines: Sequence[Line], over: Over, along: str | None) -> dict[str, list[Line]]:
    """Lines that differ in one setting alone, in order, by what they have in common."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(_of_others(line, over, along), []).append(line)
    return found


def _of_others(line: Line, over: Over, along: str | None) -> str:
    """What a line's settings are, but for one of them."""
    rest = [name for name in over if name != along]
    return ", ".join(f"{_called(name)} {_shown(line[name])}" for name in rest)


def _envelope(lines: Sequence[Line], over: Over, along: str, score: str) -> list[Line]:
    """The best line for each value of a setting."""
    alike = [[line for line in lines if line[along] == value] for value in over[along]]
    return [max(some, key=lambda line: line[score]) for some in alike if some]


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


def _called(name: str) -> str:
    return "latents" if name == "latent_dim" else name.replace("_", " ")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return "auto" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
