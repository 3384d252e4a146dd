"""`vaefit sweep`: models over a grid of settings, and the best of them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vaefit.cli.app import Device, Json, OptionalData, Quiet, Threads, app, print_json, start
from vaefit.cli.commands.fit import next_free
from vaefit.cli.flags import with_settings
from vaefit.cli.help import Command
from vaefit.errors import SettingsError


@app.command(
    cls=Command,
    epilog="""vaefit sweep faces/ --over latent_dim=2,5,10,20 --over beta=0.5,1,2 --seeds 3 --out sweep
vaefit sweep wine.csv --over encoder_layers=64/64,64 --over learning_rate=1e-3,1e-2
vaefit sweep --resume sweep""",
)
@with_settings
def sweep(
    *,
    rows: OptionalData = None,
    settings: dict[str, Any],
    over: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,VALUE,...",
            help="a setting and its values (repeatable; lists of layers are separated by /)",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="seeds for each choice, --seed and up")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="folder of the runs (unset: the next free runs/NAME-sweep)"
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="see `vaefit recipes`")] = "default",
    force: Annotated[bool, typer.Option("--force", help="overwrite a sweep in the folder")] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="go on with a sweep that was stopped")
    ] = None,
    together: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="models in one program, at most [64]", show_default=False),
    ] = None,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit a grid of settings and seeds, choose the best.

    Every model is a run folder, as `vaefit fit` with its settings and seed makes it; FOLDER/best is the one
    that is best on validation rows. Models that differ in latent_dim, learning_rate, beta, keep_prob, weights
    of penalties and seeds alone train as one program.
    """
    from vaefit.sweeping import grid

    # Mistakes are answered before JAX is imported or a file is read.
    values = grid.parse(over or [])
    if resume is None:
        _check_new(rows, values)
        grid.check_with(values, recipe, seeds, settings)
    else:
        given = {"DATA": rows, "--over": over, "--out": out, "--force": force, "--seeds": seeds > 1}
        _check_resume({**given, "--recipe": recipe != "default", "--together": together, **settings})
    from vaefit.cli import display

    screen = display.choose(quiet)
    start(device, threads, screen)
    from vaefit.sweeping import sweep as sweeping

    try:
        if resume is not None:
            found = sweeping.resume(resume, display=screen)
        else:
            assert rows is not None
            found = sweeping.sweep(
                rows,
                over=values,
                seeds=seeds,
                out=out or next_free(rows, "-sweep"),
                recipe=recipe,
                force=force,
                together=together or sweeping.TOGETHER,
                display=screen,
                **settings,
            )
    finally:
        screen.close()
    return print_json(found.to_dict()) if as_json else typer.echo(_text(found))


def _check_new(rows: str | None, values: dict[str, Any]) -> None:
    if rows is None:
        raise SettingsError("expected DATA to sweep over, or --resume FOLDER; found neither (see --help)")
    if not values:
        raise SettingsError(
            "expected settings to sweep over, --over latent_dim=2,5,10, found none (for seeds alone there is "
            "vaefit fit --seeds)"
        )


def _check_resume(given: dict[str, Any]) -> None:
    extra = sorted(name for name, value in given.items() if value not in (None, False, []))
    if extra:
        raise SettingsError(
            f"--resume goes on with the sweep's own data and settings, found {', '.join(extra)}; leave it out"
        )


def _text(found: Any) -> str:
    from vaefit.cli.tables import table
    from vaefit.sweeping.grid import shown

    lines = found.table()
    best = found.summaries[found.best] if found.best else None
    heads = [
        *found.over,
        "models",
        found.score.replace("_", " "),
        "",
        "rate",
        "",
        "distortion",
        "",
        "seconds",
    ]
    top = None if best is None else max(line[found.score] for line in lines if line["models"])
    rows = [
        [
            *(shown(line[name]) for name in found.over),
            str(line["models"]),
            *_with_error(line, found.score, top),
            *_with_error(line, "rate"),
            *_with_error(line, "distortion"),
            "-" if line["seconds"] is None else f"{line['seconds']:.1f}",
        ]
        for line in lines
    ]
    head = "validation rows; nats per datum; means over seeds +- standard errors; * is the best"
    said = [head, table(heads, rows), *(f"{name}: {why}" for name, why in found.failed.items())]
    if best is not None:
        said.append(f"best: {found.folder / 'best'} -> {found.best} ({best['validation'][found.score]:.2f})")
    return "\n".join(said)


def _with_error(line: dict[str, Any], term: str, best: float | None = None) -> list[str]:
    from vaefit.cli.tables import number

    error = line[f"{term}_se"]
    return [number(line[term], 2, best), "" if error is None else f"+- {error:.2f}"]
