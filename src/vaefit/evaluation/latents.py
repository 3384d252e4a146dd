"""What the latents are used for: the rate in its parts, and the aggregate posterior against the prior."""

import math
from dataclasses import dataclass
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key
from numpyro import distributions as dist
from numpyro.distributions import kl_divergence

from vaefit.backend import quickly_compiled
from vaefit.data import spread
from vaefit.evaluation.blocks import Progress, blocks, mapped, unseen
from vaefit.model import VAE
from vaefit.posteriors import Posterior

ACTIVE = 0.01  # variance of the posterior mean, Burda et al. 2016
# An aggregate posterior is called off the prior when its distribution function is this far from the prior's,
# and further than chance puts that of a sample from it. The first keeps large data from naming every latent.
KS_FAR, KS_CHANCE = 0.1, 1e-3


@dataclass(frozen=True)
class LatentUse:
    """How a model uses its latents on some rows; everything in nats per datum, one entry for each latent.

    The rate, E KL(q(z|x) || p(z)), is `mutual_information` (what z says of x) plus `marginal_kl`,
    KL(q(z) || p(z)) of the aggregate posterior (Hoffman & Johnson 2016). The mutual information is estimated
    with q(z) the mean of all rows' posteriors, z's own among them: it is at most `cap` = log(rows) and, as a
    number for new rows, too low rather than too high (van den Oord et al. 2018, arXiv:1807.03748), the
    marginal KL as much too high. Near the cap the split says little.

    `kl` is None where the KL divergence has no closed form for each latent. `ks` is the Kolmogorov-Smirnov
    distance between the aggregate posterior and the prior, None where the prior has no distribution function
    for each latent.
    """

    rows: int
    rate: float
    mutual_information: float
    mutual_information_se: float
    kl: Float[np.ndarray, " latent"] | None
    mean_variance: Float[np.ndarray, " latent"]
    aggregate_mean: Float[np.ndarray, " latent"]
    aggregate_sd: Float[np.ndarray, " latent"]
    ks: Float[np.ndarray, " latent"] | None

    @property
    def active(self) -> Bool[np.ndarray, " latent"]:
        """Which latents' posterior means vary by more than 0.01 (Burda et al. 2016, arXiv:1509.00519)."""
        return self.mean_variance > ACTIVE

    @property
    def active_units(self) -> int:
        """How many latents are active."""
        return int(self.active.sum())

    @property
    def marginal_kl(self) -> float:
        """KL(q(z) || p(z)), what a better prior could save, nats per datum."""
        return self.rate - self.mutual_information

    @property
    def cap(self) -> float:
        """The most the estimated mutual information can be, nats."""
        return math.log(self.rows)

    @property
    def off_prior(self) -> list[int]:
        """The latents whose aggregate posterior is not the prior, the furthest first."""
        if self.ks is None:
            return []
        # A third of a second, which a fit's start has no use for.
        import scipy.stats

        by_chance = scipy.stats.kstwo.isf(KS_CHANCE / len(self.ks), self.rows)
        far = [int(i) for i in np.argsort(-self.ks, kind="stable")]
        return [i for i in far if self.ks[i] > max(KS_FAR, by_chance)]


def latent_use(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    *,
    seed: int = 0,
    queries: int = 1024,
    progress: Progress = unseen,
) -> LatentUse:
    """How the model uses its latents on rows in network units, from one draw of q(z|x) a row.

    The mutual information is averaged over at most `queries` of the rows, evenly spaced; q(z) is always that
    of all rows.

    Source: Burda et al. 2016, arXiv:1509.00519; Hoffman & Johnson 2016, "ELBO surgery".
    """
    outputs = mapped(partial(_encoded, model), x)
    key = jax.random.fold_in(jax.random.key(seed), 5)
    z = mapped(partial(own_draws, model, key), outputs, np.arange(len(x)))
    mean = mapped(partial(_mean, model), outputs).astype(np.float64)
    kl = _rate_by_latent(model, outputs)
    asked = spread(len(x), queries)
    log_ratio = _log_posterior_ratio(model, outputs, outputs[asked], z[asked], progress)
    return LatentUse(
        rows=len(x),
        rate=_rate(model, outputs, z) if kl is None else float(kl.sum()),
        mutual_information=float(log_ratio.mean()),
        mutual_information_se=float(log_ratio.std() / math.sqrt(len(log_ratio))),
        kl=kl,
        mean_variance=mean.var(axis=0),
        aggregate_mean=z.mean(axis=0, dtype=np.float64),
        aggregate_sd=z.std(axis=0, dtype=np.float64),
        ks=_ks_distance(model, z),
    )


def rate_by_latent(model: VAE, x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, " latent"] | None:
    """The rate of each latent on rows in network units, nats; None where it has no closed form for each."""
    return _rate_by_latent(model, mapped(partial(_encoded, model), x))


def true_kl(model: VAE, q: dist.Distribution, prior: dist.Distribution) -> Float[Array, "*batch"] | None:
    """KL(q || p) in closed form of the q that is sampled, nats per datum; None where there is none.

    A posterior that is not `exact` (the 2016 program's) has a KL term of its own, which bounds nothing; the
    divergence of what it samples is meant here.
    """
    return model.posterior.kl(q, prior) if model.posterior.exact else Posterior.kl(model.posterior, q, prior)


@eqx.filter_jit
def _encoded(model: VAE, x: Float[Array, "rows variables"]) -> Float[Array, "rows width"]:
    return model.encoder(x).output


