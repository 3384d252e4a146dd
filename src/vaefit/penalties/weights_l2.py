"""Squared weights."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from vaefit.model import VAE, Terms
from vaefit.penalties._base import Penalty


class WeightsL2(Penalty):
    r"""Sum of squared weights of encoder and decoder, without biases and without the posterior's heads.

    $\sum_l \|W_l\|^2$ over the encoder's hidden layers and all of the decoder's layers.
    """

    reference: ClassVar[str] = "the 2016 post's program (weights_l2)"

    def __call__(
        self, terms: Terms, model: VAE, x: Float[Array, "batch variables"], key: Key[Array, ""]
    ) -> Float[Array, ""]:
        """The penalty of one batch."""
        encoder, decoder = model.encoder, model.decoder
        weights = encoder.hidden_weights() + decoder.hidden_weights() + decoder.output_weights()
        return jnp.asarray(sum(jnp.sum(w**2) for w in weights))
