"""Networks: features -> features. A new one is one class in one file of this folder."""

from vaefit.networks._base import Activations, Network
from vaefit.networks._cells import ShownCells, shown, shown_numbers, shown_width
from vaefit.networks._linear_path import LinearPath

__all__ = ["Activations", "LinearPath", "Network", "ShownCells", "shown", "shown_numbers", "shown_width"]
