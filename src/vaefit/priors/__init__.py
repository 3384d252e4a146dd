"""Priors: p(z). A new one is one class in one file of this folder."""

from vaefit.priors._base import Prior

__all__ = ["Prior"]
