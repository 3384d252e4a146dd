"""What a model of a table is used for besides: `impute`, `score`."""

from typing import Annotated, Any

import typer

from vaefit.cli.app import Data, Device, Json, Out, Quiet, RunFolder, Seed, Threads, app, finish, load_run
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command


@app.command(
    cls=Command,
    epilog="""vaefit impute runs/people people.csv --out full.csv
vaefit impute runs/people people.csv --multiple 5 --out full.csv""",
)
@with_reading
def impute(
    *,
    run: RunFolder,
    rows: Data,
    out: Out,
    multiple: Annotated[
        int, typer.Option(metavar="M", min=0, help="so many completed tables, each drawn (0: the best guess)")
    ] = 0,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="write the ends of each cell's interval beside it as well")
    ] = False,
    level: Annotated[float, typer.Option(metavar="P", help="probability of the intervals")] = 0.9,
    samples: Annotated[int, typer.Option(metavar="N", min=1, help="draws for each missing cell")] = 1000,
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Complete the missing cells of a table.

    Numbers become their conditional mean, categories the likeliest one, given the row's other cells; cells
    that are there come back as they were, to the last byte. A column that DATA lacks is imputed whole.
    """
    from vaefit.cli import display, inputs, output
    from vaefit.row_blocks import InMemory

    output.check_suffix(out, output.TABLES)
    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    options = {"multiple": multiple, "draws": samples, "level": level, "seed": seed, "display": screen}
    held = inputs.held(fitted, rows, screen, impute_missing=True, **reading)
    if isinstance(held, InMemory):
        found = output.write_imputed(fitted, held.dataset, out, options, intervals=intervals)
    else:
        found = output.write_imputed_blocks(held, out, options, intervals=intervals)
    screen.close()
    finish(found, as_json)


@app.command(
    cls=Command,
    epilog="""vaefit score runs/people people.csv --out scores.csv
vaefit score runs/people people.csv --explain --out scores.csv""",
)
@with_reading
def score(
    *,
    run: RunFolder,
    rows: Data,
    out: Out,
    explain: Annotated[
        bool, typer.Option("--explain", help="which cells make a row odd: each given all others")
    ] = False,
    samples: Annotated[int, typer.Option(metavar="K", min=1, help="importance samples a row")] = 500,
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score how odd each row of DATA is.

    A .csv or .parquet has the score, -log p(x) in nats (higher is odder), its standard error and its
    percentile among the training rows.
    """
    from vaefit import blockwise
    from vaefit.cli import display, inputs, output
    from vaefit.row_blocks import InMemory
    from vaefit.scoring import score as scored

    output.check_suffix(out, (".csv", ".parquet"))
    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    options: dict[str, Any] = {"draws": samples, "explain": explain, "seed": seed}
    held = inputs.held(fitted, rows, screen, **reading)
    if isinstance(held, InMemory):
        scores = scored(fitted, held.dataset, **options, display=screen)
        found = output.write_scores(held.dataset, scores, out)
    else:
        found = output.write_blocks(blockwise.scores(held, **options), out)
    screen.close()
    finish(found, as_json)
