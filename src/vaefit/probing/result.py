"""What a probe found: scores of every draw, their means, intervals and paired differences."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from vaefit.figures.learning_curves import Band

METRICS = ("accuracy", "balanced_accuracy", "auc")
TITLES = {"accuracy": "accuracy", "balanced_accuracy": "balanced", "auc": "AUC"}
SHOWN = ("balanced_accuracy", "auc")  # of the differences and the picture
OURS = "vae"


class Interval(NamedTuple):
    """A mean over draws and its 95% interval."""

    mean: float
    low: float
    high: float

    @property
    def clear_of_zero(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def interval(values: Float[np.ndarray, " draws"]) -> Interval:
    """Student's 95% interval for a mean: m +- t s / sqrt(n) with n - 1 degrees of freedom.

    >>> interval(np.array([1.0, 2.0, 3.0]))
    Interval(mean=2.0, low=-0.48..., high=4.48...)
    """
    from scipy.stats import t

    mean = float(np.mean(values, dtype=np.float64))
    error = float(np.std(values, ddof=1, dtype=np.float64)) / len(values) ** 0.5
    width = float(t.ppf(0.975, len(values) - 1)) * error
    return Interval(mean, mean - width, mean + width)


@dataclass(frozen=True, eq=False)
class Probe:
    """Scores of logistic regression on several kinds of features, for the same draws of labelled rows.

    Intervals are over draws; the test rows are the same in all, so their own chance is not in them, and
    draws that take most of the rows there are overlap.
    """

    features: tuple[str, ...]
    sizes: dict[str, int]
    per_class: tuple[int, ...]
    scores: Float[np.ndarray, "features sizes draws metrics"]
    classes: tuple[str, ...]
    rows: int
    test_rows: int
    pca_rows: str

    def score(self, features: str, per_class: int, metric: str) -> Interval:
        """Mean and interval of a metric with so many labels a class."""
        return interval(self._draws(features, per_class, metric))

    def difference(self, rival: str, per_class: int, metric: str) -> Interval:
        """The VAE's metric minus a rival's, draw by draw."""
        return interval(
            self._draws(OURS, per_class, metric) - self._draws(rival, per_class, metric),
        )

    @property
    def rivals(self) -> tuple[str, ...]:
        """All features but the VAE's."""
        return tuple(name for name in self.features if name != OURS)

    def bands(self) -> dict[str, dict[str, list[Band]]]:
        """What `figures.learning_curves.draw` draws: a panel for each metric, one for the differences."""
        # Random features are so far off that their difference would flatten the others.
        rivals = [f for f in self.rivals if f != "random"]
        gaps: dict[str, list[Band]] = {
            f: [self.difference(f, n, SHOWN[0]) for n in self.per_class] for f in rivals
        }
        return {
            "balanced accuracy": self._bands_of("balanced_accuracy"),
            "AUC": self._bands_of("auc"),
            "balanced accuracy: vae minus the other": gaps,
        }

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for JSON."""
        pairs = [(n, f) for n in self.per_class for f in self.features]
        return {
            "classes": list(self.classes),
            "n": self.rows,
            "n_test": self.test_rows,
            "dim": self.sizes,
            "draws": self.scores.shape[2],
            "pca_fitted_to": self.pca_rows,
            "results": [
                {"per_class": n, "features": f} | {m: self.score(f, n, m)._asdict() for m in METRICS}
                for n, f in pairs
            ],
            "vae_minus": [
                {"per_class": n, "features": f} | {m: self.difference(f, n, m)._asdict() for m in METRICS}
                for n, f in pairs
                if f != OURS
            ],
        }

    def __str__(self) -> str:
        """A table for the screen, and what follows from it."""
        return "\n".join([*self._about(), "", *self._table(), "", *self._verdict()])

    def _bands_of(self, metric: str) -> dict[str, list[Band]]:
        return {f: [self.score(f, n, metric) for n in self.per_class] for f in self.features}

    def _draws(self, features: str, per_class: int, metric: str) -> Float[np.ndarray, " draws"]:
        place = self.features.index(features), self.per_class.index(per_class)
        return self.scores[*place, :, METRICS.index(metric)]

    def _about(self) -> list[str]:
        sizes = ", ".join(f"{name} {size}" for name, size in self.sizes.items())
        return [
            f"{len(self.classes)} classes; {self.scores.shape[2]} draws of labels from {self.rows:,} rows; "
            f"tested on {self.test_rows:,} rows",
            f"numbers a row: {sizes}; PCA fitted to {self.pca_rows}",
        ]

    def _table(self) -> list[str]:
        scores, gaps = (f"{TITLES[m]:>15}" for m in METRICS), (f"{TITLES[m]:>16}  " for m in SHOWN)
        over = f"{'labels':>7} {'':<8}{'':45}{'vae minus it, draw by draw':>36}"
        head = f"{'a class':>7} {'features':<8}{''.join(scores)}{''.join(gaps)}".rstrip()
        return [over, head, *(self._line(n, f) for n in self.per_class for f in self.features)]

    def _line(self, per_class: int, features: str) -> str:
        cells = [f"{_cell(self.score(features, per_class, m)):>15}" for m in METRICS]
        if features != OURS:
            cells += [f"{_signed(self.difference(features, per_class, m)):>18}" for m in SHOWN]
        first = str(per_class) if features == self.features[0] else ""
        return f"{first:>7} {features:<8}{''.join(cells)}".rstrip()

    def _verdict(self) -> list[str]:
        return [
            "95% intervals over draws; * where that of a difference leaves 0 out",
            "balanced accuracy, vae against",
            *(f"  {rival + ':':<8}{self._against(rival)}" for rival in self.rivals),
        ]

    def _against(self, rival: str) -> str:
        found: dict[str, list[int]] = {}
        for n in self.per_class:
            gap = self.difference(rival, n, SHOWN[0])
            word = "no clear difference" if not gap.clear_of_zero else "better" if gap.mean > 0 else "worse"
            found.setdefault(word, []).append(n)
        return "; ".join(f"{word} with {', '.join(map(str, sizes))}" for word, sizes in found.items())


def _cell(found: Interval, sign: str = "") -> str:
    return f"{found.mean:{sign}.3f} ± {(found.high - found.low) / 2:.3f}"


def _signed(found: Interval) -> str:
    return f"{_cell(found, '+')} {'*' if found.clear_of_zero else ' '}"