@eqx.filter_jit
def own_draws(
    model: VAE, key: Key[Array, ""], outputs: Float[Array, "rows width"], numbers: Int[Array, " rows"]
) -> Float[Array, "rows latent"]:
    """A draw of q(z|x) for each row, with noise of its own."""

    def draw(output: Array, number: Array) -> Array:
        return model.posterior.sample(model.posterior(output), jax.random.fold_in(key, number), 1)[0]

    return jax.vmap(draw)(outputs, numbers)


@eqx.filter_jit
def _mean(model: VAE, outputs: Float[Array, "rows width"]) -> Float[Array, "rows latent"]:
    mean = model.posterior(outputs).mean
    assert mean is not None
    return mean


def _rate_by_latent(
    model: VAE, outputs: Float[np.ndarray, "rows width"]
) -> Float[np.ndarray, " latent"] | None:
    try:
        return mapped(partial(_kl_by_latent, model), outputs).mean(axis=0, dtype=np.float64)
    except NotImplementedError:
        return None


@eqx.filter_jit
def _kl_by_latent(model: VAE, outputs: Float[Array, "rows width"]) -> Float[Array, "rows latent"]:
    return kl_by_latent(model.posterior(outputs), model.prior_over_latents())


def kl_by_latent(q: dist.Distribution, prior: dist.Distribution) -> Float[Array, "*batch latent"]:
    """KL(q || p) of each latent in closed form, nats.

    Raises:
        NotImplementedError: the latents are not independent, or there is no closed form.
    """
    return jnp.asarray(kl_divergence(_each_latent(q), _each_latent(prior)))


def _each_latent(joint: dist.Distribution) -> dist.Distribution:
    """The distributions of the latents, where they are independent.

    Raises:
        NotImplementedError: they are not.
    """
    if isinstance(joint, dist.Independent) and len(joint.event_shape) == 1:
        return joint.base_dist
    raise NotImplementedError


def _rate(model: VAE, outputs: Float[np.ndarray, "rows width"], z: Float[np.ndarray, "rows latent"]) -> float:
    """The rate where it is not a sum over latents: in closed form, or from the draws."""
    rates = mapped(partial(_rate_of_rows, model), outputs, z)
    return float(rates.mean(dtype=np.float64))


@eqx.filter_jit
def _rate_of_rows(
    model: VAE, outputs: Float[Array, "rows width"], z: Float[Array, "rows latent"]
) -> Float[Array, " rows"]:
    q, prior = model.posterior(outputs), model.prior_over_latents()
    kl = true_kl(model, q, prior)
    return jnp.asarray(q.log_prob(z)) - jnp.asarray(prior.log_prob(z)) if kl is None else kl


def _log_posterior_ratio(
    model: VAE,
    outputs: Float[np.ndarray, "rows width"],
    asked: Float[np.ndarray, "queries width"],
    z: Float[np.ndarray, "queries latent"],
    progress: Progress,
) -> Float[np.ndarray, " queries"]:
    """log q(z|x) - log q(z) of each query, with q(z) the mean of all rows' posteriors."""
    found = []
    for rows, (block, drawn) in blocks(asked, z):
        own = np.asarray(_log_posterior(model, block, drawn), np.float64)
        found.append((own - _log_aggregate(model, outputs, drawn))[: rows.stop - rows.start])
        progress(rows.stop, len(z))
    return np.concatenate(found)


def _log_aggregate(
    model: VAE, outputs: Float[np.ndarray, "rows width"], z: Float[Array, "queries latent"]
) -> Float[np.ndarray, " queries"]:
    """log of the mean over all rows of q(z|x); a block of queries against a block of rows at a time."""
    total = np.full(len(z), -np.inf)
    for rows, (block,) in blocks(outputs):
        part = _log_sum_of_posteriors(model, block, z, jnp.asarray(rows.stop - rows.start))
        total = np.logaddexp(total, np.asarray(part, np.float64))
    return total - math.log(len(outputs))


@eqx.filter_jit
def _log_posterior(
    model: VAE, outputs: Float[Array, "rows width"], z: Float[Array, "rows latent"]
) -> Float[Array, " rows"]:
    return jnp.asarray(model.posterior(outputs).log_prob(z))


@eqx.filter_jit
def _log_sum_of_posteriors(
    model: VAE, outputs: Float[Array, "rows width"], z: Float[Array, "queries latent"], count: Int[Array, ""]
) -> Float[Array, " queries"]:
    log_q = jnp.asarray(model.posterior(outputs).log_prob(z[:, None, :]))
    return jax.nn.logsumexp(log_q, axis=1, where=jnp.arange(len(outputs)) < count)


@quickly_compiled
def _prior_below(model: VAE, z: Float[Array, "rows latent"]) -> Float[Array, "rows latent"]:
    """The prior's distribution function of each latent."""
    return jnp.asarray(_each_latent(model.prior_over_latents()).cdf(z))


def _ks_distance(model: VAE, z: Float[np.ndarray, "rows latent"]) -> Float[np.ndarray, " latent"] | None:
    """sup |F - G| between the draws' distribution function and the prior's, for each latent."""
    try:
        below = np.asarray(_prior_below(model, jnp.asarray(np.sort(z, axis=0))), np.float64)
    except NotImplementedError:
        return None
    steps = np.arange(len(z) + 1)[:, None] / len(z)
    return np.maximum(steps[1:] - below, below - steps[:-1]).max(axis=0)
