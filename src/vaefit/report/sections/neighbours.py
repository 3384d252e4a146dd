"""Nearest neighbours in the latent space."""

import numpy as np

from vaefit.data import Dataset
from vaefit.figures.ranges import grey_levels
from vaefit.report import images
from vaefit.report.facts import Facts
from vaefit.report.markup import details, element, paragraph, table, text
from vaefit.report.nearest import nearest
from vaefit.report.rows import cells_of, column_names
from vaefit.report.section import Section

ROWS, NEIGHBOURS, LINES = 6, 9, 4


def section(facts: Facts) -> Section | None:
    """Typical rows, and the training rows whose posterior means are nearest to theirs."""
    if not facts.with_data or facts.train is None or facts.rows is None:
        return None
    assert facts.latents is not None and facts.train_latents is not None
    chosen = facts.chosen["typical"][:ROWS]
    itself = facts.held_out is None  # the first neighbour of a training row is the row
    if facts.train.n < 2 + itself:
        return None
    count = (NEIGHBOURS if facts.is_image else LINES) + itself
    found = nearest(facts.latents.mean[chosen], facts.train_latents.mean, count).rows[:, int(itself) :]
    intro = paragraph(
        f"Rows of the {facts.about}, and the training rows nearest to them by the distance of posterior "
        "means. What the model takes for alike should look alike."
    )
    show = _images if facts.is_image else _tables
    return Section(
        "neighbours", "Neighbours in the latent space", intro + show(facts, chosen, found, facts.train)
    )


def _images(facts: Facts, chosen: np.ndarray, found: np.ndarray, train: Dataset) -> str:
    assert facts.rows is not None
    shape = facts.run.transform.shape
    own = facts.rows.values[chosen].reshape(-1, 1, *shape)
    theirs = train.values[found.ravel()].reshape(*found.shape, *shape)
    tiles = grey_levels(np.concatenate([own, theirs], axis=1), facts.run.transform, theirs)
    tiles = images.shrunk(tiles, len(shape))
    width, others = tiles.shape[3], tiles.shape[1] - 1
    lines = "".join(
        element(
            "div",
            element("span", element("bdi", text(facts.short(int(row)))), class_="name")
            + images.picture(line[None, :1], facts.called(int(row)))
            + images.picture(line[None, 1:], f"its {others} nearest training rows, the nearest first"),
        )
        for row, line in zip(chosen, tiles, strict=True)
    )
    outputs = (others * (width + images.GAP) - images.GAP) / width
    heads = "".join(element("span", name) for name in ("", "row", f"its {others} nearest training rows"))
    head = element("div", heads, class_="heads", aria_hidden="true")
    return element("div", head + lines, class_="strips pair", style=f"--outputs:{outputs:.3f}fr")


def _tables(facts: Facts, chosen: np.ndarray, found: np.ndarray, train: Dataset) -> str:
    assert facts.rows is not None
    names, own = column_names(facts), cells_of(facts, facts.rows.take(chosen))
    parts = []
    for row, cells, places in zip(chosen, own, found, strict=True):
        theirs = cells_of(facts, train.take(places))
        lines = [[facts.called(int(row)), *cells], *(["training row", *line] for line in theirs)]
        filled = [[cell or "missing" for cell in line] for line in lines]
        parts.append((facts.called(int(row)), table(["", *names], filled, marked=0)))
    first, *rest = parts
    return first[1] + "".join(details(name, inner) for name, inner in rest)
