"""RESULTS.md: sections of lines, a line replaced by its newer run."""

import datetime
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[1]
DATA = HERE.parents[1] / "shared" / "data"
RESULTS = HERE / "RESULTS.md"
README = HERE.parent / "README.md"
HEAD = "# Numbers\n\nWritten by `make bench`, `bench-gpu` and `bench-quality`; a line is its latest run.\n"
MARKS = "<!-- speed: made by make bench -->", "<!-- end of speed -->"

Line = dict[str, str]


def about(seeds: Iterable[int]) -> Line:
    """What every line says of its run over some seeds."""
    return {"seeds": ", ".join(map(str, seeds)), **made()}


def made() -> Line:
    """When, where and how a line was made."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "command": f"`{shlex.join([f'benchmarks/{Path(sys.argv[0]).name}', *sys.argv[1:]])}`",
    }


def mean_and_error(values: Sequence[float], digits: int = 3) -> str:
    """The mean over seeds and its standard error.

    >>> mean_and_error([1.0, 2.0, 3.0], 2)
    '2.00 ± 0.58'
    """
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.{digits}f}" + (f" ± {error:.{digits}f}" if len(values) > 1 else "")


def say(words: str) -> None:
    """Progress, to standard error."""
    print(words, file=sys.stderr, flush=True)


def machine() -> str:
    """The processor, how many of its cores this process may use, and what JAX computes on."""
    import jax

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    device = jax.devices()[0].device_kind
    on = "" if device == "cpu" else f", {device}"
    return f"{(models or [platform.processor()])[0]}, {cores} core{'s' if cores != 1 else ''}{on}"


def write(title: str, lines: Sequence[Line], *, note: str = "", path: Path = RESULTS, cells: int = 1) -> None:
    """Put lines into the section of this title, each in place of the one with the same first cell (or cells).

    A section whose columns have changed is begun anew; the others stay as they are.
    """
    sections = _sections(path.read_text() if path.exists() else "")
    old = sections.get(title, "")
    columns = list(lines[0])
    head = f"| {' | '.join(columns)} |"
    rows = [row for row in old.splitlines() if row.startswith("| ")] if head in old else []
    found = {_first(row, cells): row for row in rows if row != head}
    found |= {_first(_row(line), cells): _row(line) for line in lines}
    body = [*([note, ""] if note else []), head, "|---" * len(columns) + "|", *found.values()]
    sections[title] = "\n".join(body)
    texts = [f"## {name}\n\n{text}\n" for name, text in sections.items()]
    path.write_text(HEAD + "\n" + "\n".join(texts))


def table(lines: Sequence[Line]) -> str:
    """Lines as a table of Markdown."""
    return "\n".join([_row({c: c for c in lines[0]}), "|---" * len(lines[0]) + "|", *map(_row, lines)])


def write_readme(lines: Sequence[Line]) -> None:
    """Put lines between README's marks, without the columns that are the same for all."""
    before, _, rest = README.read_text().partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    shown = [{c: v for c, v in line.items() if c not in ("date", "machine", "command")} for line in lines]
    where = f"{lines[0]['machine']}, {lines[0]['date']}; medians, ratios with the least and the largest."
    body = f"{MARKS[0]}\n{where}\n\n{table(shown)}\n{MARKS[1]}"
    README.write_text(before + body + after)


def _row(line: Line) -> str:
    return f"| {' | '.join(line.values())} |"


def _first(row: str, cells: int) -> tuple[str, ...]:
    return tuple(row.split(" | ")[:cells])


def _sections(text: str) -> dict[str, str]:
    parts = [part.partition("\n") for part in ("\n" + text).split("\n## ")[1:]]
    return {title.strip(): body.strip() for title, _, body in parts}
