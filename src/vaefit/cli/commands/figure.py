"""`vaefit figure`: figures for papers."""

from typing import Annotated, Any

import typer

from vaefit.cli.app import (
    Device,
    Json,
    OptionalData,
    Out,
    Quiet,
    RunFolder,
    Seed,
    Threads,
    app,
    finish,
    load_run,
)
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command
from vaefit.errors import SettingsError
from vaefit.figures import FIGURES, PICTURES, check

_NAMES = "|".join(FIGURES)


def _complete(incomplete: str) -> list[str]:
    return [name for name in FIGURES if name.startswith(incomplete)]


@app.command(
    cls=Command,
    epilog="""vaefit figure runs/faces reconstructions --out faces.pdf
vaefit figure runs/faces traversals --width two --latent 3 --latent 0 --out latents.pdf
vaefit figure runs/faces latent-map faces.tar.gz --include 'test/*' --labels folders --out map.svg""",
)
@with_reading
def figure(
    *,
    run: RunFolder,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=_NAMES.replace("|", ", "), autocompletion=_complete)
    ],
    rows: OptionalData = None,
    out: Out,
    width: Annotated[
        str, typer.Option(metavar="one|two|INCHES", help="columns of a page (3.25 or 6.75 inches), or inches")
    ] = "one",
    row: Annotated[
        list[int] | None,
        typer.Option(metavar="I", help="row to show, or to start traversals at, from 0 (repeatable)"),
    ] = None,
    latent: Annotated[
        list[int] | None,
        typer.Option(metavar="K", help="latent to move, from 0 (repeatable; unset: the most informative)"),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=20, help="samples beside each reconstruction")
    ] = None,
    number: Annotated[
        int | None,
        typer.Option(
            "-n", "--number", metavar="N", min=1, help="new rows of samples, points of a map at most"
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="folders|COLUMN|FILE", help="what colours a map of DATA, as in `vaefit probe`"),
    ] = None,
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw a figure for a paper, at its final size.

    A .pdf or .svg has its text as text, a .png 300 dots an inch. Rows are those of DATA, or the run's own
    validation rows, read again.
    """
    options = {"row": row, "latent": latent, "samples": samples, "number": number, "labels": labels}
    _check(name, {**options, "rows": rows})
    from vaefit.cli import display, output

    output.check_suffix(out, PICTURES)
    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    given = None
    if rows is not None:
        given, row = _rows(fitted, rows, screen, row or [], labels, reading)
    from vaefit.figures.draw import figure as drawn

    figure = drawn(
        fitted,
        name,
        given,
        out=out,
        width=width,
        row=row or (),
        latent=latent or (),
        samples=samples,
        number=number,
        seed=seed,
        display=screen,
    )
    screen.close()
    size = [round(float(side), 3) for side in figure.get_size_inches()]
    finish({"out": str(out), "figure": name, "inches": size}, as_json)


def _rows(
    fitted: Any, path: str, screen: Any, row: list[int], labels: str | None, reading: dict[str, Any]
) -> tuple[Any, list[int]]:
    """Rows of DATA, evenly drawn where they are beyond memory, and the places of those asked for."""
    from vaefit.cli import inputs

    if labels is None:
        return inputs.some_with(fitted, path, screen, row, **reading)
    why = "--labels takes all rows at once"
    return inputs.read_whole(fitted, path, screen, why, labels=labels, **reading), row


def _check(name: str, given: dict[str, Any]) -> None:
    """Refuse options that mean nothing to this figure."""
    takes = check(name).takes
    for option, value in given.items():
        if value and option not in takes:
            flag = "DATA" if option == "rows" else f"--{option}"
            suits = ", ".join(other for other, listed in FIGURES.items() if option in listed.takes)
            raise SettingsError(f"{flag} is for {suits}, found it with {name}; leave it out")
    if given["labels"] and not given["rows"]:
        raise SettingsError("--labels is for rows of DATA, found no DATA; give it after the figure's name")
