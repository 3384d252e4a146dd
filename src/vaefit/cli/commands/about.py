"""What there is: `info` of a run, the `recipes`."""

from typing import Annotated, Any

import typer

from vaefit import recipes
from vaefit.cli.app import Json, RunFolder, app, print_json
from vaefit.cli.help import Command


@app.command(cls=Command, epilog="vaefit info runs/faces")
def info(run: RunFolder, as_json: Json = False) -> None:
    """Say what a run is.

    What was fitted to what, with which settings and numbers, and whether it can be resumed.
    """
    from vaefit.info import describe, text

    about = describe(run)
    if as_json:
        return print_json(about)
    return typer.echo(text(about))


@app.command("recipes", cls=Command, epilog="vaefit recipes\nvaefit recipes imputation mine.toml")
def list_recipes(
    named: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME|FILE]...", help="these only; your own files too")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the recipes.

    What each is, from which paper, and all settings that differ from the default, its base's included.
    """
    from vaefit.settings import plain

    found = [recipes.load(name) for name in named or recipes.names()]
    listing = [
        {
            "name": r.name,
            "summary": r.summary,
            "reference": r.reference,
            "base": r.base,
            "differs": {k: plain(v) for k, v in r.differs.items()},
        }
        for r in found
    ]
    if as_json:
        return print_json({"recipes": listing})
    for entry in listing:
        differs = ", ".join(f"{k}={_shown(v)}" for k, v in entry["differs"].items())
        lines = {
            "from": entry["reference"],
            "base": entry["base"],
            "differs": differs or "nothing, this is the default",
        }
        typer.echo(f"{entry['name']}: {entry['summary']}")
        typer.echo("\n".join(f"    {about}: {said}" for about, said in lines.items() if said))
    return None


def _shown(value: Any) -> str:
    return (
        ",".join(map(str, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
