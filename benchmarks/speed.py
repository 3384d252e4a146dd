"""`make bench`: speed beside what a person would use instead, both sides in one run, round by round in turn.

Peers run in an environment of their own (benchmarks/.venv), each in a process that waits for its turn; all
have the processors that this process may use. Lines in RESULTS.md are replaced by their new run; where all is
measured, README's table too.

    .venv/bin/python benchmarks/speed.py --only conv --rounds 3
"""

import argparse
from collections.abc import Callable

from parts import conv_step, mnist_mlp, post_step, results, start_up, streaming, sweep, time_to_quality
from parts.rounds import Comparison

PARTS: dict[str, Callable[[int], list[Comparison]]] = {
    "post": post_step.measure,
    "mlp": mnist_mlp.measure,
    "likelihood": mnist_mlp.measure_likelihood,
    "conv": conv_step.measure,
    "quality": time_to_quality.measure,
    "start": start_up.measure,
}
# What has no other side: a section of its own in RESULTS.md; by how many first cells a line is known.
SECTIONS: dict[str, tuple[str, Callable[[], list[results.Line]], int]] = {
    "sweep": ("Sweep", sweep.rows, 1),
    "streaming": ("Data beyond memory", streaming.lines, 2),
}


def main() -> None:
    """Measure what is asked for, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=[*PARTS, *SECTIONS], help="this measurement alone")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each (each measurement has its own)")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    asked = parser.parse_args()
    lines = []
    for name, measure in PARTS.items():
        if asked.only in (None, name):
            results.say(f"{name} ...")
            lines += [comparison.line() for comparison in measure(asked.rounds)]
    if lines:
        print(results.table(lines))
    if lines and not asked.dry:
        results.write("Speed", lines, cells=2)
        if asked.only is None:
            results.write_readme(lines)
    for name, (title, measure, cells) in SECTIONS.items():
        if asked.only in (None, name):
            results.say(f"{name} ...")
            found = [line | results.made() for line in measure()]
            print(results.table(found))
            if not asked.dry:
                results.write(title, found, cells=cells)


if __name__ == "__main__":
    main()
