"""The likelihood's sd: at its floor, or wider than the data."""

import numpy as np

from vaefit.doctor.evidence import Evidence
from vaefit.doctor.finding import Finding

# Within 5% of the floor: softplus comes near it but never there.
NEAR_FLOOR = 1.05
# A variable counts where most of its rows are there; one in a hundred variables is worth a word.
MOST_ROWS_OF_A_VARIABLE, SOME_VARIABLES = 0.5, 0.01
# The data's own sd is what a model without latents would use; half as much again cannot be right.
TOO_WIDE, MANY_VARIABLES = 1.5, 0.1


def at_floor(evidence: Evidence) -> Finding | None:
    """Variables whose Gaussian sd sits at `sigma_min`: the ELBO then measures the floor."""
    floor, sd = getattr(evidence.run.model.likelihood, "sigma_min", None), evidence.passed.sd
    if floor is None or sd is None or evidence.run.settings.get("sigma") == "fixed":
        return None
    low = np.flatnonzero((sd <= NEAR_FLOOR * floor).mean(axis=0) > MOST_ROWS_OF_A_VARIABLE)
    share = len(low) / sd.shape[1]
    if share <= SOME_VARIABLES:
        return None
    return Finding(
        "sd at its floor",
        "warning",
        f"the sd of {len(low)} of {sd.shape[1]} variables ({share:.0%}) sits at its floor, {floor:g} (such "
        f"as {evidence.column(int(low[0]))}): the ELBO grows as the floor is lowered, without end",
        "leave out variables that never change or take few values, or raise --sigma-min",
        {"variables": len(low), "share": share, "floor": floor},
    )


def too_wide(evidence: Evidence) -> Finding | None:
    """Variables whose Gaussian sd is far above the data's own."""
    sd = evidence.passed.sd
    if evidence.run.settings.likelihood != "gaussian" or sd is None:
        return None
    own = evidence.some.std(axis=0, dtype=np.float64)
    ratio = np.sqrt(np.mean(sd**2, axis=0, dtype=np.float64))[own > 0] / own[own > 0]
    wide = ratio > TOO_WIDE
    if not wide.size or not wide.mean() > MANY_VARIABLES:
        return None
    fixed = evidence.run.settings.get("sigma") == "fixed"
    return Finding(
        "sd above the data's",
        "warning",
        f"the sd of p(x|z) is {np.median(ratio[wide]):.1f} times the data's own in {wide.sum()} of "
        f"{len(ratio)} variables: it explains nothing there",
        "set a smaller --sigma-init, or let it be learned with --sigma output"
        if fixed
        else "train for more --epochs, or set a smaller --learning-rate",
        {"variables": int(wide.sum()), "ratio": float(np.median(ratio[wide]))},
    )
