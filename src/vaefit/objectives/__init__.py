"""Objectives: the record of densities -> the number to maximise. A new one is one class in one file."""

from vaefit.objectives._base import Objective

__all__ = ["Objective"]
