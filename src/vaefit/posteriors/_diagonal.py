"""What diagonal posteriors have in common."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from numpyro import distributions as dist

from vaefit.posteriors._base import Posterior


class Diagonal(Posterior):
    """A normal distribution for each latent: first the means of all latents, then the logs of the sds."""

    latent_by_latent: ClassVar[bool] = True

    @property
    def width(self) -> int:
        """A mean and a log sd for each latent."""
        return 2 * self.latent_dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """q(z|x) from the encoder's output."""
        mean, log_sd = jnp.split(output, 2, axis=-1)
        return dist.Normal(mean, jnp.exp(log_sd), validate_args=False).to_event(1)

    def sample(
        self, q: dist.Distribution, key: Key[Array, ""], samples: int
    ) -> Float[Array, "samples *batch latent"]:
        """Reparameterised draws; those of the first latents are the same however many there are.

        >>> few, more = (
        ...     Diagonal(latent_dim=k).sample(
        ...         Diagonal(latent_dim=k)(jnp.zeros((3, 2 * k))), jax.random.key(0), 4
        ...     )
        ...     for k in (2, 5)
        ... )
        >>> bool((more[..., :2] == few).all())
        True
        """
        mean, sd = mean_and_sd(q)
        noise = jax.random.normal(key, (mean.shape[-1], samples, *mean.shape[:-1]))
        return mean + sd * jnp.moveaxis(noise, 0, -1)


def mean_and_sd(q: dist.Distribution) -> tuple[Float[Array, "*batch latent"], Float[Array, "*batch latent"]]:
    """The parameters of independent normal distributions."""
    assert isinstance(q, dist.Independent) and isinstance(q.base_dist, dist.Normal)
    return jnp.asarray(q.base_dist.loc), jnp.asarray(q.base_dist.scale)
