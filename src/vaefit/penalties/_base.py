"""What every penalty offers."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float, Key

from vaefit.model import VAE, Terms


class Penalty(eqx.Module):
    """A number added to the loss; its weight is the setting with its name."""

    reference: ClassVar[str] = ""

    @abstractmethod
    def __call__(
        self, terms: Terms, model: VAE, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, ""]:
        """The penalty of one batch, before its weight."""
