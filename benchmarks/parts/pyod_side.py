"""PyOD's detectors on splits in a .npz (train-S, test-S), in benchmarks/.venv; scores go to another .npz."""

import sys

import numpy as np
from pyod.models.ecod import ECOD


def main(splits: str, scores: str) -> None:
    """ECOD's scores of every split's test rows."""
    with np.load(splits) as found:
        names = [name.removeprefix("train-") for name in found if name.startswith("train-")]
        made = {n: ECOD().fit(found[f"train-{n}"]).decision_function(found[f"test-{n}"]) for n in names}
    np.savez(scores, **made)


if __name__ == "__main__":
    main(*sys.argv[1:])
