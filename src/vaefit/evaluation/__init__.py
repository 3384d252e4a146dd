"""Numbers on held-out rows: what a model is worth, in nats per datum."""

from vaefit.evaluation.blocks import BLOCK
from vaefit.evaluation.bound import Bound, Evaluator, dequantise
from vaefit.evaluation.latents import LatentUse, latent_use

__all__ = ["BLOCK", "Bound", "Evaluator", "LatentUse", "dequantise", "latent_use"]
