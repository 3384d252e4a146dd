"""What each latent carries, how well all fit the prior, and whether intervals hold what they claim."""

from typing import Any

import numpy as np
import scipy.stats

from vaefit.evaluation import LatentUse
from vaefit.report.facts import Facts
from vaefit.report.hidden_cells import HiddenCells, hidden_cells
from vaefit.report.markup import details, element, number, paragraph, table
from vaefit.report.plots import axis, line, plot
from vaefit.report.section import Section

_HISTOGRAMS = 6
CLOSE = 0.03  # intervals that hold a share this near to their level are right enough
_GRID = np.linspace(-4, 4, 81)


def section(facts: Facts) -> Section | None:
    """Per-latent KL and spread, the aggregate posterior against the prior, calibration."""
    if facts.use is None:
        return None
    inner = (
        _words(facts, facts.use)
        + _bars(facts, facts.use)
        + _aggregate(facts, facts.use)
        + _calibration(facts)
    )
    return Section("latents", "Latents and calibration", inner)


def _words(facts: Facts, use: LatentUse) -> str:
    capped = use.mutual_information > 0.95 * use.cap
    split = (
        f"Of the rate, {number(use.rate)} nats per datum, {'at least ' if capped else ''}"
        f"{number(use.mutual_information)} are mutual information between row and latents, and "
        f"{'at most ' if capped else ''}{number(use.marginal_kl)} the distance of all posteriors' mean from "
        "the prior, which a better prior could save."
    )
    dead = len(use.mean_variance) - use.active_units
    unused = (
        f" {dead} of {len(use.mean_variance)} latents carry nothing." if dead else " All latents are in use."
    )
    return paragraph(split + unused + (f" Measured on {use.rows:,} {facts.about}."))


def _bars(facts: Facts, use: LatentUse) -> str:
    order, latents = facts.order, facts.latents
    assert latents is not None
    names = [str(int(k)) for k in order]
    spread_of_means = np.sqrt(use.mean_variance)[order]
    mean_sd = np.sqrt((latents.sd.astype(np.float64) ** 2).mean(axis=0))[order]
    panels = []
    if use.kl is not None:
        panels.append(
            plot(
                [{"type": "bar", "x": names, "y": use.kl[order], "marker": {"color": "$blue"}, "name": "KL"}],
                _by_latent("KL(q ‖ p), nats per datum"),
                label=f"KL of each latent, the largest {number(float(use.kl[order[0]]))} nats",
                caption="What each latent says of a row, the most informative first.",
                height=280,
            )
        )
    panels.append(
        plot(
            [
                _dots(names, spread_of_means, "sd of the posterior means over rows", "$blue", "circle"),
                _dots(names, mean_sd, "sd of the posterior (root mean square)", "$orange", "diamond"),
            ],
            _by_latent("sd, units of the prior"),
            label="Spread of posterior means, and of posteriors, of each latent",
            caption="A latent in use has means that vary and narrow posteriors; a dead one sits at 0 and 1.",
            height=280,
        )
    )
    lines = [
        [
            f"latent {int(k)}",
            number(None if use.kl is None else float(use.kl[k]), 3),
            number(float(np.sqrt(use.mean_variance[k])), 3),
            number(float(mean_sd[at]), 3),
            number(float(use.aggregate_mean[k]), 3),
            number(float(use.aggregate_sd[k]), 3),
            number(None if use.ks is None else float(use.ks[k]), 3),
        ]
        for at, k in enumerate(order)
    ]
    heads = ["", "KL, nats", "sd of means", "posterior sd", "aggregate mean", "aggregate sd", "KS from prior"]
    return element("div", "".join(panels), class_="plots") + details("The numbers", table(heads, lines))


def _by_latent(title: str) -> dict[str, Any]:
    # Latents are names here: without "category" Plotly would take them for numbers and sort them.
    return {"xaxis": axis("latent", type="category"), "yaxis": axis(title, rangemode="tozero")}


def _dots(x: list[str], y: np.ndarray, name: str, colour: str, symbol: str) -> dict[str, Any]:
    marker = {"color": colour, "symbol": symbol, "size": 6}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "name": name, "marker": marker}


def _aggregate(facts: Facts, use: LatentUse) -> str:
    heading = element("h3", "Aggregate posterior against the prior")
    if use.ks is None or facts.latents is None:
        return heading + paragraph("The prior has no distribution function for each latent to compare with.")
    off = use.off_prior
    told = (
        f"{len(off)} of {len(use.ks)} latents are further from the prior than chance puts a sample of it "
        f"(Kolmogorov-Smirnov distance above 0.1): {', '.join(map(str, off[:8]))}"
        f"{' …' if len(off) > 8 else ''}. Draws of the prior then come from where few rows are."
        if off
        else "No latent's aggregate posterior is further from the prior than chance: draws of the prior come "
        "from where the rows are."
    )
    # Those furthest off first, then the most informative.
    shown = list(dict.fromkeys([*off, *(int(k) for k in facts.order)]))[:_HISTOGRAMS]
    panels = [_density(facts, use, k) for k in shown]
    return heading + paragraph(told) + element("div", "".join(panels), class_="plots small")


