"""Where training starts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from vaefit.likelihoods import Likelihood
from vaefit.model import VAE
from vaefit.networks import LinearPath
from vaefit.posteriors import Posterior
from vaefit.ppca import Spectrum


def at_data_moments(model: VAE, x: Float[np.ndarray, "rows variables"]) -> VAE:
    """Let p(x|z) start at each variable's mean and sd in the data, through the decoder's output bias.

    A decoder without biases and a likelihood without such a start stay as they are. Source: the output
    bias of Burda et al. 2016, arXiv:1509.00519, appendix C.
    """
    likelihood, bias = model.likelihood.start_from(x)
    if bias is None:
        return model
    decoder = model.decoder.with_output_bias(bias)
    return eqx.tree_at(lambda m: (m.likelihood, m.decoder), model, (likelihood, decoder))


def at_linear_model(model: VAE, x: Float[np.ndarray, "rows variables"]) -> VAE | None:
    r"""Start at the best linear model of the data, through the linear paths beside the networks.

    For a Gaussian likelihood this is probabilistic PCA's exact optimum, at which the ELBO is the exact
    log-likelihood: encoder mean $M^{-1} W^\top (x - \mu)$, posterior variance $\sigma^2 / \mathrm{diag} M$,
    decoder mean $W z + \mu$, $M = W^\top W + \sigma^2 I$ (diagonal, as W is not rotated). A likelihood whose
    mean settles its variance V (Bernoulli, fixed sd) has the same of $(x - \mu)/\sqrt V$ with unit noise,
    carried through the slope of its mean: one step of iteratively reweighted least squares. Latents beyond
    those that the data support start unused. None: a part has no such start. Source: Tipping & Bishop 1999;
    Lucas et al. 2019, arXiv:1911.02469.
    """
    encoder, decoder, likelihood = model.encoder, model.decoder, model.likelihood
    if not (isinstance(encoder, LinearPath) and isinstance(decoder, LinearPath)):
        return None
    mean = x.mean(axis=0, dtype=np.float64)
    given = likelihood.noise_variance(jnp.asarray(mean, jnp.float32))
    scale = np.ones_like(mean) if given is None else np.sqrt(np.asarray(given, np.float64))
    ppca = Spectrum.fit(x / scale).ppca(model.posterior.latent_dim, None if given is None else 1.0)
    unused = model.posterior.latent_dim - ppca.latent_dim
    W, noise = np.pad(ppca.components, ((0, 0), (0, unused))), ppca.noise_variance
    likelihood, bias, slope = _start(
        likelihood, jnp.asarray(mean, jnp.float32), jnp.asarray(scale * np.sqrt(noise), jnp.float32)
    )
    M = (W**2).sum(axis=0) + noise
    into = W / M / scale[:, None]
    path = _linear_start(
        model.posterior, *(jnp.asarray(a, jnp.float32) for a in (into, -mean @ into, np.sqrt(noise / M)))
    )
    if bias is None or slope is None or path is None:
        return None
    out = np.zeros((W.shape[1], len(bias)))
    out[:, : len(mean)] = (W * (scale / np.asarray(slope, np.float64))[:, None]).T
    return eqx.tree_at(
        lambda m: (m.likelihood, m.encoder, m.decoder),
        model,
        (likelihood, encoder.with_linear_path(*path), decoder.with_linear_path(jnp.asarray(out), bias)),
    )


# Compiled whole: operations one by one would be compiled one by one, anew in every process.
@eqx.filter_jit
def _start(
    likelihood: Likelihood, mean: Float[Array, " dim"], sd: Float[Array, " dim"]
) -> tuple[Likelihood, Float[Array, " width"] | None, Float[Array, " dim"] | None]:
    """The likelihood's start, and the derivative of each variable's mean by its own decoder output there."""
    likelihood, bias = likelihood.start_at(mean, sd)
    if bias is None:
        return likelihood, None, None
    direction = jnp.zeros_like(bias).at[: likelihood.dim].set(1.0)
    return likelihood, bias, jax.jvp(likelihood.location, (bias,), (direction,))[1]


@eqx.filter_jit
def _linear_start(
    posterior: Posterior,
    weight: Float[Array, "in latent"],
    offset: Float[Array, " latent"],
    sd: Float[Array, " latent"],
) -> tuple[Float[Array, "in width"], Float[Array, " width"]] | None:
    return posterior.linear_start(weight, offset, sd)
