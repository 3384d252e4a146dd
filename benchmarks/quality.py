"""`make bench-quality`: published numbers, imputation, synthetic rows and anomalies, beside their baselines.

Data come from ../shared/data. Each line in RESULTS.md is replaced by its new run. `--only` picks a part, or
one line of it.

    .venv/bin/python benchmarks/quality.py --only anomaly --seeds 5
    .venv/bin/python benchmarks/quality.py --only tomczak-welling-2018-mnist --minutes 30 --seed 0
"""

import argparse
from pathlib import Path

from parts import anomaly, imputation, published, synthetic

TABLES = {"imputation": imputation, "adult": synthetic, "anomaly": anomaly}


def main() -> None:
    """Measure what is asked for."""
    asked = _arguments()
    if asked.only in (None, "published", *published.NAMES):
        published.main(asked)
    seeds = tuple(range(asked.seed, asked.seed + asked.seeds))
    for name, part in TABLES.items():
        if asked.only in (None, name):
            part.main(seeds, None)
        elif asked.only in part.NAMES:
            part.main(seeds, asked.only)


def _arguments() -> argparse.Namespace:
    lines = [name for part in (published, *TABLES.values()) for name in part.NAMES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=["published", *TABLES, *lines], help="this part, or line, alone")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=5, help="how many, for tables")
    parser.add_argument("--minutes", type=float, help="published: train for about this long, at most")
    parser.add_argument("--samples", type=int, default=5000, help="published: importance samples a test row")
    parser.add_argument(
        "--paper", action="store_true", help="published: the recipe as it stands: rate, schedule, epochs"
    )
    parser.add_argument(
        "--run", type=Path, help="published: evaluate this finished run instead (with --only)"
    )
    asked = parser.parse_args()
    if asked.run and asked.only not in published.NAMES:
        parser.error("--run needs --only, the recipe that the run was fitted by")
    return asked


if __name__ == "__main__":
    main()
