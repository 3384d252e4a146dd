"""`vaefit selfcheck`: proof, on real data, that the numbers are right."""

from typing import Annotated, Any

import typer

from vaefit.cli.app import Device, Json, Quiet, Seed, Threads, app, print_json, start
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command
from vaefit.errors import SettingsError


@app.command(
    cls=Command,
    epilog="""vaefit selfcheck
vaefit selfcheck --data faces.tar.gz --include 'train/face/*' --latent-dim 20""",
)
@with_reading
def selfcheck(
    *,
    rows: Annotated[
        str | None,
        typer.Option("--data", metavar="PATH", help="data to check on (unset: scikit-learn's digits)"),
    ] = None,
    latent_dim: Annotated[int, typer.Option(metavar="N", min=1, help="latents of the linear model")] = 10,
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Prove that ELBO, likelihoods and training are right.

    Linear models against probabilistic PCA in closed form, random networks against quadrature. Prints what
    was checked, how far off it was and the tolerance; exit code 1 if anything is off.
    """
    how = {name: value for name, value in reading.items() if value}
    if rows is None and how:
        raise SettingsError(
            f"--{next(iter(how)).replace('_', '-')} says how --data is read, found no --data; give it"
        )
    from vaefit.cli import display

    screen = display.choose(quiet)
    start(device, threads, screen)
    from vaefit import certify

    try:
        found = certify.selfcheck(rows, latent_dim=latent_dim, seed=seed, display=screen, **how)
    finally:
        screen.close()
    holds = all(one.holds for one in found)
    if as_json:
        print_json({"holds": holds, "certificates": [one.to_dict() for one in found]})
    else:
        typer.echo(f"{certify.table(found)}\n{certify.verdict(found)}")
    if not holds:
        typer.echo(f"vaefit selfcheck: {certify.verdict(found)}", err=True)
        raise typer.Exit(1)
