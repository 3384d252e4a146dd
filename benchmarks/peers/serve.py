"""A peer's process: it runs as many steps as it is told to, when it is told to, and says how long they took.

Run in the environment of benchmarks/requirements.txt, by `make bench`.
"""

import json
import os
import sys
import time
from collections.abc import Callable

# As many threads as ours has: those of the processors that this process may use.
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serve(run: Callable[[int], object], version: str) -> None:
    """Answer each line of standard input, a number of steps, by their seconds; a fifth of them warm up."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    print(json.dumps({"version": version}), file=answers, flush=True)
    for line in sys.stdin:
        steps = int(line)
        run(max(1, steps // 5))
        began = time.perf_counter()
        run(steps)
        print(json.dumps({"seconds": time.perf_counter() - began}), file=answers, flush=True)
