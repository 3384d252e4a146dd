"""What a fitted model is used for: `reconstruct`, `sample`, `encode`, `decode`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vaefit.cli.app import Data, Device, Json, Out, Quiet, RunFolder, Seed, Threads, app, finish, load_run
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command
from vaefit.errors import SettingsError
from vaefit.figures import PICTURES

Dropout = Annotated[bool | None, typer.Option(help="leave dropout on (unset: as the run's settings say)")]
Noise = Annotated[bool, typer.Option("--noise", help="draw from p(x|z) itself instead of showing its mean")]


@app.command(
    cls=Command,
    epilog="""vaefit reconstruct runs/faces faces/ --samples 10 --out faces.png
vaefit reconstruct runs/faces faces.tar.gz --include 'test/face/*' --out all.npz""",
)
@with_reading
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
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Reconstruct rows of DATA, several times each.

    A .png, .pdf or .svg shows input, mean and samples of some rows; a .npz holds those of all rows, a .npy
    the mean of each row's outputs, written block by block where rows do not fit in memory.
    """
    from vaefit.cli import display, inputs, output

    kind = output.check_suffix(out, (*PICTURES, ".npz", ".npy"))
    if kind not in PICTURES and show:
        raise SettingsError(
            f"--row is for pictures, and a {kind} holds all rows; leave it out, or --out a .png"
        )
    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    options: dict[str, Any] = {"samples": samples, "seed": seed, "dropout": dropout, "noise": noise}
    if kind == ".npz":
        why = "a .npz is written at once; let --out end in .npy (the means, block by block)"
        dataset = inputs.read_whole(fitted, rows, screen, why, **reading)
        result = output.reconstruct_to_npz(fitted, dataset, out, options)
    elif kind == ".npy":
        held = inputs.held(fitted, rows, screen, **reading)
        result = output.reconstruct_to_npy(held, out, options, screen)
    else:
        from vaefit.figures.draw import MOST_ROWS

        output.require_picture(fitted)
        few, chosen = inputs.some_rows(fitted, rows, screen, show or (), MOST_ROWS, **reading)
        result = output.reconstruct_to_picture(fitted, few, chosen, out, options)
    finish(result, as_json)


@app.command(
    cls=Command,
    epilog="""vaefit sample runs/faces -n 64 --out samples.png
vaefit sample runs/people -n 10000 --out new.csv
vaefit sample runs/people -n 100 --where 'income=>50K' --where 'age>40' --out new.csv""",
)
def sample(
    *,
    run: RunFolder,
    out: Out,
    n: Annotated[int, typer.Option("-n", "--number", metavar="N", min=1, help="how many")] = 64,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION", help="only rows such as 'age>40' or 'income=>50K' (repeatable; tables)"
        ),
    ] = None,
    noise: Noise = False,
    dropout: Dropout = None,
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw new rows from the prior.

    A .png, .pdf or .svg shows them; a .npz or .npy holds them in the data's units. A .csv, .tsv, .parquet or
    .arrow is a table like the fitted one: same columns, types and categories, drawn from p(x) itself.
    """
    from vaefit.cli import display, output

    kind = output.check_suffix(out, (*PICTURES, ".npz", ".npy", *output.TABLES))
    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    if kind in output.TABLES:
        found = output.write_new_rows(fitted, n, where or (), seed, out, screen)
        screen.close()
        finish(found, as_json)
        return
    if where:
        raise SettingsError("--where is for tables, found another --out; let it end in .csv or .parquet")
    options = {"seed": seed, "dropout": dropout, "noise": noise}
    found = output.write_samples(fitted, n, out, options, screen)
    screen.close()
    finish(found, as_json)


@app.command(cls=Command, epilog="""vaefit encode runs/faces faces/ --out latents.parquet""")
@with_reading
def encode(
    *,
    run: RunFolder,
    rows: Data,
    out: Out,
    reading: dict[str, Any],
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the posterior mean and sd of rows of DATA.

    A .parquet, .csv or .npz has mean and sd of every latent, and names and labels where DATA has them.
    """
    from vaefit.cli import display, inputs, output
    from vaefit.row_blocks import Blocks, InMemory

    kind = output.check_suffix(out, (".parquet", ".csv", ".npz"))
    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    if kind == ".npz":
        why = "a .npz is written at once; let --out end in .parquet or .csv"
        held: InMemory | Blocks = InMemory(fitted, inputs.read_whole(fitted, rows, screen, why, **reading))
    else:
        held = inputs.held(fitted, rows, screen, **reading)
    if isinstance(held, InMemory):
        found = output.write_latents(fitted, held.dataset, out)
    else:
        found = output.write_latent_blocks(held, out)
    screen.close()
    finish(found, as_json)


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

    A .png, .pdf or .svg shows them; a .npz or .npy holds them in the data's units; a .csv, .tsv, .parquet or
    .arrow is a table like the fitted one. LATENTS as a table have the columns mean_0, mean_1, ... (or z_0,
    ..., or as many columns of numbers as there are latents).
    """
    from vaefit.cli import display, output

    output.check_suffix(out, (*PICTURES, ".npz", ".npy", *output.TABLES))
    fitted = load_run(run, device, threads, display.choose(quiet))
    from vaefit import latents

    found = latents.read(rows, fitted.model.posterior.latent_dim)
    finish(output.write_decoded(fitted, found, out), as_json)
