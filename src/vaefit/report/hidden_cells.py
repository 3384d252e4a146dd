"""Tables: cells hidden from the model, and whether its intervals for them hold what they claim."""

from dataclasses import dataclass
from dataclasses import replace as changed
from functools import partial

import numpy as np
from jaxtyping import Float

from vaefit.data import spread
from vaefit.evaluation import completions
from vaefit.evaluation.coverage import LEVELS
from vaefit.report.facts import Facts

HIDDEN = 0.2  # share of the cells that are there
MOST_ROWS, QUICK_ROWS = 300, 96
DRAWS, PROPOSALS, QUICK_PROPOSALS = 200, 2000, 1000


@dataclass(frozen=True, eq=False)
class HiddenCells:
    """Cells of held-out rows, hidden at random and drawn from p(hidden | the rest).

    `inside` is, for each level, the share of hidden numbers in the central interval of their draws;
    `right` the share of hidden categories that are the one drawn most often, and `claimed` the mean share of
    the draws that say so. Each is None where no such cell was hidden.
    """

    numbers: int
    inside: dict[float, float] | None
    categories: int
    right: float | None
    claimed: float | None


def hidden_cells(facts: Facts) -> HiddenCells:
    """Hide a fifth of the cells of some rows, and draw them again.

    Where the model is right a number's place among its draws is uniform; of numbers that come in steps, equal
    draws count half.
    """
    assert facts.rows is not None
    rows = facts.rows.take(spread(facts.rows.n, QUICK_ROWS if facts.quick else MOST_ROWS))
    values = rows.values.astype(np.float64)
    hidden = ~np.isnan(values) & (np.random.default_rng(facts.seed).random(values.shape) < HIDDEN)
    x = facts.run.inputs(changed(rows, values=np.where(hidden, np.nan, values), table=None))
    variables = facts.run.transform.variables
    places, right, claimed = [], [], []
    drawn_by_block = completions(
        facts.run.model,
        x,
        draws=DRAWS,
        proposals=QUICK_PROPOSALS if facts.quick else PROPOSALS,
        seed=facts.seed,
        progress=partial(facts.display.working, "hidden cells"),
    )
    for block, drawn in drawn_by_block:
        cells = facts.run.transform.inverse(drawn)
        for d, variable in enumerate(variables):
            own = hidden[block, d]
            truth, draws = values[block][own, d], cells[:, own, d]
            if not variable.levels:
                places.append(_place(truth, draws))
                continue
            shares = (draws[..., None] == np.arange(variable.levels)).mean(axis=0)
            right.append(shares.argmax(axis=-1) == truth)
            claimed.append(shares.max(axis=-1, initial=0.0))
    return _summary(_joined(places), _joined(right), _joined(claimed))


def _place(truth: Float[np.ndarray, " cells"], draws: Float[np.ndarray, "draws cells"]) -> np.ndarray:
    return (draws < truth).mean(axis=0) + (draws == truth).mean(axis=0) / 2


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0)


def _summary(places: np.ndarray, right: np.ndarray, claimed: np.ndarray) -> HiddenCells:
    off_centre = np.abs(places - 0.5)
    return HiddenCells(
        len(places),
        {level: float((off_centre <= level / 2).mean()) for level in LEVELS} if len(places) else None,
        len(right),
        float(right.mean()) if len(right) else None,
        float(claimed.mean()) if len(right) else None,
    )
