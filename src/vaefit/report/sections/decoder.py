"""The decoder, live: sliders for the latents, and what they decode to."""

from typing import Any

import numpy as np

from vaefit.report.decoder import TooLarge, payload
from vaefit.report.facts import Facts
from vaefit.report.frames import frames
from vaefit.report.lowering import CannotLower
from vaefit.report.markup import element, paragraph
from vaefit.report.section import Section
from vaefit.report.view import view

SCRIPTS = ("cells.js", "decoder.js", "frames.js", "live.js")


def section(facts: Facts) -> Section:
    """The live decoder; traversals computed beforehand where a page cannot decode."""
    run = facts.run
    found = facts.latents
    means = np.zeros((1, run.model.posterior.latent_dim), np.float32) if found is None else found.mean
    columns = None if facts.rows is None else facts.rows.columns
    shown = view(run, means, facts.use, columns=columns)
    try:
        made: dict[str, Any] = payload(run, means)
        words = _live_words(made, facts)
    except CannotLower as why:
        made, shown = frames(run, shown)
        words = _frames_words(made, why)
    html = (
        paragraph(words)
        + element("div", "", id="live")
        + element("noscript", paragraph("This needs JavaScript."))
    )
    return Section(
        "decoder", "Live decoder", html, SCRIPTS, {"live": shown, "decoder": made}, styles=("live.css",)
    )


def _live_words(made: dict[str, Any], facts: Facts) -> str:
    weights = (
        f"its weights in half precision (mean and sd change by at most {made['error']:.1g} in network units)"
        if made["half"]
        else "its own weights"
    )
    known = facts.use is not None and facts.use.kl is not None
    order = " They are sorted by KL(q(z|x) || p(z)), what each says of a row." if known else ""
    dropout = " Dropout is off." if facts.run.settings.generate_with_dropout else ""
    return (
        f"What p(x|z) is for any latent vector z, computed in this page by the run's decoder with {weights}. "
        f"Sliders are in the latents' own units: 1 is one sd of a standard normal prior.{order}{dropout}"
    )


def _frames_words(made: dict[str, Any], why: CannotLower) -> str:
    reason = (
        f"is too large to embed ({why})" if isinstance(why, TooLarge) else f"cannot run in a page ({why})"
    )
    step = made["step"]
    pixels = "" if step == 1 else f", one pixel of {step} x {step}"
    return (
        f"This run's decoder {reason}. These are traversals computed beforehand{pixels}: one latent moves, "
        "the others stay at the prior's mean. `vaefit explore` decodes live, whatever the size."
    )
