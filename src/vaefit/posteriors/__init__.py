"""Posteriors: encoder output -> q(z|x). A new one is one class in one file of this folder."""

from vaefit.posteriors._base import Posterior

__all__ = ["Posterior"]
