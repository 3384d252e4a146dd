"""What there is: `info` of a run, the `recipes`."""

from typing import Any

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
        return print_json({"recipes": listing})
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
