"""From typing a command to its first sign of life: `fit`'s first line of progress, and `--help`."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from parts.results import DATA
from parts.rounds import Comparison, take_turns

VAEFIT = Path(sys.executable).with_name("vaefit")
FACES = DATA / "cbcl" / "cbcl-train.tar.gz"
LIMITS = {"an empty compilation cache": 8.0, "a warm one": 5.0, "`--help`": 0.5}
ROUNDS = 5


def fit(out: Path, *more: str) -> list[str | Path]:
    """The command that fits the faces, all else by default."""
    return [VAEFIT, "fit", FACES, "--include", "train/face/*", "--out", out, *more]


def cached_in(folder: str | Path) -> dict[str, str]:
    """The environment of a command whose compilations are kept in this folder."""
    return {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(folder)}


def first_progress(cache: str | Path) -> float:
    """Seconds until the first line of progress, which has the first step's loss; the fit is then ended."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            fit(Path(folder) / "run"), stderr=subprocess.PIPE, text=True, env=cached_in(cache)
        )
        assert process.stderr is not None
        line = next((line for line in process.stderr if line.startswith("epoch ")), None)
        found = time.perf_counter() - began
        process.kill()
        process.communicate()
    if line is None:
        raise RuntimeError("the fit ended without a line of progress")
    return found


def cold() -> float:
    """With an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        return first_progress(cache)


def help_() -> float:
    """Until all of it is there."""
    began = time.perf_counter()
    subprocess.run([VAEFIT, "--help"], capture_output=True, check=True)
    return time.perf_counter() - began


def measure(rounds: int) -> list[Comparison]:
    """Seconds, each beside what is allowed."""
    with tempfile.TemporaryDirectory() as cache:
        first_progress(cache)
        sides = dict(zip(LIMITS, (cold, lambda: first_progress(cache), help_), strict=True))
        found = take_turns(sides, rounds or ROUNDS)
    return [
        Comparison(
            f"start-up, {name}" if name.startswith("`") else f"first line of progress, {name}",
            f"{limit:g} s allowed",
            "s",
            found[name],
            [limit] * len(found[name]),
            1.0,
            more_is_better=False,
        )
        for name, limit in LIMITS.items()
    ]
