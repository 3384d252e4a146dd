"""Certificates of the exact optimum: a VAE with linear maps is probabilistic PCA."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from vaefit.certify.certificate import Certificate
from vaefit.certify.elbo import exact_elbo
from vaefit.certify.subject import Subject
from vaefit.data import spread
from vaefit.evaluation import Annealing, anneal, importance_sample
from vaefit.model import VAE
from vaefit.networks import LinearPath

NATS = 1e-3
ANNEALING_ERRORS = 3.0
ANNEALING_NATS = 0.05


def elbo_is_the_likelihood(subject: Subject) -> list[Certificate]:
    """At the optimum q(z|x) is the posterior, so that the bound is tight (Lucas et al. 2019)."""
    found = exact_elbo(subject.linear, subject.x)
    return [_of_rows("ELBO = exact log-likelihood, linear model", found, subject)]


def default_start_is_the_optimum(subject: Subject) -> list[Certificate]:
    """The default networks, decoder-output sd and all, start at the same optimum."""
    found = exact_elbo(subject.at_optimum(subject.x, likelihood="gaussian"), subject.x)
    return [_of_rows("ELBO = exact log-likelihood, default model at its start", found, subject)]


def importance_sampling_is_the_likelihood(subject: Subject) -> list[Certificate]:
    """log p(x, z) - log q(z|x) is the same for all z, so that any number of draws gives log p(x)."""
    found = importance_sample(subject.linear, subject.x, draws=subject.effort.draws, seed=subject.seed)
    name = f"importance sampling = exact log-likelihood, {found.draws} draws"
    return [_of_rows(name, found.log_likelihood, subject)]


def annealing_is_the_likelihood(subject: Subject) -> list[Certificate]:
    """Annealing from a q(z|x) that is wrong; from the exact one any transitions would do."""
    effort = subject.effort
    rows = spread(len(subject.x), effort.annealed_rows)
    how = Annealing(chains=effort.chains, steps=effort.temperatures, start="posterior", leapfrogs=2)
    found = anneal(_with_wrong_posterior(subject.linear), subject.x[rows], how, seed=subject.seed)
    error = found.mean_standard_error
    off = abs(float(np.mean(found.log_likelihood - subject.exact[rows])))
    name, unit = "annealed importance sampling = exact log-likelihood", f"mean of {len(rows)} rows"
    return [
        Certificate(name, off / error, ANNEALING_ERRORS, f"of its standard errors, {unit}"),
        Certificate(
            "annealed importance sampling: its standard error", error, ANNEALING_NATS, f"nats, {unit}"
        ),
    ]


def elbo_is_scikit_learns_score(subject: Subject) -> list[Certificate]:
    r"""`sklearn.decomposition.PCA.score`, which has the covariance c = N/(N-1) times as large.

    At the optimum that costs exactly $\frac D2 (\log c + 1/c - 1)$. With more variables than rows its noise
    variance is of other eigenvalues than Tipping & Bishop's, and there is nothing to compare.
    """
    from sklearn.decomposition import PCA

    n, dim = subject.x.shape
    if dim >= n:
        return []
    c = n / (n - 1)
    x = subject.x.astype(np.float64)
    score = PCA(subject.latent_dim, svd_solver="full").fit(x).score(x)
    ours = exact_elbo(subject.linear, subject.x).mean() - dim / 2 * (np.log(c) + 1 / c - 1)
    name = "ELBO = scikit-learn's PCA.score, its N-1 allowed for"
    return [Certificate(name, abs(float(ours - score)), NATS, "nats, mean of rows")]


def _of_rows(name: str, found: Float[np.ndarray, " rows"], subject: Subject) -> Certificate:
    off = np.abs(found - subject.exact)
    return Certificate(name, float(off.max()), NATS, f"nats, largest of {len(off):,} rows")


def _with_wrong_posterior(model: VAE) -> VAE:
    """The same p(x, z), but q(z|x) 1.35 times as broad as the posterior and 0.3 of its sds beside it."""
    encoder = model.encoder
    assert isinstance(encoder, LinearPath)
    mean, log_sd = jnp.split(encoder.offset, 2)
    offset = jnp.concatenate([mean + 0.3 * jnp.exp(log_sd), log_sd + jnp.log(1.35)])
    return eqx.tree_at(lambda m: m.encoder, model, encoder.with_linear_path(encoder.linear_path, offset))
