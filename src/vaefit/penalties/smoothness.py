"""Manifold smoothness."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from vaefit.model import VAE, Terms
from vaefit.options import option
from vaefit.penalties._base import Penalty


class Smoothness(Penalty):
    r"""Squared change of posterior mean and sd when the input gets noise (manifold smoothness).

    $\frac1B \sum_{i,k} (\mu_k(x_i + \epsilon_i) - \mu_k(x_i))^2 + (\sigma_k(x_i + \epsilon_i) -
    \sigma_k(x_i))^2$ with $\epsilon \sim N(0, \text{input\_noise\_sd}^2)$. The noisy path runs without
    dropout. (The 2016 program also gives that path biases of its own, zero at the start and used nowhere
    else; here both paths share theirs.)
    """

    reference: ClassVar[str] = "the 2016 post's program (manifold_smoothness)"

    input_noise_sd: float = option(0.01, "sd of the input noise of the smoothness penalty", above=0.0)

    def __call__(
        self, terms: Terms, model: VAE, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, ""]:
        """The penalty of one batch."""
        noisy = model.encode(x + self.input_noise_sd * self.noise(x, key))
        change = _squared_change(noisy.mean, terms.posterior.mean) + _squared_change(
            jnp.sqrt(noisy.variance), jnp.sqrt(terms.posterior.variance)
        )
        return terms.mean(change)

    def noise(
        self, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, "batch variables"]:
        """Standard normal noise of the input's shape."""
        return jax.random.normal(key, x.shape)


def _squared_change(a: Array | None, b: Array | None) -> Float[Array, " batch"]:
    assert a is not None and b is not None
    return jnp.sum((a - b) ** 2, axis=-1)
