"""Numbers on held-out rows: what a model is worth, in nats per datum."""

from vaefit.evaluation.annealing import Annealed, Annealing, Bracket, anneal, bracket, simulate
from vaefit.evaluation.blocks import BLOCK
from vaefit.evaluation.bound import Bound, Evaluator, LogJacobian, block_terms
from vaefit.evaluation.conditional import completions
from vaefit.evaluation.coverage import coverage, covered, reconstruction_mse, why_no_intervals
from vaefit.evaluation.importance import Likelihoods, importance_sample, why_undefined
from vaefit.evaluation.latents import LatentUse, latent_use, rate_by_latent
from vaefit.evaluation.rounded import products
from vaefit.evaluation.smoothed import Reference, reference_of, smoothed_log_density
from vaefit.evaluation.tally import Tally
from vaefit.evaluation.visit import visited

__all__ = [
    "BLOCK",
    "Annealed",
    "Annealing",
    "Bound",
    "Bracket",
    "Evaluator",
    "LatentUse",
    "Likelihoods",
    "LogJacobian",
    "Reference",
    "Tally",
    "anneal",
    "block_terms",
    "bracket",
    "completions",
    "coverage",
    "covered",
    "importance_sample",
    "latent_use",
    "products",
    "rate_by_latent",
    "reconstruction_mse",
    "reference_of",
    "simulate",
    "smoothed_log_density",
    "visited",
    "why_no_intervals",
    "why_undefined",
]
