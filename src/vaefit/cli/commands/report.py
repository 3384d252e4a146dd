"""`vaefit report`: a page to look at."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vaefit.cli.app import Device, Json, OptionalData, Quiet, RunFolder, Seed, Threads, app, finish, load_run
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command
from vaefit.folder import REPORT


@app.command(
    cls=Command,
    epilog="""vaefit report runs/faces
vaefit report runs/faces faces.tar.gz --include 'test/face/*' --out test.html
vaefit report runs/people --no-data --out to-mail.html""",
)
@with_reading
def report(
    *,
    run: RunFolder,
    rows: OptionalData = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help=f"file to write (unset: RUN/{REPORT})")
    ] = None,
    no_data: Annotated[
        bool, typer.Option("--no-data", help="leave every row of the data out, for pages that are mailed")
    ] = False,
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write one page: what a model learned, where it fails.

    One HTML file that opens offline and needs no server: the verdict, curves, reconstructions, the latent
    space, a live decoder, samples, calibration, and of tables every column. It is about DATA where given,
    otherwise about the run's validation rows. The page embeds rows of the data unless --no-data says
    otherwise.
    """
    from vaefit.cli import display, inputs, output

    path = run / REPORT if out is None else out
    output.check_suffix(path, (".html", ".htm"))
    screen = display.choose(quiet)
    try:
        fitted = load_run(run, device, threads, screen)
        dataset = None if rows is None else inputs.read_or_sample(fitted, rows, screen, **reading)
        from vaefit.report import write

        written = write(fitted, dataset, out=path, with_data=not no_data, seed=seed, display=screen)
    finally:
        screen.close()
    finish({"out": str(written), "bytes": written.stat().st_size, "data": not no_data}, as_json)
