"""`probe`: are the latents good features where only few rows have labels?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from vaefit.cli.app import Data, Device, Json, Quiet, RunFolder, Seed, Threads, app, load_run, print_json
from vaefit.cli.flags import with_reading
from vaefit.cli.help import Command
from vaefit.errors import SettingsError
from vaefit.figures import PICTURES

_WHY_WHOLE = "probe takes all rows at once"


@app.command(
    cls=Command,
    epilog="""vaefit probe runs/faces cbcl-train.tar.gz --test cbcl-test.tar.gz --out runs/faces-probe
vaefit probe runs/mnist mnist.npz --key x_train --labels y_train --test-key x_test --test-labels y_test
vaefit probe runs/wine wine.csv --labels quality --per-class 5,10,20 --out wine.png""",
)
@with_reading
def probe(
    *,
    run: RunFolder,
    rows: Data,
    labels: Annotated[
        str,
        typer.Option(
            metavar="folders|COLUMN|FILE",
            help="the folders of images, a column or array of DATA, or a file with one label a line",
        ),
    ] = "folders",
    test: Annotated[
        str | None,
        typer.Option(metavar="SHARE|PATH", help="share of DATA, or other data, to test on (unset: 0.3)"),
    ] = None,
    test_key: Annotated[
        str | None, typer.Option(metavar="NAME", help="--key of the test data (unset: as for DATA)")
    ] = None,
    test_labels: Annotated[
        str | None,
        typer.Option(metavar="COLUMN|FILE", help="--labels of the test data (unset: as for DATA)"),
    ] = None,
    per_class: Annotated[
        str, typer.Option(metavar="N,N,...", help="numbers of labels a class")
    ] = "5,10,50,100,1000",
    draws: Annotated[int, typer.Option(metavar="N", min=2, help="draws of labelled rows for each")] = 20,
    most_test: Annotated[int, typer.Option(metavar="N", min=2, help="test rows, at most")] = 10_000,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER|FILE", help="folder for probe.png and probe.json, or a .png"
        ),
    ] = None,
    reading: dict[str, Any],
    seed: Seed = 0,
    device: Device = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Test the latents as features for few labels.

    Logistic regression with few labels a class, on posterior means, on the inputs themselves, and on PCA and
    random features of the same size. Accuracy, balanced accuracy and AUC on test rows; same draws for all.
    """
    sizes = _whole_numbers(per_class)
    from vaefit.cli import display, inputs, output

    if out is not None and out.suffix:
        output.check_suffix(out, PICTURES)
    screen = display.choose(quiet)
    fitted = load_run(run, device, threads, screen)
    from vaefit import probing

    try:
        given = inputs.read_whole(fitted, rows, screen, _WHY_WHOLE, labels=labels, **reading)
        found = probing.probe(
            fitted,
            given,
            test=_test(fitted, rows, screen, test, test_key, test_labels or labels, reading),
            per_class=sizes,
            draws=draws,
            most_test=most_test,
            seed=seed,
            display=screen,
        )
    finally:
        screen.close()
    if out is not None:
        output.write_probe(found, out)
    if as_json:
        return print_json({"run": str(run), **found.to_dict(), "out": None if out is None else str(out)})
    return typer.echo(str(found) + (f"\n{out}" if out else ""))


def _test(
    fitted: Any,
    rows: str,
    screen: Any,
    test: str | None,
    key: str | None,
    labels: str,
    reading: dict[str, Any],
) -> Any:
    """A share of DATA, or other data read in the same way but for its key and labels."""
    from vaefit.cli import inputs

    share = _share("0.3" if test is None and key is None else test or rows)
    if share is not None:
        if key is not None:
            raise SettingsError(f"--test-key is for other data, found --test {test}; leave one of them out")
        return share
    changed = {**reading, "key": key or reading["key"], "limit": None}
    return inputs.read_whole(fitted, test or rows, screen, _WHY_WHOLE, labels=labels, **changed)


def _share(test: str) -> float | None:
    try:
        return float(test)
    except ValueError:
        return None


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(piece) for piece in text.split(","))
    except ValueError:
        raise SettingsError(f"--per-class must be whole numbers such as 5,10,50, found {text!r}") from None
