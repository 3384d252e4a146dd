"""`vaefit doctor`: what is wrong with a run."""

from typing import Any

import typer

from vaefit.cli.app import Device, Json, OptionalData, Quiet, RunFolder, Threads, app, load_run, print_json
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command


@app.command(
    cls=Command,
    epilog="""vaefit doctor runs/faces
vaefit doctor runs/faces faces.tar.gz --include 'test/face/*'""",
)
@with_reading
def doctor(
    *,
    run: RunFolder,
    rows: OptionalData = None,
    reading: dict[str, Any],
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with a run, and what helps.

    Looks at the run's history, weights and own data, read again; DATA, where given, is held against the
    training rows in place of the validation rows.
    """
    from vaefit.cli import display, inputs

    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    dataset = None if rows is None else inputs.read_or_sample(fitted, rows, screen, **reading)
    from vaefit.doctor import report

    found = report(fitted, dataset, screen)
    screen.close()
    if as_json:
        return print_json({"findings": [f.to_dict() for f in found.findings], "checked": found.checked})
    return typer.echo("\n".join(f.line for f in found.findings) or _nothing(len(found.checked)))


def _nothing(checks: int) -> str:
    return f"nothing wrong found in {checks} checks"
