"""The firing-variance target."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from vaefit.model import VAE, Terms
from vaefit.options import option
from vaefit.penalties._base import Penalty


class FiringVariance(Penalty):
    r"""Squared distance of the units' mean squared softmax from a target (firing variance).

    $(a + b - t)^2$, with a the sum over the encoder's hidden layers of the mean over batch and units of
    $\mathrm{softmax}(h)^2$ (h after dropout), divided by the length of its list of layer sizes; b the
    same for the decoder with its output included.
    """

    reference: ClassVar[str] = "the 2016 post's program (firing_variance)"

    firing_target: float = option(0.1, "target of the firing-variance penalty")

    def __call__(
        self, terms: Terms, model: VAE, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, ""]:
        """The penalty of one batch."""
        encoder = terms.encoder.hidden
        decoder = (*terms.decoder.hidden, terms.location)
        # Each list of layer sizes also counts the network's input.
        a = sum(_mean_square(h, terms.rows) for h in encoder) / (len(encoder) + 1)
        b = sum(_mean_square(h, terms.rows) for h in decoder) / (len(decoder) + 1)
        return jnp.asarray((a + b - self.firing_target) ** 2)


def _mean_square(h: Float[Array, "*samples batch units"], rows: Float[Array, " batch"]) -> Float[Array, ""]:
    per_row = jnp.mean(jax.nn.softmax(h, axis=-1) ** 2, axis=-1)
    weights = jnp.broadcast_to(rows, per_row.shape)
    return jnp.sum(per_row * weights) / jnp.maximum(jnp.sum(weights), 1.0)
