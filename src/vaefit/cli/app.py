"""The commands. Each parses, calls what Python users can call, and prints."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vaefit import __version__, recipes
from vaefit.cli.flags import with_settings
from vaefit.cli.help import Command
from vaefit.errors import SettingsError

app = typer.Typer(
    name="vaefit",
    help="Fit variational autoencoders to your own images and tables.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    pretty_exceptions_enable=False,
)

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="folder of a run, the --out of `vaefit fit`")]
Data = Annotated[
    str, typer.Argument(metavar="DATA", help="folder or archive of images, image, .npy, .npz, .csv, ...")
]
OptionalData = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help="folder or archive of images, image, .npy, .npz, .csv, ..."),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="file to write")]
Include = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="only files whose path matches this pattern (repeatable)"),
]
Key = Annotated[str | None, typer.Option(metavar="NAME", help="name of the array inside a .npz or .mat file")]
Size = Annotated[str | None, typer.Option(metavar="HxW", help="resize images (unset: as in the fit)")]
Grayscale = Annotated[bool | None, typer.Option(help="convert images to grey (unset: as in the fit)")]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="read only the first N rows")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="leave out unreadable images, and say how many")]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="the one seed")]
Dropout = Annotated[bool | None, typer.Option(help="leave dropout on (unset: as the run's settings say)")]
Noise = Annotated[bool, typer.Option("--noise", help="draw from p(x|z) itself instead of showing its mean")]
Device = Annotated[str | None, typer.Option(metavar="cpu|gpu|tpu", help="where to compute")]
Threads = Annotated[int | None, typer.Option(metavar="N", help="processors to use")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress, no notices")]
Json = Annotated[bool, typer.Option("--json", help="print the result as one JSON object")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
) -> None:
    if version:
        typer.echo(f"vaefit {__version__}")
        raise typer.Exit


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
            **settings,
        }
        _check_resume({name for name, value in given.items() if value and name != "epochs"}, recipe)
    elif rows is None:
        raise SettingsError("expected DATA to fit, or --resume RUN; found neither (see --help)")
    from vaefit.cli import display

    screen = display.choose(quiet)
    _start(device, threads, screen)
    keywords: dict[str, Any] = {"recipe": recipe, "force": force, "init_from": init_from, **settings}
    if dry_run:
        return _dry_run(rows, out, screen, as_json, keywords)
    from vaefit import fitting

    # Passed on only where it is asked for.
    more: dict[str, Any] = {"display": screen, **({"tensorboard": True} if tensorboard else {})}
    try:
        if resume is not None:
            fitted = fitting.resume(resume, epochs=typed.epochs if "epochs" in settings else None, **more)
        else:
            assert rows is not None
            fitted = fitting.fit(rows, out=out or _next_free(rows), **keywords, **more)
    finally:
        screen.close()
    if as_json:
        return _print_json(fitted.summary)
    return _print_summary(fitted.summary)


def _dry_run(
    rows: str | None, out: Path | None, screen: Any, as_json: bool, keywords: dict[str, Any]
) -> None:
    from vaefit.dry_run import plan

    try:
        found = plan(rows, out=out, display=screen, **keywords)
    finally:
        screen.close()
    if as_json:
        return _print_json(found)
    return _print_plan(found)


@app.command(
    cls=Command,
    epilog="""vaefit reconstruct runs/faces faces/ --samples 10 --out faces.png
vaefit reconstruct runs/faces faces.tar.gz --include 'test/face/*' --out all.npz""",
)
def reconstruct(
    *,
    run: RunFolder,
    rows: Data,
    out: Out,
    samples: Annotated[int, typer.Option(metavar="N", min=1, help="outputs for each row")] = 10,
    show: Annotated[
        list[int] | None,
        typer.Option(
            "--row", metavar="I", help="row to draw, from 0 (repeatable; unset: ten, spread evenly)"
        ),
    ] = None,
    noise: Noise = False,
    dropout: Dropout = None,
    include: Include = None,
    size: Size = None,
    grayscale: Grayscale = None,
    limit: Limit = None,
    key: Key = None,
    skip_bad: SkipBad = False,
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Reconstruct rows of DATA, several times each.

    A .png, .pdf or .svg shows input, mean and samples of some rows; a .npz holds all rows.
    """
    from vaefit.cli import display, output

    kind = output.check_suffix(out, (".png", ".pdf", ".svg", ".npz"))
    if kind == ".npz" and show:
        raise SettingsError("--row is for pictures, and a .npz holds all rows; leave it out, or --out a .png")
    screen = display.choose(quiet)
    fitted = _load(run, device, threads, screen)
    dataset = output.read_for(
        fitted,
        rows,
        screen,
        include=include,
        size=size,
        grayscale=grayscale,
        limit=limit,
        key=key,
        skip_bad=skip_bad,
    )
    options: dict[str, Any] = {"samples": samples, "seed": seed, "dropout": dropout, "noise": noise}
    if kind == ".npz":
        result = output.reconstruct_to_npz(fitted, dataset, out, options)
    else:
        result = output.reconstruct_to_picture(fitted, dataset, out, show, options)
    _finish(result, as_json)


