"""`vaefit compare`: runs side by side on the same rows."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vaefit.cli.app import Device, Json, Quiet, Seed, Threads, app, print_json, start
from vaefit.cli.commands.evaluate import MostRows, Samples
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command
from vaefit.errors import SettingsError
from vaefit.folder import SETTINGS, runs_in


@app.command(
    cls=Command,
    epilog="""vaefit compare runs/small runs/large
vaefit compare runs/small runs/large faces.tar.gz --include 'test/face/*'""",
)
@with_reading
def compare(
    *,
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN ... [DATA]", help="runs; DATA last (unset: validation rows)"),
    ],
    samples: Samples = 1000,
    most: MostRows = None,
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare runs on the same rows.

    One line a run; differences of log-likelihoods to the best run are paired, row by row, with their standard
    errors (nats per datum).
    """
    folders, rows = _folders_and_data(runs)
    if len(folders) < 2:
        raise SettingsError(f"expected at least two runs to compare, found {len(folders)} (DATA comes last)")
    if most is not None and rows is None:
        raise SettingsError("--rows is for rows of DATA, found no DATA; give it after the runs")
    from vaefit.cli import display, inputs

    screen = display.choose(quiet)
    start(device, threads, screen)
    from vaefit import comparing
    from vaefit.run import load

    loaded = [load(folder) for folder in folders]
    try:
        dataset = None if rows is None else inputs.rows_for(loaded[0], rows, screen, most, **reading)
        found = comparing.compare(loaded, dataset, samples=samples, seed=seed, display=screen)
    finally:
        screen.close()
    return print_json(found.to_dict()) if as_json else typer.echo(_text(found))


def _folders_and_data(given: list[Path]) -> tuple[list[Path], str | None]:
    """Run folders, and the last argument as DATA where it is no run."""
    is_run = (runs_in(given[-1])[0] / SETTINGS).exists()
    folders, rows = (given, None) if is_run else (given[:-1], str(given[-1]))
    return [run for folder in folders for run in runs_in(folder)], rows


def _text(found: Any) -> str:
    from vaefit.cli.tables import scores, table

    lines = [
        [*line[:5], str(found.active_units[line[0]]), f"{d.mean:.2f} +- {d.standard_error:.2f}"]
        for line, d in zip(scores(found.scores), found.differences.values(), strict=True)
    ]
    heads = ["", "log p(x)", "", "bits/dim", "MSE", "active", "to the best"]
    head = f"{found.n:,} rows; nats per datum; * is the best of its column"
    return "\n".join([head, table(heads, lines), *(f"note: {message}" for message in found.notices)])
