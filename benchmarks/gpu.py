"""`make bench-gpu`: what vaefit does on a GPU, beside PyTorch on the same one.

Needs a GPU that JAX finds in .venv (`pip install "jax[cuda13]"`) and PyTorch finds in benchmarks/.venv.
Lines in RESULTS.md are replaced by their new run. `--small` is a rehearsal: little of all, nothing written.

    .venv/bin/python benchmarks/gpu.py --only mlp
    .venv/bin/python benchmarks/gpu.py --small --any-device
"""

import argparse
import sys
from collections.abc import Callable

import jax
from parts import on_gpu, results
from parts.rounds import Comparison

BESIDE: dict[str, Callable[[on_gpu.Size], list[Comparison]]] = {
    "post": on_gpu.post,
    "mlp": on_gpu.mlp,
    "conv": on_gpu.conv,
    "sweep": on_gpu.many_models,
}
ALONE: dict[str, tuple[str, Callable[[on_gpu.Size], list[results.Line]]]] = {
    "precision": ("GPU: precision of products", on_gpu.precision),
    "likelihood": ("GPU: importance sampling", on_gpu.likelihood),
}


def main() -> int:
    """Measure what is asked for, and write it down."""
    asked = _arguments()
    found = jax.devices()[0].platform
    if found != "gpu" and not asked.any_device:
        print(f"expected a GPU, found {found}; --small --any-device rehearses without one", file=sys.stderr)
        return 2
    size = on_gpu.SMALL if asked.small else on_gpu.Size()
    for name, measure in BESIDE.items():
        if asked.only in (None, name):
            results.say(f"{name} ...")
            _tell("GPU", [comparison.line() for comparison in measure(size)], asked)
    for name, (title, measure) in ALONE.items():
        if asked.only in (None, name):
            results.say(f"{name} ...")
            _tell(title, measure(size), asked)
    return 0


def _tell(title: str, lines: list[results.Line], asked: argparse.Namespace) -> None:
    """Print lines and, unless this is a rehearsal, write them: a run that is cut short keeps what it has."""
    print(results.table(lines), flush=True)
    if not (asked.small or asked.dry):
        results.write(title, lines, cells=2)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=[*BESIDE, *ALONE], help="this measurement alone")
    parser.add_argument("--small", action="store_true", help="a rehearsal: little of everything, not written")
    parser.add_argument("--any-device", action="store_true", help="on whatever device JAX finds")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
