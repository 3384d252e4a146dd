"""`vaefit explore`: a run's page on this machine, where the model itself answers."""

import os
import sys
from typing import Annotated, Any

import typer

from vaefit.cli.app import Device, Json, OptionalData, Quiet, RunFolder, Threads, app, load_run, print_json
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command


@app.command(
    cls=Command,
    epilog="""vaefit explore runs/faces
vaefit explore runs/people people.csv --port 8000 --no-browser""",
)
@with_reading
def explore(
    *,
    run: RunFolder,
    rows: OptionalData = None,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="port of 127.0.0.1 (0: any that is free)")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="open the page in a browser")] = True,
    reading: dict[str, Any],
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Open a page on this machine to look around in a run.

    It is there until Ctrl-C. Sliders decode live; an image that is dropped, or a row that is pasted, comes
    back with its reconstruction, its likelihood, what makes it odd, and the training rows nearest to it.
    """
    from vaefit.cli import display, inputs
    from vaefit.explore import serve
    from vaefit.explore.server import bound, open_browser

    # A port in use is answered before anything is read.
    listening = bound(port)
    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    dataset = None if rows is None else inputs.read_or_sample(fitted, rows, screen, **reading)

    def told(address: str) -> None:
        screen.close()
        if as_json:
            print_json({"address": address, "run": str(run), "port": listening.getsockname()[1]})
        else:
            typer.echo(address)
            screen.notice("the page is open to whoever opens this address first; Ctrl-C closes it")
        if browser:
            open_browser(address)

    ended = serve.explore(fitted, dataset, listening=listening, told=told, display=screen)
    screen.notice("closed")
    if not ended:
        # Python's own end would pull the ground from under a computation that nobody waits for.
        sys.stdout.flush()
        os._exit(0)
