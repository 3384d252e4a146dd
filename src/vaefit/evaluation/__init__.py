"""Numbers on held-out rows: what a model is worth, in nats per datum."""

from vaefit.evaluation.bound import BLOCK, Bound, Evaluator
from vaefit.evaluation.dequantise import dequantised

__all__ = ["BLOCK", "Bound", "Evaluator", "dequantised"]
