"""Fits of rows that are read block by block: memory, time a row by the number of rows, waiting.

`python benchmarks/parts/streaming.py [ROWS ...]`, for example 1e4 1e6 2e7; 2e7 rows of 50 float32 columns are
a file of 4 GB. Every size is a process of its own, and its largest resident memory is that of the process.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS, LATENTS = 50, 8
SIZES = (10_000, 100_000, 1_000_000)
PIECE = 100_000
# Rows seen at least, so that short epochs are timed often.
SEEN = 2_000_000
LAYERS = ["--latent-dim", "8", "--encoder-layers", "128", "--decoder-layers", "128"]
SETTINGS = [*LAYERS, "--batch-size", "500", "--early-stopping", "0", "--no-report", "--quiet", "--json"]
BETWEEN = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(ended)
"""


def pieces(n: int) -> Iterator[np.ndarray]:
    """Rows of a linear model of 8 latents with noise, a piece at a time."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(LATENTS, COLUMNS)).astype(np.float32)
    for start in range(0, n, PIECE):
        size = min(PIECE, n - start)
        z = rng.standard_normal((size, LATENTS), dtype=np.float32)
        yield z @ weights + 0.5 * rng.standard_normal((size, COLUMNS), dtype=np.float32)


def write(n: int, path: Path) -> None:
    """The rows as .npy or .parquet, never all of them in memory."""
    if path.suffix == ".parquet":
        import polars as pl

        from vaefit.data.streams import write_blocks

        names = [f"x{i}" for i in range(COLUMNS)]
        write_blocks((pl.DataFrame(piece, schema=names) for piece in pieces(n)), path)
        return
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n, COLUMNS)}
        np.lib.format.write_array_header_1_0(file, header)
        for piece in pieces(n):
            piece.tofile(file)


def measured(n: int, path: Path, out: Path) -> dict[str, Any]:
    """One fit, in a process of its own."""
    epochs = max(1, min(20, SEEN // n))
    command = [sys.executable, "-m", "vaefit", "fit", str(path), "--stream", "--out", str(out)]
    # Through a process between them: what is resident before a program starts counts as that of its process.
    done = subprocess.run(
        [sys.executable, "-c", BETWEEN, *command, "--epochs", str(epochs), *SETTINGS],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    trained = [record for record in history if "loss" in record]
    # The first epoch compiles, where there are others.
    timed = trained[1:] or trained
    return {
        "rows": n,
        "format": path.suffix,
        "epochs": len(trained),
        "MiB resident": int(done.stdout) / 1024,
        "microseconds a row": 1e6 / statistics.median(record["rows_per_second"] for record in timed),
        "waiting": statistics.median(record["waiting"] for record in timed),
    }


def rows(sizes: Iterable[int] = SIZES, formats: Iterable[str] = (".npy",)) -> Iterator[dict[str, Any]]:
    """A line of the table for every format and size."""
    for suffix in formats:
        for n in sizes:
            with tempfile.TemporaryDirectory(prefix="vaefit-bench-") as folder:
                path = Path(folder) / f"rows{suffix}"
                write(n, path)
                yield measured(n, path, Path(folder) / "run")


def lines() -> list[dict[str, str]]:
    """Both formats at all sizes, in words."""
    return [in_words(found) for found in rows(formats=(".npy", ".parquet"))]


def in_words(found: dict[str, Any]) -> dict[str, str]:
    """A measurement as a line of the table."""
    return {
        "rows": f"{found['rows']:,}",
        "format": found["format"],
        "epochs": str(found["epochs"]),
        "MiB resident": f"{found['MiB resident']:.0f}",
        "microseconds a row": f"{found['microseconds a row']:.2f}",
        "device waits": f"{found['waiting']:.1%}",
    }


def main() -> None:
    """Print the table."""
    sizes = [int(float(word)) for word in sys.argv[1:] if not word.startswith(".")] or SIZES
    formats = [word for word in sys.argv[1:] if word.startswith(".")] or [".npy"]
    print("| rows | format | epochs | MiB resident | microseconds a row | device waits |")
    print("|---|---|---|---|---|---|")
    for found in rows(sizes, formats):
        print(f"| {' | '.join(in_words(found).values())} |", flush=True)


if __name__ == "__main__":
    main()
