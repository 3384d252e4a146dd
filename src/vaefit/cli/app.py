"""The command line's root, and the arguments and steps that commands share."""

import contextlib
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Annotated, Any

import typer

from vaefit import __version__
from vaefit.processes import Place

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
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="the one seed")]
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


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """While libraries are imported: what they make stays, so there is nothing to collect, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def start(device: str | None, threads: int | None, screen: Any, place: Place | None = None) -> None:
    """Choose the device and meet the other processes; the last moment before JAX is used."""
    from vaefit import backend, processes

    for message in backend.configure(device, threads):
        screen.notice(message)
    if place is not None:
        waiting = Timer(2.0, screen.notice, [f"waiting for the other processes, {place.processes} in all"])
        waiting.start()
        try:
            processes.join(place)
        finally:
            waiting.cancel()
    backend.check_device()


def load_run(folder: Path, device: str | None, threads: int | None, screen: Any) -> Any:
    """A run from its folder, on the device that is asked for."""
    start(device, threads, screen)
    from vaefit.run import load

    return load(folder)


def finish(result: dict[str, Any], as_json: bool) -> None:
    """Say what was written."""
    if as_json:
        return print_json(result)
    out = result["out"]
    return typer.echo("\n".join(out) if isinstance(out, list) else out)


def print_json(result: dict[str, Any]) -> None:
    """The result as one JSON object."""
    typer.echo(json.dumps(result))