@app.command(cls=Command, epilog="""vaefit sample runs/faces -n 64 --out samples.png""")
def sample(
    *,
    run: RunFolder,
    out: Out,
    n: Annotated[int, typer.Option("-n", "--number", metavar="N", min=1, help="how many")] = 64,
    noise: Noise = False,
    dropout: Dropout = None,
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw new rows from the prior.

    A .png, .pdf or .svg shows them; a .npz or .npy holds them in the data's units.
    """
    from vaefit.cli import display, output

    output.check_suffix(out, (".png", ".pdf", ".svg", ".npz", ".npy"))
    fitted = _load(run, device, threads, display.choose(quiet))
    drawn = fitted.sample(n, seed=seed, dropout=dropout, noise=noise)
    _finish(output.write_samples(fitted, drawn, out), as_json)


@app.command(cls=Command, epilog="""vaefit encode runs/faces faces/ --out latents.parquet""")
def encode(
    *,
    run: RunFolder,
    rows: Data,
    out: Out,
    include: Include = None,
    size: Size = None,
    grayscale: Grayscale = None,
    limit: Limit = None,
    key: Key = None,
    skip_bad: SkipBad = False,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the posterior mean and sd of rows of DATA.

    A .parquet, .csv or .npz has mean and sd of every latent, and names and labels where DATA has them.
    """
    from vaefit.cli import display, output

    output.check_suffix(out, (".parquet", ".csv", ".npz"))
    screen = display.choose(quiet)
    fitted = _load(run, device, threads, screen)
    dataset = output.read_for(
        fitted,
        rows,
        screen,
        include=include,
        size=size,
        grayscale=grayscale,
        limit=limit,
        key=key,
        skip_bad=skip_bad,
    )
    _finish(output.write_latents(fitted, dataset, out), as_json)


@app.command(
    cls=Command,
    epilog="""vaefit decode runs/faces latents.csv --out decoded.png
vaefit decode runs/faces latents.npz --out decoded.npz""",
)
def decode(
    *,
    run: RunFolder,
    rows: Annotated[
        Path,
        typer.Argument(metavar="LATENTS", help="a .csv, .parquet or .npz of `vaefit encode`, or a .npy"),
    ],
    out: Out,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn latents into rows: the decoder's mean for each.

    A .png, .pdf or .svg shows them; a .npz or .npy holds them in the data's units. A table has the columns
    mean_0, mean_1, ... (or z_0, ..., or as many columns of numbers as there are latents).
    """
    from vaefit.cli import display, output

    output.check_suffix(out, (".png", ".pdf", ".svg", ".npz", ".npy"))
    fitted = _load(run, device, threads, display.choose(quiet))
    from vaefit import latents

    found = latents.read(rows, fitted.settings.latent_dim)
    _finish(output.write_decoded(fitted, found, out), as_json)


@app.command(cls=Command, epilog="vaefit info runs/faces")
def info(run: RunFolder, as_json: Json = False) -> None:
    """Say what a run is.

    What was fitted to what, with which settings and numbers, and whether it can be resumed.
    """
    from vaefit.info import describe, text

    about = describe(run)
    if as_json:
        return _print_json(about)
    return typer.echo(text(about))


@app.command("recipes", cls=Command, epilog="vaefit recipes")
def list_recipes(as_json: Json = False) -> None:
    """List the recipes.

    What each is, from which paper, and which settings differ from the default.
    """
    from vaefit.settings import plain

    found = [recipes.load(name) for name in recipes.names()]
    listing = [
        {
            "name": r.name,
            "summary": r.summary,
            "reference": r.reference,
            "differs": {k: plain(v) for k, v in r.differs.items()},
        }
        for r in found
    ]
    if as_json:
        return _print_json({"recipes": listing})
    for entry in listing:
        typer.echo(f"{entry['name']}: {entry['summary']}\n    from: {entry['reference']}")
        differs = ", ".join(f"{k}={_shown(v)}" for k, v in entry["differs"].items())
        typer.echo(f"    differs: {differs or 'nothing, this is the default'}")
    return None


def _shown(value: Any) -> str:
    return (
        ",".join(map(str, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def _check_resume(given: set[str], recipe: str) -> None:
    extra = sorted(given | ({"--recipe"} if recipe != "default" else set()))
    if extra:
        raise SettingsError(
            f"--resume goes on with the run's own data and settings, found {', '.join(extra)}; only --epochs "
            "may be given with it (--init-from starts a new run from old weights)"
        )


def _start(device: str | None, threads: int | None, screen: Any) -> None:
    from vaefit import backend

    for message in backend.configure(device, threads):
        screen.notice(message)
    backend.check_device()


def _load(folder: Path, device: str | None, threads: int | None, screen: Any) -> Any:
    _start(device, threads, screen)
    from vaefit.run import load

    return load(folder)


def _next_free(rows: str) -> Path:
    stem = Path(rows).name.split(".")[0] or Path(rows).resolve().name or "run"
    names = [stem, *(f"{stem}-{i}" for i in range(2, 10_000))]
    return next(p for p in (Path("runs") / n for n in names) if not p.exists())


def _finish(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return _print_json(result)
    return typer.echo(result["out"])


def _print_summary(summary: dict[str, Any]) -> None:
    typer.echo(summary["run"])
    for name in ("train", "validation"):
        if summary[name]:
            numbers = "  ".join(f"{k} {v:.2f}" for k, v in summary[name].items())
            typer.echo(f"{name:>10}: {numbers} (nats per datum)")
    typer.echo(
        f"{summary['epochs']} epochs in {summary['seconds']:.1f} s, kept epoch {summary['best_epoch']}; "
        f"read {Path(summary['run']) / 'README.md'}"
    )


def _print_plan(found: dict[str, Any]) -> None:
    memory = found["memory_mib"]
    parts = ", ".join(f"{name} {mib:.1f}" for name, mib in memory.items() if name != "total")
    lines = {
        "data": f"{found['path']}: {found['rows']} training rows, {found['validation_rows']} validation rows "
        f"of {'x'.join(map(str, found['shape']))} ({found['transform']})",
        "model": f"likelihood {found['likelihood']}, {found['parameters']:,} parameters",
        "memory": f"{memory['total']:.1f} MiB ({parts}), and the activations of a batch",
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


def _print_json(result: dict[str, Any]) -> None:
    typer.echo(json.dumps(result))
