"""Where training starts."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from vaefit.model import VAE


def at_data_moments(model: VAE, x: Float[np.ndarray, "rows variables"]) -> VAE:
    """Let p(x|z) start at each variable's mean and sd in the data, through the decoder's output bias.

    A decoder without biases and a likelihood without such a start stay as they are. Source: the output
    bias of Burda et al. 2016, arXiv:1509.00519, appendix C.
    """
    mean, sd = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    likelihood, bias = model.likelihood.start_at(jnp.asarray(mean, jnp.float32), jnp.asarray(sd, jnp.float32))
    if bias is None:
        return model
    decoder = model.decoder.with_output_bias(bias)
    return eqx.tree_at(lambda m: (m.likelihood, m.decoder), model, (likelihood, decoder))
