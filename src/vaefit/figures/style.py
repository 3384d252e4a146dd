"""How figures look, and how they are written: a paper's column wide, text as text, colours for every eye."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

from vaefit.errors import DataError, SettingsError
from vaefit.figures import PICTURES
from vaefit.folder import write_atomically

P = ParamSpec("P")
R = TypeVar("R")

WIDTHS = {"one": 3.25, "two": 6.75}  # inches: one and two columns of a page
NARROW = 5.0  # inches; below, a figure is laid out for one column
DPI = 300
SCREEN_DPI = 150  # of pictures to be looked at in passing; drawing costs as the square of it
# Okabe & Ito 2008, "Color universal design": told apart with any kind of colour vision, and in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B0A000")
MARKERS = "osD^vP<X>p"
GREY = "#555555"
STYLE: Any = {
    "axes.grid": False,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.wspace": 0.03,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure on every machine
    "font.size": 8,
    "grid.linewidth": 0.4,
    "image.cmap": "cividis",
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "lines.linewidth": 1.0,
    "lines.markersize": 3,
    "patch.linewidth": 0.6,
    "pdf.fonttype": 42,  # TrueType, as journals ask for
    "ps.fonttype": 42,
    "savefig.dpi": "figure",
    "svg.fonttype": "none",  # text that can be searched and edited
    "svg.hashsalt": "vaefit",
    "xtick.labelsize": 7,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 7,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw in this style, whatever the person's own is."""
    return mpl.rc_context(STYLE)(draw)


def new(width: float, height: float, dpi: float = DPI) -> Figure:
    """An empty figure of so many inches, whose parts are laid out by themselves."""
    return Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def inches(width: str | float) -> float:
    """A width in inches, from "one", "two" or a number.

    Raises:
        SettingsError: neither, or no width of a figure.

    >>> inches("one"), inches("two"), inches("5.5")
    (3.25, 6.75, 5.5)
    """
    if width in WIDTHS:
        return WIDTHS[str(width)]
    try:
        found = float(width)
    except ValueError:
        found = 0.0
    if not 2 <= found <= 20:
        raise SettingsError(f"--width must be one, two, or inches from 2 to 20, found {width!r}")
    return found


def kind_of(path: Path) -> str:
    """The kind of picture a name asks for.

    Raises:
        DataError: an unknown one.
    """
    suffix = path.suffix.lower() or ".png"
    if suffix not in PICTURES:
        raise DataError(f"cannot draw {path}: expected a name ending in .png, .pdf or .svg, found {suffix}")
    return suffix.lstrip(".")


@styled
def save(figure: Figure, path: Path) -> None:
    """Write a figure at its own size, the same bytes each time.

    Raises:
        DataError: the name asks for an unknown kind of picture.
        RunError: the picture cannot be written.
    """
    kind, drawn = kind_of(path), io.BytesIO()
    undated = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
    figure.savefig(drawn, format=kind, metadata=undated[kind])
    write_atomically(path, drawn.getvalue())


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str], columns: int) -> None:
    """One legend for all panels, under them."""
    figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, max(len(labels), 1)))
