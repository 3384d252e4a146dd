"""Networks: features -> features. A new one is one class in one file of this folder."""

from vaefit.networks._base import Activations, Network

__all__ = ["Activations", "Network"]
