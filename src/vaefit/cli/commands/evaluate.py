"""`vaefit evaluate`: all the numbers on a run, with baselines beside them."""

from typing import Annotated, Any

import typer

from vaefit.cli.app import Data, Device, Json, Quiet, RunFolder, Seed, Threads, app, print_json, start
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command
from vaefit.folder import runs_in

Samples = Annotated[
    int, typer.Option("--samples", metavar="K", min=1, help="draws of q(z|x) a row for the log-likelihood")
]
MostRows = Annotated[
    int | None,
    typer.Option("--rows", metavar="N", min=1, help="look at N rows of DATA, evenly drawn (unset: all)"),
]


@app.command(
    cls=Command,
    epilog="""vaefit evaluate runs/faces faces.tar.gz --include 'test/face/*'
vaefit evaluate runs/faces held-out/ --samples 50000 --ais --json""",
)
@with_reading
def evaluate(
    *,
    run: RunFolder,
    rows: Data,
    samples: Samples = 5000,
    most: MostRows = None,
    ais: Annotated[
        bool, typer.Option("--ais", help="annealed importance sampling too, on 32 rows, and its bracket")
    ] = False,
    baselines: Annotated[bool, typer.Option(help="densities without a network beside it")] = True,
    float32: Annotated[
        bool, typer.Option("--float32", help="no products in bfloat16, also where they would be faster")
    ] = False,
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what a model is worth on DATA it was not fitted to.

    Log-likelihood by importance sampling, ELBO, rate and distortion (nats per datum), bits per dimension,
    reconstruction error, use of the latents, coverage, sample quality; baselines in one table with the model,
    the best of each column starred. Of a table with typed columns also each column given the others. A folder
    of `vaefit fit --seeds` gives mean and standard error over seeds. DATA beyond memory are looked at block
    by block; what takes rows together, as use of the latents, is of some of them, and says of how many.
    """
    from vaefit.cli import display, inputs

    screen = display.choose(quiet)
    start(device, threads, screen)
    from vaefit import evaluating
    from vaefit.run import load

    found = {}
    try:
        for folder in runs_in(run):
            fitted = load(folder)
            dataset = inputs.rows_for(fitted, rows, screen, most, **reading)
            found[folder.name] = evaluating.evaluate(
                fitted,
                dataset,
                samples=samples,
                seed=seed,
                ais=ais,
                with_baselines=baselines,
                float32=float32 or None,
                display=screen,
            )
    finally:
        screen.close()
    if as_json:
        one = next(iter(found.values())).to_dict()
        return print_json(one if len(found) == 1 else _over_seeds(found))
    for name, evaluation in found.items():
        typer.echo((f"{name}\n" if len(found) > 1 else "") + _text(evaluation))
    if len(found) > 1:
        typer.echo(_seeds_text(_over_seeds(found)["seeds"]))
    return None


def _text(found: Any) -> str:
    from vaefit.cli.tables import scores, table

    heads, body = ["", "log p(x)", "", "bits/dim", "MSE", ""], scores(found.table)
    if found.reconstruction_mse is None:  # typed columns have neither bits nor one scale of errors
        heads, *body = [[*line[:3], line[5]] for line in [heads, *body]]
    lines = [
        f"{found.n:,} rows, K = {found.draws}{_products(found)}; nats per datum; * is the best of its column",
        table(heads, body),
        "",
        f"elbo {found.elbo:.2f}  rate {found.rate:.2f}  distortion {found.distortion:.2f}" + _growth(found),
        f"latents{_on(found.latents.rows, found.n)}: {found.latents.active_units} of "
        f"{len(found.latents.mean_variance)} active{_split(found.latents)}",
    ]
    if found.columns:
        lines += ["", _columns(found.columns, found.n), ""]
    if found.coverage:
        shares = ", ".join(f"{name}: {100 * share:.1f}%" for name, share in found.coverage.items())
        lines.append(f"predictive intervals hold {shares}")
    lines += [
        f"samples ({name}{_on(q.rows, found.n)}): precision {q.precision:.2f}  recall {q.recall:.2f}  "
        f"density {q.density:.2f}  coverage {q.coverage:.2f}  "
        f"MMD^2 {q.mmd2:.4f} (p = {q.mmd_p:.3f})  Frechet {q.frechet:.4g}"
        for name, q in found.sample_quality.items()
    ]
    if found.ais:
        a = found.ais
        lines.append(
            f"annealing on {a['rows']} rows: {a['log_likelihood']:.2f} +- {a['log_likelihood_se']:.2f} "
            f"(importance sampling: {a['importance_sampled']:.2f}); on simulated rows between "
            f"{a['simulated_lower']:.2f} and {a['simulated_upper']:.2f} (importance sampling: "
            f"{a['simulated_importance_sampled']:.2f})"
        )
    return "\n".join([*lines, *(f"note: {message}" for message in found.notices)])


def _products(found: Any) -> str:
    return "" if found.products == "float32" else f", decoded in {found.products}"


def _on(rows: int, n: int) -> str:
    """Of how many rows a number is, where it is not of all."""
    return f" on {rows:,} rows" if rows < n else ""


def _columns(columns: dict[str, Any], n: int) -> str:
    """Each column given the others: log-density and error of the model and of each baseline."""
    from vaefit.cli.tables import number, table
    from vaefit.evaluating import MODEL

    names = list(next(iter(columns.values())).baselines)
    heads = ["", "", *(part for name in [MODEL, *names] for part in (name, "error"))]
    lines = []
    for name, column in columns.items():
        each = [column.model, *column.baselines.values()]
        best, least = max(one.log_likelihood for one in each), min(one.error for one in each)
        cells = [
            part
            for one in each
            for part in (number(one.log_likelihood, 3, best), number(one.error, 3, least))
        ]
        lines.append([name, column.type, *cells])
    most = max(column.cells for column in columns.values())
    some = f" (of {most:,} cells at most)" if most < n else ""
    return (
        f"each column given the row's others{some}: log-density (nats), error (share of wrong categories, "
        f"RMSE of numbers in sds)\n{table(heads, lines)}"
    )


def _split(use: Any) -> str:
    # With N rows no more than log N nats of mutual information can be told.
    least = "at least " if use.mutual_information > 0.95 * use.cap else ""
    return (
        f"; rate = mutual information ({least}{use.mutual_information:.2f}) + KL of the aggregate posterior "
        f"to the prior ({'at most ' if least else ''}{use.marginal_kl:.2f})"
    )


def _growth(found: Any) -> str:
    if found.log_likelihood_growth is None:
        return ""
    return f"  growth of log p(x) from K/4 to K {found.log_likelihood_growth:.2f}"


def _over_seeds(found: dict[str, Any]) -> dict[str, Any]:
    """Each run's numbers, and mean and standard error over them."""
    import numpy as np

    from vaefit.evaluating import standard_error

    each = {name: evaluation.to_dict() for name, evaluation in found.items()}
    names = [k for k, v in next(iter(each.values())).items() if isinstance(v, float)]
    columns = {name: np.array([one[name] for one in each.values()]) for name in names}
    seeds = {n: {"mean": float(v.mean()), "standard_error": standard_error(v)} for n, v in columns.items()}
    return {"runs": each, "seeds": seeds}


def _seeds_text(seeds: dict[str, dict[str, float]]) -> str:
    listing = [f"  {name} {s['mean']:.4g} +- {s['standard_error']:.2g}" for name, s in seeds.items()]
    return "\n".join(["mean and standard error over seeds:", *listing])