def _density(facts: Facts, use: LatentUse, k: int) -> str:
    """The mean of all rows' posteriors of one latent, and the prior (standard normal) beside it."""
    assert facts.latents is not None and use.ks is not None
    mean, sd = (part[:, k].astype(np.float64) for part in facts.latents)
    aggregate = scipy.stats.norm.pdf(_GRID[:, None], mean, np.maximum(sd, 1e-6)).mean(axis=1)
    prior = _prior_density(facts)
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": _GRID,
            "y": aggregate,
            "fill": "tozeroy",
            "fillcolor": "$blue@0.2",
            "line": {"color": "$blue", "width": 2},
            "name": "aggregate posterior",
        }
    ]
    if prior is not None:
        dashed = {"color": "$ink", "width": 2, "dash": "dash"}
        traces.append(
            {"type": "scatter", "mode": "lines", "x": _GRID, "y": prior, "line": dashed, "name": "prior"}
        )
    layout = {"xaxis": axis(f"latent {k}"), "yaxis": axis("density", rangemode="tozero")}
    words = f"Latent {k}: aggregate posterior and prior, Kolmogorov-Smirnov distance {use.ks[k]:.3f}"
    return plot(traces, layout, label=words, caption=f"Distance {use.ks[k]:.3f}.", height=220)


def _prior_density(facts: Facts) -> np.ndarray | None:
    """The density of one latent under the prior; None unless it is the standard normal."""
    return scipy.stats.norm.pdf(_GRID) if facts.run.settings.prior == "normal" else None


def _calibration(facts: Facts) -> str:
    heading = element("h3", "Calibration of predictive intervals")
    if facts.schema is not None:
        return heading + _of_hidden_cells(facts, hidden_cells(facts))
    found = None if facts.evaluation is None else facts.evaluation.coverage
    if found is None:
        why = [
            n for n in (facts.evaluation.notices if facts.evaluation else ()) if "predictive intervals" in n
        ]
        return heading + paragraph(f"{why[0][0].upper()}{why[0][1:]}." if why else "There are no intervals.")
    assert facts.use is not None
    levels = {float(name.rstrip("%")) / 100: share for name, share in found.items()}
    told = f"Of {facts.about}, {_held(levels)}. {_verdict(levels, facts.use.rows, 'The likelihood')}"
    return heading + paragraph(told) + _diagonal(levels)


def _of_hidden_cells(facts: Facts, found: HiddenCells) -> str:
    told = f"A fifth of the cells of {facts.about} was hidden and drawn from p(hidden | the rest)."
    if found.inside is not None:
        verdict = _verdict(found.inside, found.numbers, "The model")
        told += f" Of {found.numbers:,} numbers, {_held(found.inside)}. {verdict}"
    if found.right is not None:
        told += (
            f" Of {found.categories:,} categories the model's guess is right in {found.right:.1%}, and it "
            f"gives its guesses {found.claimed:.1%} on average."
        )
    return paragraph(told) + ("" if found.inside is None else _diagonal(found.inside))


def _held(levels: dict[float, float]) -> str:
    return "; ".join(f"{level:.0%} intervals hold {share:.1%}" for level, share in levels.items())


def _verdict(levels: dict[float, float], count: int, who: str) -> str:
    """Whether intervals are too narrow or too wide, beyond what chance does to so many values."""
    chance = {level: 2 * np.sqrt(level * (1 - level) / count) for level in levels}
    beyond = [s - level for level, s in levels.items() if abs(s - level) > max(CLOSE, chance[level])]
    off = max(beyond, key=abs, default=0.0)
    if not off:
        return f"{who} is about as sure of itself as it may be."
    claims = "is too sure of itself: it claims less" if off < 0 else "claims more"
    return f"{who} {claims} spread than the rows have."


def _diagonal(levels: dict[float, float]) -> str:
    claimed, held = [100 * level for level in levels], [100 * share for share in levels.values()]
    dashed = {"color": "$muted", "dash": "dash", "width": 1.5}
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [0, 100],
            "y": [0, 100],
            "line": dashed,
            "name": "as claimed",
        },
        line([0, *claimed, 100], [0, *held, 100], "found", "$blue", mode="lines+markers", marker={"size": 8}),
    ]
    layout = {
        "xaxis": axis("level of the interval, %", range=[0, 100]),
        "yaxis": axis("values inside it, %", range=[0, 102]),
    }
    return element(
        "div", plot(traces, layout, label=f"Calibration: {_held(levels)}", height=300), class_="plots"
    )
