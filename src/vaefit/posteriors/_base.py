"""What every posterior offers."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from numpyro.distributions import Distribution, kl_divergence


class Posterior(eqx.Module):
    """The family of q(z|x); one event is one latent vector."""

    latent_dim: int = eqx.field(static=True)
    reference: ClassVar[str] = ""
    # Whether `kl` is the true KL divergence of this very distribution; the 2016 program's is not.
    exact: ClassVar[bool] = True
    # Whether each latent has outputs of its own (blocks of `latent_dim`, in the same order) and is drawn by
    # itself: q of fewer latents is then q of more, the last of which are left alone.
    latent_by_latent: ClassVar[bool] = False

    @property
    @abstractmethod
    def width(self) -> int:
        """How many encoder outputs it needs."""

    @abstractmethod
    def __call__(self, output: Float[Array, "*batch width"]) -> Distribution:
        """q(z|x) with event shape (latent_dim,)."""

    def linear_start(
        self, weight: Float[Array, "in latent"], offset: Float[Array, " latent"], sd: Float[Array, " latent"]
    ) -> tuple[Float[Array, "in width"], Float[Array, " width"]] | None:
        """The linear encoder with mean x weight + offset and these sds; None: this family has none."""
        del weight, offset, sd
        return None

    def sample(
        self, q: Distribution, key: Key[Array, ""], samples: int
    ) -> Float[Array, "samples *batch latent"]:
        """Reparameterised draws."""
        return jnp.asarray(q.sample(key, (samples,)))

    def kl(self, q: Distribution, prior: Distribution) -> Float[Array, "*batch"] | None:
        """KL(q || prior) in nats per datum in closed form; None where there is none."""
        try:
            return jnp.asarray(kl_divergence(q, prior))
        except NotImplementedError:
            return None
