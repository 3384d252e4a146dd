"""A folder of small images, a run fitted to it, and the command line called in this process."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

SMALL = ("--latent-dim", "2", "--encoder-layers", "8", "--decoder-layers", "8")


class Said(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as the one JSON object it must be."""
        return json.loads(self.out)


def call(*arguments: object) -> Said:
    """Run the command line in this process; a fit writes its page only where a test asks for it."""
    from vaefit.cli.main import run

    if arguments and arguments[0] == "fit" and "--report" not in arguments:
        arguments = (*arguments, "--no-report")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(a) for a in arguments])
    return Said(code, out.getvalue(), err.getvalue())


def write_images(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """PNG files in a folder for each label."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / f"digit-{label}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


@pytest.fixture(scope="session")
def vaefit() -> Callable[..., Said]:
    """The command line: `vaefit("fit", path, ...)` gives exit code, standard output and standard error."""
    return call


@pytest.fixture(scope="session")
def folder(digits: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 digits as PNG files, in one folder for each of three digits."""
    return write_images(tmp_path_factory.mktemp("data") / "digits", digits[:60], np.arange(60) % 3)


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Flags of a model that is fitted in a moment."""
    return (*SMALL, "--epochs", "2", "--batch-size", "25")


@pytest.fixture(scope="session")
def fit_said(folder: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What `vaefit fit --json` said for the run that most tests share."""
    out = tmp_path_factory.mktemp("runs") / "shared"
    return call("fit", folder, "--out", out, "--json", *small)


@pytest.fixture(scope="session")
def fitted(fit_said: Said) -> Path:
    """The folder of the shared run."""
    assert fit_said.code == 0, fit_said.err
    return Path(fit_said.json["run"])
