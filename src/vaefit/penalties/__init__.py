"""Penalties: numbers added to the loss, each with a weight. A new one is one class in one file."""

from vaefit.penalties._base import Penalty

__all__ = ["Penalty"]
