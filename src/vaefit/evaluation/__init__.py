"""Numbers on held-out rows: what a model is worth, in nats per datum."""

from vaefit.evaluation.bound import BLOCK, Bound, Evaluator, visited

__all__ = ["BLOCK", "Bound", "Evaluator", "visited"]
