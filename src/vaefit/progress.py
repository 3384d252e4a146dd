"""What training keeps between epochs and decides from it: weights to keep, rate, end, return to the start."""

from dataclasses import dataclass

import numpy as np

# A start that no epoch beats is gone back to this often, each time with a smaller rate.
RETURNS = 2


@dataclass
class Progress:
    """All that Python keeps between epochs; with `State` it is everything that resuming needs.

    The start is a candidate for the weights to keep, but patience is counted among epochs of training: from
    an exact optimum the first ones fall, and may rise beyond it later.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = -np.inf
    since_best: int = 0
    since_fall: int = 0
    rate_scale: float = 1.0
    recoveries: int = 0
    seconds: float = 0.0
    returns: int = 0
    best_trained: float = -np.inf
    # How often too little memory has made windows of rows smaller (`vaefit.streaming`).
    halvings: int = 0

    def __post_init__(self) -> None:
        if self.best_epoch:
            self.best_trained = max(self.best_trained, self.best_score)

    def note(self, score: float) -> bool:
        """Count the epoch's score; whether it is the best so far (a NaN never is)."""
        if self.epoch and score > self.best_trained:
            self.best_trained, self.since_best, self.since_fall = score, 0, 0
        elif self.epoch:
            self.since_best += 1
            self.since_fall += 1
        if not score > self.best_score:
            return False
        self.best_score, self.best_epoch = score, self.epoch
        return True

    def lower_rate_on_plateau(self, patience: int, factor: float, least: float) -> None:
        """Multiply the rate by `factor`, to `least` times the schedule's, after `patience` epochs."""
        if self.since_fall >= patience:
            self.rate_scale = min(self.rate_scale, max(self.rate_scale * factor, least))
            self.since_fall = 0

    def stuck_below_start(self, early_stopping: int) -> bool:
        """Whether training is out of patience, has not beaten its start, and may go back to it.

        >>> Progress(epoch=30, since_best=20).stuck_below_start(20)
        True
        >>> Progress(epoch=30, best_epoch=10, since_best=20).stuck_below_start(20)
        False
        """
        out_of_patience = 0 < early_stopping <= self.since_best
        return out_of_patience and self.best_epoch == 0 and self.returns < RETURNS

    def return_to_start(self) -> None:
        """Count from the start again."""
        self.returns += 1
        self.best_trained, self.since_best, self.since_fall = -np.inf, 0, 0
