"""Student's t likelihood."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, unconstrained
from vaefit.options import option

# Above 2, so that there is a variance; at the start as many as let the data say more.
DF_START = 8.0


class StudentT(Likelihood):
    r"""Student's t with decoder-output location and scale, and learned degrees of freedom.

    $\log p(x|z) = \log \mathrm{St}(x; \mu(z), s(z), \nu)$ for each variable, with
    $\nu = 2 + \mathrm{softplus}(\cdot)$ of its own: a stray value costs the logarithm of its
    distance, not its square.

    >>> StudentT(dim=3).width
    6
    """

    reference: ClassVar[str] = "Takahashi et al. 2018, IJCAI: Student-t variational autoencoder"

    scale_min: float = option(1e-2, "smallest scale of Student's t", above=0.0)
    raw_df: Float[Array, " dim"] | None = eqx.field(default=None)

    def __post_init__(self) -> None:
        if self.raw_df is None:
            self.raw_df = unconstrained(jnp.full(self.dim, DF_START - 2.0))

    @property
    def width(self) -> int:
        """A location and a scale for each variable."""
        return 2 * self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent Student's t variables."""
        assert self.raw_df is not None
        location, raw = jnp.split(output, 2, axis=-1)
        df = 2.0 + jax.nn.softplus(self.raw_df)
        return _Polar(df, location, self.scale_min + jax.nn.softplus(raw), validate_args=False)

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """The mean, which is the location."""
        return output[..., : self.dim]

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["StudentT", Float[Array, " width"]]:
        """The data's own mean and sd."""
        scale = sd * jnp.sqrt((DF_START - 2) / DF_START)
        return self, jnp.concatenate([mean, unconstrained(jnp.maximum(scale - self.scale_min, 1e-3))])


class _Polar(dist.StudentT):
    r"""Student's t, drawn without a loop: $\sqrt{\nu (u^{-2/\nu} - 1)} \cos 2 \pi v$, u and v uniform.

    A quotient of normal and gamma variables rejects some, which is several times as much to compile and run.
    Source: Bailey 1994, Mathematics of Computation 62.
    """

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        radius_key, angle_key = jax.random.split(key)
        shape = (*sample_shape, *self.batch_shape)
        df = jnp.asarray(self.df)
        # -log u
        fall = jax.random.exponential(radius_key, shape)
        angle = 2 * jnp.pi * jax.random.uniform(angle_key, shape)
        drawn = jnp.sqrt(df * jnp.expm1(2 / df * fall)) * jnp.cos(angle)
        return jnp.asarray(self.loc) + jnp.asarray(self.scale) * drawn
