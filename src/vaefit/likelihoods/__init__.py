"""Likelihoods: decoder output -> p(x|z). A new one is one class in one file of this folder."""

from vaefit.likelihoods._base import Likelihood

__all__ = ["Likelihood"]
