"""Numbers on held-out rows: what a model is worth, in nats per datum."""

from vaefit.evaluation.blocks import BLOCK
from vaefit.evaluation.bound import Bound, Evaluator, visited
from vaefit.evaluation.latents import LatentUse, latent_use

__all__ = ["BLOCK", "Bound", "Evaluator", "LatentUse", "latent_use", "visited"]
