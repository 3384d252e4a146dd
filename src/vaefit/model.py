"""The model: six parts wired together, and the record of densities that objectives read."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key
from numpyro.distributions import Distribution

from vaefit.likelihoods import Likelihood
from vaefit.networks import Activations, Network
from vaefit.posteriors import Posterior
from vaefit.priors import Prior


class Terms(NamedTuple):
    """All that objectives and penalties may know of one batch; densities in nats.

    `log_px` is zero at masked cells. A joint likelihood has one entry on its sample axis. `rows` is 1 for a
    row that counts and 0 for padding. `kl` is None where the posterior has no closed form for this prior.
    """

    log_px: Float[Array, "samples_x batch variables"]
    log_pz: Float[Array, "samples batch"]
    log_qz: Float[Array, "samples batch"]
    kl: Float[Array, " batch"] | None
    posterior: Distribution
    prior: Distribution
    z: Float[Array, "samples batch latent"]
    encoder: Activations
    decoder: Activations
    location: Float[Array, "samples batch variables"]
    mask: Bool[Array, "batch variables"] | None
    rows: Float[Array, " batch"]

    @property
    def distortion(self) -> Float[Array, " batch"]:
        """-E_q log p(x|z), nats per datum."""
        return -jnp.mean(jnp.sum(self.log_px, axis=-1), axis=0)

    @property
    def rate(self) -> Float[Array, " batch"]:
        """KL(q || p), nats per datum: in closed form where there is one, else from the samples."""
        return self.sampled_rate if self.kl is None else self.kl

    @property
    def sampled_rate(self) -> Float[Array, " batch"]:
        """E_q log q(z|x) - log p(z) from the samples, nats per datum."""
        return jnp.mean(self.log_qz - self.log_pz, axis=0)

    @property
    def elbo(self) -> Float[Array, " batch"]:
        """-distortion - rate, nats per datum."""
        return -self.distortion - self.rate

    @property
    def importance_weighted(self) -> Float[Array, " batch"]:
        """log mean p(x|z) p(z) / q(z|x) over the samples, nats per datum; the ELBO of a joint likelihood."""
        if self.log_px.shape[0] != self.log_pz.shape[0]:
            return self.elbo
        return importance_weighted(jnp.sum(self.log_px, axis=-1) + self.log_pz - self.log_qz)

    def mean(self, per_row: Float[Array, " batch"]) -> Float[Array, ""]:
        """The mean over the rows that count."""
        return jnp.sum(per_row * self.rows) / jnp.maximum(jnp.sum(self.rows), 1.0)


def importance_weighted(log_weights: Float[Array, "samples batch"]) -> Float[Array, " batch"]:
    """log mean w over the samples, from their logarithms; nats per datum."""
    return jax.nn.logsumexp(log_weights, axis=0) - jnp.log(1.0 * log_weights.shape[0])


class VAE(eqx.Module):
    r"""A variational autoencoder: $\log p(x) \ge E_q[\log p(x|z)] - \mathrm{KL}(q(z|x) \,\|\, p(z))$.

    Source: Kingma & Welling 2013, arXiv:1312.6114.

    >>> from vaefit.assemble import build_model
    >>> from vaefit.settings import Settings
    >>> model = build_model(Settings.of(latent_dim=2, likelihood="gaussian"), dim=5, key=jax.random.key(0))
    >>> q = model.encode(jnp.ones((3, 5)))
    >>> z = q.sample(jax.random.key(1))
    >>> model.decode(z).log_prob(jnp.ones((3, 5))).shape
    (3, 5)
    """

    encoder: Network
    posterior: Posterior
    decoder: Network
    likelihood: Likelihood
    prior: Prior

    def encode(self, x: Float[Array, "*batch variables"], key: Key[Array, ""] | None = None) -> Distribution:
        """q(z|x); a key turns dropout on."""
        return self.posterior(self.encoder(x, key).output)

    def decode(self, z: Float[Array, "*batch latent"], key: Key[Array, ""] | None = None) -> Distribution:
        """p(x|z); a key turns dropout on."""
        return self.likelihood(self.decoder(z, key).output)

    def log_likelihood(
        self, x: Float[Array, "rows variables"], z: Float[Array, "*draws rows latent"]
    ) -> Float[Array, "*draws rows"]:
        """log p(x|z) of whole rows, nats, where no gradient is asked for."""
        return self.likelihood.of_rows(self.decoder(z).output, x)

    def location(
        self, z: Float[Array, "*batch latent"], key: Key[Array, ""] | None = None
    ) -> Float[Array, "*batch variables"]:
        """The decoder's picture of z: the mean of p(x|z)."""
        return self.likelihood.location(self.decoder(z, key).output)

    def prior_over_latents(self) -> Distribution:
        """p(z)."""
        return self.prior(self.encode)

    def terms(
        self,
        x: Float[Array, "batch variables"],
        mask: Bool[Array, "batch variables"] | None,
        key: Key[Array, ""],
        samples: int,
        *,
        rows: Float[Array, " batch"] | None = None,
        dropout: bool = False,
    ) -> Terms:
        """The record of densities of a batch, from `samples` draws of q(z|x) a row."""
        encoder_key, latent_key, decoder_key = jax.random.split(key, 3)
        encoder = self.encoder(x, encoder_key if dropout else None)
        q = self.posterior(encoder.output)
        prior = self.prior_over_latents()
        z = self.posterior.sample(q, latent_key, samples)
        decoder = self.decoder(z, decoder_key if dropout else None)
        log_px = jnp.asarray(self.likelihood(decoder.output).log_prob(x))
        return Terms(
            log_px=log_px if mask is None else jnp.where(mask, log_px, 0.0),
            log_pz=jnp.asarray(prior.log_prob(z)),
            log_qz=jnp.asarray(q.log_prob(z)),
            kl=self.posterior.kl(q, prior),
            posterior=q,
            prior=prior,
            z=z,
            encoder=encoder,
            decoder=decoder,
            location=self.likelihood.location(decoder.output),
            mask=mask,
            rows=jnp.ones(x.shape[0]) if rows is None else rows,
        )
