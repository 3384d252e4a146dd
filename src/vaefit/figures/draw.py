"""Figures of a run: by name, and those that its folder gets when it is fitted."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from vaefit.data import Dataset, spread
from vaefit.display import Display, Silent
from vaefit.figures import cells, curves, find, reconstructions, samples
from vaefit.figures.style import SCREEN_DPI, inches, kind_of, save
from vaefit.figures.subject import Subject
from vaefit.run import Run

MOST_ROWS = 10  # in a run folder's picture


def figure(
    run: Run,
    name: str,
    rows: object = None,
    *,
    out: str | Path | None = None,
    width: str | float = "one",
    row: Sequence[int] = (),
    latent: Sequence[int] = (),
    samples: int | None = None,
    number: int | None = None,
    seed: int = 0,
    display: Display | None = None,
) -> Figure:
    """A figure of a run for a paper, one of `figures.FIGURES`; written to `out` (.pdf, .svg, .png) if given.

    `width` is "one" (3.25 inches), "two" (6.75) or inches; `rows` are other rows than the run's validation
    rows. `row` are the places of rows to show, `latent` of latents to move, `samples` outputs for each row,
    `number` how many new rows, or points of a map.

    Raises:
        SettingsError: an unknown figure, a strange width or latent.
        DataError: the rows do not suit the run or are not there, or `out` is no picture.
        RunError: the picture cannot be written.

    >>> from vaefit import fit
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> run = fit(x, latent_dim=2, epochs=2, encoder_layers=(8,), decoder_layers=(8,))
    >>> figure(run, "curves", width="two").get_size_inches().tolist()
    [6.75, 3.71...]
    """
    of_run = find(name)
    path = None if out is None else Path(out)
    if path is not None:
        kind_of(path)
    given = None if rows is None else run.dataset(rows)
    subject = Subject(
        run, inches(width), given, tuple(row), tuple(latent), samples, number, seed, display or Silent()
    )
    drawn = of_run(subject)
    if path is not None:
        save(drawn, path)
    return drawn


def write_all(fitted: Run, rows: Dataset, folder: Path) -> None:
    """The pictures of a run folder: curves, and what the model makes of `rows` and of its prior.

    Rows of typed columns have no picture: of a table there are curves alone.
    """
    save(curves.draw(fitted.history, dpi=SCREEN_DPI), folder / "curves.png")
    if not cells.one_scale(fitted.transform):
        return
    shown = rows.take(spread(rows.n, MOST_ROWS))
    found = fitted.reconstruct(shown, samples=reconstructions.DRAWN)
    drawn = reconstructions.draw(found, fitted.transform, columns=shown.columns, dpi=SCREEN_DPI)
    save(drawn, folder / "reconstructions.png")
    new = fitted.sample(samples.SHEET)
    sheet = samples.draw(new, fitted.transform, columns=shown.columns, dpi=SCREEN_DPI)
    save(sheet, folder / "samples.png")
