"""New rows, each beside the training row nearest to it: memorised or not?"""

import numpy as np

from vaefit.figures.ranges import grey_levels
from vaefit.report import images
from vaefit.report.facts import Facts
from vaefit.report.markup import element, number, paragraph, table
from vaefit.report.nearest import Copies, copies
from vaefit.report.rows import cells_of, column_names
from vaefit.report.section import Section

LINES = 8  # new rows of a table that are shown
# New rows this much nearer to training rows than held-out rows are, are taken for copies.
COPIED = 0.5


def section(facts: Facts) -> Section | None:
    """A sheet of samples, and how near each is to the training rows."""
    found = None if facts.train is None else copies(facts)
    told = _memorised(facts, found)
    show = _pictures if facts.is_image else _rows
    return Section("samples", "Samples", told + show(facts, found if facts.with_data else None))


def _memorised(facts: Facts, found: Copies | None) -> str:
    what = "decoder means for draws of the prior" if facts.is_image else "draws of p(x)"
    if found is None:
        return paragraph(
            f"{len(facts.samples)} {what}. The training rows are not there to compare them with."
        )
    exact = int((found.of_samples < 1e-6).sum())
    copied = f" {exact} of {len(found.of_samples)} are exact copies of training rows." if exact else ""
    own = number(float(np.median(found.of_samples)), 3)
    start = (
        f"{len(found.of_samples):,} {what}. The median distance of one to its nearest training row is {own}"
    )
    if found.ratio is None or found.of_held_out is None:
        return paragraph(
            f"{start} in network units; there are no held-out rows to compare that with.{copied}"
        )
    held = "held-out rows as the model reconstructs them" if facts.is_image else "held-out rows"
    verdict = (
        "they are much nearer, and may be copies: the model may have memorised its data."
        if found.ratio < COPIED
        else "nothing looks memorised."
    )
    theirs = number(float(np.median(found.of_held_out)), 3)
    return paragraph(f"{start}, that of {held} {theirs} (network units): {verdict}{copied}")


def _pictures(facts: Facts, found: Copies | None) -> str:
    shape = facts.run.transform.shape
    drawn = facts.samples.reshape(len(facts.samples), *shape)
    reference = drawn if facts.train is None else facts.train.values.reshape(-1, *shape)[:256]
    if found is None:
        grey = images.shrunk(grey_levels(drawn, facts.run.transform, reference), len(shape))
        tiles = "".join(images.picture(tile[None, None], f"sample {n + 1}") for n, tile in enumerate(grey))
        return element("div", tiles, class_="sheet single")
    assert facts.train is not None
    real = facts.train.values[found.rows].reshape(drawn.shape)
    pairs = np.stack([drawn, real.astype(drawn.dtype)], axis=1)
    grey = images.shrunk(grey_levels(pairs, facts.run.transform, reference), len(shape))
    tiles = "".join(
        element(
            "figure",
            images.picture(pair[None], f"sample {n + 1}, and the training row nearest to it")
            + element("figcaption", number(float(distance))),
        )
        for n, (pair, distance) in enumerate(zip(grey, found.of_samples, strict=True))
    )
    words = "Left of each pair a sample, right the training row nearest to it; beneath, their distance."
    return paragraph(words, "note") + element("div", tiles, class_="sheet")


def _rows(facts: Facts, found: Copies | None) -> str:
    names, some = column_names(facts), list(range(min(LINES, len(facts.samples))))
    new = cells_of(facts, facts.samples[some])
    if found is None or facts.train is None:
        lines = [[f"new row {n + 1}", *cells] for n, cells in zip(some, new, strict=True)]
        return table(["", *names], lines, caption="New rows")
    old = cells_of(facts, facts.train.take(found.rows[some]))
    lines = [
        line
        for n, mine, theirs in zip(some, new, old, strict=True)
        for line in (
            [f"new row {n + 1}", *mine, number(float(found.of_samples[n]))],
            ["nearest training row", *[cell or "missing" for cell in theirs], ""],
        )
    ]
    return table(
        ["", *names, "distance"], lines, caption="New rows, each above the training row nearest to it"
    )
