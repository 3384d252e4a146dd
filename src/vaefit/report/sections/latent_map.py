"""A map of the latent space: where rows are, in a plane."""

from typing import Any

import numpy as np

from vaefit.figures.ranges import grey_range
from vaefit.report.decoder import encoded
from vaefit.report.embedding import MOST_NEIGHBOURS, Neighbours, Plane, neighbours
from vaefit.report.facts import Facts
from vaefit.report.markup import element, paragraph
from vaefit.report.points import Points
from vaefit.report.section import Section
from vaefit.report.sections.decoder import SCRIPTS
from vaefit.report.thumbnails import sheet

FEWEST_CELLS, MOST_CELLS = 4, 24  # of the density, along a side
FEWEST_IN_CELL = 3


def section(facts: Facts) -> Section | None:
    """Points with pictures; where no row may be shown, how many rows are where."""
    if facts.latents is None:
        return None
    if not facts.with_data:
        return _section(_density(facts), _density_words())
    points = Points.of(facts)
    assert points is not None
    plane, near = Plane.of(points.means), _neighbours(facts, points)
    found = {
        "latents": points.means.shape[1],
        "means": encoded([points.means], np.float32),
        "names": points.names,
        "views": [_plane_view(plane, points), *([] if near is None else [_neighbours_view(near)])],
        "colours": points.colours,
        "sheet": _sheet(facts, points),
        "cells": points.cells(facts),
    }
    return _section(found, _words(points, near))


def _neighbours(facts: Facts, points: Points) -> Neighbours | None:
    """A map of neighbours, which takes seconds."""
    return None if facts.quick else neighbours(points.means, facts.seed)


def _section(found: dict[str, Any], words: str) -> Section:
    html = paragraph(words) + element("div", "", id="map")
    return Section(
        "latent-map", "Latent map", html, (*SCRIPTS, "map.js"), {"map": found}, styles=("live.css", "map.css")
    )


def _plane_view(plane: Plane, points: Points) -> dict[str, Any]:
    return _described(plane) | {"xy": _rounded(plane.place(points.means))}


def _described(plane: Plane) -> dict[str, Any]:
    titles = [f"PC {i + 1} ({100 * plane.share[i]:.0f} % of variance), prior sds" for i in (0, 1)]
    return {"name": "PCA", "titles": titles, "mean": plane.mean.tolist(), "axes": plane.axes.T.tolist()}


def _neighbours_view(near: Neighbours) -> dict[str, Any]:
    titles = [f"{near.name} {i}, no unit" for i in (1, 2)]
    return {"name": near.name, "titles": titles, "xy": _rounded(near.xy), "which": near.which.tolist()}


def _rounded(xy: np.ndarray) -> list[list[float]]:
    return np.round(xy.T, 3).tolist()


def _sheet(facts: Facts, points: Points) -> dict[str, Any] | None:
    if not facts.is_image:
        return None
    low, high = grey_range(facts.run.transform, points.values)
    return sheet(points.values.reshape(-1, *facts.run.transform.shape), low, high)


def _density(facts: Facts) -> dict[str, Any]:
    """Rows in each cell of the principal plane; cells with one or two rows say 0."""
    found = [facts.latents, None if facts.held_out is None else facts.train_latents]
    known = [latents.mean for latents in found if latents is not None]
    means = np.concatenate(known)
    plane = Plane.of(means)
    counts, x, y = np.histogram2d(*plane.place(means).T, bins=_cells(len(means)))
    counts[counts < FEWEST_IN_CELL] = 0
    centres = [((edges[1:] + edges[:-1]) / 2).round(4).tolist() for edges in (x, y)]
    view = _described(plane) | {"counts": counts.T.astype(int).tolist(), "centres": centres}
    return {"latents": means.shape[1], "views": [view]}


def _cells(rows: int) -> int:
    return int(np.clip(np.sqrt(rows) / 2, FEWEST_CELLS, MOST_CELLS))


def _density_words() -> str:
    return (
        "Where posterior means of rows are, in the plane of their first two principal components: "
        f"rows in each cell, cells with fewer than {FEWEST_IN_CELL} left out. This page was made without "
        "data, so no single row is shown. Choose a place to decode it; a second one to morph between the two."
    )


def _words(points: Points, near: Neighbours | None) -> str:
    some = "" if near is None or len(near.which) == len(points.names) else f", of {MOST_NEIGHBOURS} of them"
    other = (
        "" if near is None else f" {near.name}{some}, keeps neighbours together; its distances have no unit."
    )
    return (
        f"Posterior means of {len(points.names):,} rows, evenly spread over those there are. PCA shows the "
        f"plane in which they vary most, in prior sds.{other} Point at a row to see it, choose it to decode "
        "it, and choose a second one with Shift (or after Morph) to morph between the two. The ring is what "
        "the decoder shows."
    )
