"""Figures for papers, drawn by matplotlib without a screen.

A figure of a run is one file with a function `of_run(subject)`, and one entry of `FIGURES`: the command line,
its help and its mistakes know it from there, without importing matplotlib or JAX. The same file has `draw`,
from arrays alone, for whoever has them already: `fit`, `reconstruct`, `sample`, `decode`.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from vaefit.errors import SettingsError
from vaefit.options import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaefit.figures.subject import Subject

__all__ = ["FIGURES", "PICTURES", "Listed", "check", "find"]

PICTURES = (".png", ".pdf", ".svg")


class Listed(NamedTuple):
    """What can be said of a figure without importing it: one line, and the options that are for it."""

    summary: str
    takes: tuple[str, ...]


FIGURES = {
    "reconstructions": Listed(
        "rows, what the model makes of them, and samples of it; of tables, cells with intervals",
        ("rows", "row", "samples"),
    ),
    "samples": Listed("new rows; of tables, each column beside the rows' own", ("rows", "number")),
    "traversals": Listed(
        "what each latent does: one at a time moved through the prior, the most informative first",
        ("rows", "row", "latent"),
    ),
    "latent-map": Listed(
        "posterior means in the plane, coloured by label or by ELBO", ("rows", "labels", "number")
    ),
    "curves": Listed("ELBO, rate, distortion and learning rate over the epochs", ()),
}


def find(name: str) -> "Callable[[Subject], Figure]":
    """The function that draws the figure of this name.

    Raises:
        SettingsError: there is none; the message has the nearest known name.
    """
    check(name)
    module = importlib.import_module(f"vaefit.figures.{name.replace('-', '_')}")
    return module.of_run


def check(name: str) -> Listed:
    """What is known of the figure of this name.

    Raises:
        SettingsError: there is none; the message has the nearest known name.
    """
    if name not in FIGURES:
        raise SettingsError(unknown("figure", name, FIGURES))
    return FIGURES[name]
