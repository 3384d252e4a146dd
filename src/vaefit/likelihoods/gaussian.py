"""The Gaussian likelihood."""

from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro import distributions as dist

from vaefit.likelihoods._base import Likelihood, unconstrained
from vaefit.options import option


class Gaussian(Likelihood):
    r"""Gaussian with fixed, learned, or decoder-output sd.

    $\log p(x|z) = -\tfrac12 \log 2\pi\sigma^2 - (x - \mu(z))^2 / 2\sigma^2$ for each variable, with
    $\sigma = \sigma_{\min} + \mathrm{softplus}(s)$ wherever it is learned.

    >>> Gaussian(dim=3, sigma="output").width
    6
    """

    reference: ClassVar[str] = "Kingma & Welling 2013, arXiv:1312.6114"

    sigma: Literal["output", "per-feature", "learned", "fixed"] = option(
        "output", "the Gaussian's sd: a decoder output, learned for each variable, one learned, or fixed"
    )
    sigma_init: float | None = option(
        None, "sd at the start, or the fixed one (unset: from the data, 1 if fixed)", above=0.0
    )
    # A floor is needed: a pixel that never changes would otherwise drive the density to infinity.
    sigma_min: float = option(1e-3, "smallest sd that is learned", above=0.0)
    output_activation: Literal["identity", "sigmoid"] = option(
        "identity", "what the decoder's mean goes through"
    )
    raw_sigma: Float[Array, " _"] | None = eqx.field(default=None)

    def __post_init__(self) -> None:
        if self.sigma in ("per-feature", "learned") and self.raw_sigma is None:
            size = self.dim if self.sigma == "per-feature" else 1
            self.raw_sigma = self._unconstrain(jnp.full(size, self.sigma_init or 1.0))

    @property
    def width(self) -> int:
        """A mean, and where the sd is an output an sd, for each variable."""
        return 2 * self.dim if self.sigma == "output" else self.dim

    def __call__(self, output: Float[Array, "*batch width"]) -> dist.Distribution:
        """Independent Gaussian variables."""
        return dist.Normal(self.location(output), self._sd(output), validate_args=False)

    def location(self, output: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        """The decoder's mean."""
        mean = output[..., : self.dim]
        return jax.nn.sigmoid(mean) if self.output_activation == "sigmoid" else mean

    def smoothed(
        self, output: Float[Array, "*batch width"], bandwidth: Float[Array, " dim"]
    ) -> dist.Distribution:
        """A Gaussian again: variances add."""
        sd = jnp.sqrt(self._sd(output) ** 2 + bandwidth**2)
        return dist.Normal(self.location(output), sd, validate_args=False)

    def noise_variance(self, mean: Float[Array, " dim"]) -> Float[Array, " dim"] | None:
        """The fixed one."""
        return jnp.full_like(mean, (self.sigma_init or 1.0) ** 2) if self.sigma == "fixed" else None

    def start_at(
        self, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
    ) -> tuple["Gaussian", Float[Array, " width"]]:
        """The data's own mean and sd."""
        sd = jnp.full_like(sd, self.sigma_init) if self.sigma_init else sd
        raw = self._unconstrain(sd)
        bias = (
            jax.scipy.special.logit(jnp.clip(mean, 1e-3, 1 - 1e-3))
            if self.output_activation == "sigmoid"
            else mean
        )
        if self.sigma == "output":
            return self, jnp.concatenate([bias, raw])
        if self.sigma == "fixed":
            return self, bias
        new = raw if self.sigma == "per-feature" else self._unconstrain(jnp.sqrt(jnp.mean(sd**2))[None])
        return eqx.tree_at(lambda part: part.raw_sigma, self, new), bias

    def _sd(self, output: Array) -> Array:
        if self.sigma == "fixed":
            return jnp.full((), self.sigma_init or 1.0)
        raw = output[..., self.dim :] if self.sigma == "output" else self.raw_sigma
        assert raw is not None
        return self.sigma_min + jax.nn.softplus(raw)

    def _unconstrain(self, sd: Array) -> Array:
        above = jnp.maximum(sd - self.sigma_min, 1e-3 * self.sigma_min)
        return unconstrained(above)
