"""`vaefit fit`: from data to a run folder; a dry run says what it would take."""

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from vaefit import recipes
from vaefit.cli.app import Device, Json, OptionalData, Quiet, Threads, app, importing, print_json, start
from vaefit.cli.flags import with_settings
from vaefit.cli.help import Command
from vaefit.cli.stopping import stopping_on_sigterm, supervise
from vaefit.errors import SettingsError
from vaefit.folder import README, REPORT
from vaefit.wording import counted


@app.command(
    cls=Command,
    epilog="""vaefit fit faces/ --out runs/faces
vaefit fit digits.npz --key images --latent-dim 2 --encoder-layers 256,64 --decoder-layers 64,256
vaefit fit faces.tar.gz --include 'train/face/*' --recipe faces-2016 --epochs 30
vaefit fit faces/ --latent-dim 50 --dry-run
vaefit fit --resume runs/faces --epochs 200""",
)
@with_settings
def fit(
    *,
    rows: OptionalData = None,
    settings: dict[str, Any],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="folder of the run (unset: the next free runs/NAME)"
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="see `vaefit recipes`")] = "default",
    force: Annotated[bool, typer.Option("--force", help="overwrite a run in the folder")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="go on with a run, its data and settings; --epochs is the new total"
        ),
    ] = None,
    init_from: Annotated[
        Path | None, typer.Option(metavar="RUN", help="start from the weights and settings of another run")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what it would take (memory, time), and write no run")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="event files for TensorBoard too, in RUN/tensorboard")
    ] = False,
    report: Annotated[bool, typer.Option(help="a page to look at, RUN/report.html, at the end")] = True,
    watch: Annotated[
        bool, typer.Option("--watch", help="show it as it goes on, in a page on this machine")
    ] = False,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="fit N runs, seeds --seed and up, into FOLDER/seed-S")
    ] = 1,
    coordinator: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="many processes: where the first is (Slurm, Open MPI: found)"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="how many processes fit together")
    ] = None,
    process: Annotated[
        int | None, typer.Option(metavar="I", min=0, help="which of them this is, from 0")
    ] = None,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit a VAE to DATA and write a run folder."""
    from vaefit.settings import Settings

    # Mistyped settings are answered before JAX is imported or a file is read.
    typed = Settings.of(**settings)
    recipes.load(recipe).settings.with_(**settings)
    if resume is not None:
        given = {
            "DATA": rows,
            "--out": out,
            "--init-from": init_from,
            "--force": force,
            "--dry-run": dry_run,
            "--seeds": seeds > 1,
            **settings,
        }
        _check_resume({name for name, value in given.items() if value and name != "epochs"}, recipe)
    elif rows is None:
        raise SettingsError("expected DATA to fit, or --resume RUN; found neither (see --help)")
    if dry_run:
        _check_dry_run({"--tensorboard": tensorboard, "--watch": watch, "--seeds": seeds > 1})
    if watch:
        _check_watch({"--seeds": seeds > 1, "--quiet": quiet})
    from vaefit.cli import display
    from vaefit.processes import place

    mine = place(coordinator, processes, process)
    follows = mine is not None and mine.process > 0
    if rows is not None and not dry_run:
        out = out or next_free(rows)
    if mine is not None:
        _check_many({"--seeds": seeds > 1, "--dry-run": dry_run})
        supervise(mine, resume or out)
    screen = display.choose(quiet or follows)
    keywords: dict[str, Any] = {"recipe": recipe, "force": force, "init_from": init_from, **settings}
    # Passed on only where it is asked for.
    told = partial(_watched_at, screen) if watch else None
    asked = {"tensorboard": tensorboard, "report": report, "watch": told}
    more: dict[str, Any] = {"display": screen, **{name: v for name, v in asked.items() if v}}
    with stopping_on_sigterm(resume or out), contextlib.closing(screen):
        with importing():
            start(device, threads, screen, mine)
            from vaefit import fitting
        if dry_run:
            return _dry_run(rows, out, screen, as_json, keywords)

        if resume is not None:
            runs = [fitting.resume(resume, epochs=typed.epochs if "epochs" in settings else None, **more)]
        else:
            assert rows is not None and out is not None
            if seeds > 1:
                runs = fitting.fit_seeds(rows, seeds=seeds, out=out, **keywords, **more)
            else:
                runs = [fitting.fit(rows, out=out, **keywords, **more)]
    return None if follows else _print_runs(runs, as_json)


def _print_runs(runs: Sequence[Any], as_json: bool) -> None:
    if as_json:
        return print_json(runs[0].summary if len(runs) == 1 else {"runs": [run.summary for run in runs]})
    for run in runs:
        _print_summary(run.summary)
    return None


def _watched_at(screen: Any, address: str) -> None:
    from vaefit.explore.server import open_browser

    screen.notice(f"watch it at {address}")
    open_browser(address)


def _dry_run(
    rows: str | None, out: Path | None, screen: Any, as_json: bool, keywords: dict[str, Any]
) -> None:
    from vaefit.dry_run import plan

    found = plan(rows, out=out, display=screen, **keywords)
    screen.close()
    if as_json:
        return print_json(found)
    return _print_plan(found)


def _check_resume(given: set[str], recipe: str) -> None:
    extra = sorted(given | ({"--recipe"} if recipe != "default" else set()))
    if extra:
        raise SettingsError(
            f"--resume goes on with the run's own data and settings, found {', '.join(extra)}; only --epochs "
            "may be given with it (--init-from starts a new run from old weights)"
        )


def _check_dry_run(given: dict[str, bool]) -> None:
    extra = [name for name, value in given.items() if value]
    if extra:
        raise SettingsError(
            f"--dry-run is about one run and writes nothing, found {' and '.join(extra)}; leave out one or "
            "the other"
        )


def _check_watch(given: dict[str, bool]) -> None:
    extra = [name for name, value in given.items() if value]
    if extra:
        raise SettingsError(
            f"--watch is about one run and tells the address of its page, found {' and '.join(extra)}; leave "
            "out one or the other"
        )


def _check_many(given: dict[str, bool]) -> None:
    extra = [name for name, value in given.items() if value]
    if extra:
        raise SettingsError(
            f"several processes fit one run, found {' and '.join(extra)}; leave out one or the other"
        )


def next_free(rows: str, ending: str = "") -> Path:
    """The first folder in runs/ that is named by the data, and this ending, and is not there yet."""
    stem = Path(rows).name.split(".")[0] or Path(rows).resolve().name or "run"
    stem += ending
    names = [stem, *(f"{stem}-{i}" for i in range(2, 10_000))]
    return next(p for p in (Path("runs") / n for n in names) if not p.exists())


def _print_summary(summary: dict[str, Any]) -> None:
    typer.echo(summary["run"])
    for name in ("train", "validation"):
        if summary[name]:
            numbers = "  ".join(f"{k} {v:.2f}" for k, v in summary[name].items())
            typer.echo(f"{name:>10}: {numbers} (nats per datum{_on_some(summary, name)})")
    epochs = counted(summary["epochs"], "epoch", "epochs")
    typer.echo(
        f"{epochs} in {summary['seconds']:.1f} s, kept epoch {summary['best_epoch']}; "
        f"read {_page(Path(summary['run']))}"
    )
    for finding in summary["findings"]:
        typer.echo(finding["line"])


def _on_some(summary: dict[str, Any], name: str) -> str:
    """Of how many rows the training ELBO is, where these are some of those read block by block."""
    some = summary.get("train_rows") if name == "train" else None
    return "" if some is None else f", {some:,} rows"


def _page(folder: Path) -> Path:
    """What to look at: the page, where there is one."""
    page = folder / REPORT
    return page if page.exists() else folder / README


def _print_plan(found: dict[str, Any]) -> None:
    memory = found["memory_mib"]
    parts = ", ".join(f"{name} {mib:.1f}" for name, mib in memory.items() if name != "total")
    lines = {
        "data": f"{found['path']}: {found['rows']} training rows, {found['validation_rows']} validation rows "
        f"of {'x'.join(map(str, found['shape']))} ({found['transform']})",
        "model": f"likelihood {found['likelihood']}, {found['parameters']:,} parameters",
        "memory": f"{memory['total']:.1f} MiB ({parts})",
        "steps": f"{found['steps_per_epoch']} an epoch, of {found['batch_size']} rows, "
        f"{1000 * found['seconds_per_step']:.3g} ms each",
        "time": f"{found['seconds_per_epoch']:.3g} s an epoch; {found['epochs']} epochs, the most there will "
        f"be: {_duration(found['seconds_in_all'])}, {found['seconds_to_compile']:.1f} s of it compiling",
    }
    typer.echo("\n".join(f"{name + ':':<8}{line}" for name, line in lines.items()))
    typer.echo("nothing was written; leave --dry-run out to fit")


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
