"""What every prior offers."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float
from numpyro.distributions import Distribution


class Prior(eqx.Module):
    """A distribution over latents; one event is one latent vector."""

    latent_dim: int = eqx.field(static=True)
    reference: ClassVar[str] = ""
    # Whether latents are independent and all alike: p of fewer is p of more without the last.
    latent_by_latent: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, encode: Callable[[Float[Array, "batch variables"]], Distribution]) -> Distribution:
        """p(z) with event shape (latent_dim,); `encode` is the model's own encoder, for priors made of it."""
