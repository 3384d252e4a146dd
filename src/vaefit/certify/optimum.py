"""Certificates of the exact optimum: a VAE with linear maps is probabilistic PCA."""

import numpy as np
from jaxtyping import Float

from vaefit.certify.certificate import Certificate
from vaefit.certify.elbo import exact_elbo
from vaefit.certify.subject import Subject
from vaefit.evaluation import Annealing, anneal, importance_sample

NATS = 1e-3
ANNEALING_ERRORS = 3.0
ANNEALING_NATS = 0.05


def elbo_is_the_likelihood(subject: Subject) -> list[Certificate]:
    """At the optimum q(z|x) is the posterior, so that the bound is tight (Lucas et al. 2019)."""
    return [
        _of_rows("ELBO = exact log-likelihood, linear model", exact_elbo(subject.linear, subject.x), subject)
    ]


def default_start_is_the_optimum(subject: Subject) -> list[Certificate]:
    """The default networks, decoder-output sd and all, start at the same optimum."""
    started = subject.at_optimum(subject.x, likelihood="gaussian")
    return [
        _of_rows(
            "ELBO = exact log-likelihood, default model at its start", exact_elbo(started, subject.x), subject
        )
    ]


def importance_sampling_is_the_likelihood(subject: Subject) -> list[Certificate]:
    """log p(x, z) - log q(z|x) is the same for all z, so that any number of draws gives log p(x)."""
    found = importance_sample(subject.linear, subject.x, draws=subject.effort.draws, seed=subject.seed)
    name = f"importance sampling = exact log-likelihood, {found.draws} draws"
    return [_of_rows(name, found.log_likelihood, subject)]


def annealing_is_the_likelihood(subject: Subject) -> list[Certificate]:
    """Annealing from the prior knows nothing of q(z|x) but its sds."""
    effort = subject.effort
    rows = np.linspace(0, len(subject.x) - 1, effort.annealed_rows).round().astype(int)
    how = Annealing(chains=effort.chains, steps=effort.steps)
    found = anneal(subject.linear, subject.x[rows], how, seed=subject.seed)
    spread = found.mean_standard_error
    off = float(np.mean(found.log_likelihood - subject.exact[rows]))
    name, unit = "annealed importance sampling = exact log-likelihood", f"mean of {len(rows)} rows"
    return [
        Certificate(name, off / spread, ANNEALING_ERRORS, f"its standard errors, {unit}"),
        Certificate("... and its standard error", spread, ANNEALING_NATS, f"nats, {unit}"),
    ]


def elbo_is_scikit_learns(subject: Subject) -> list[Certificate]:
    r"""`sklearn.decomposition.PCA.score`, which has the covariance c = N/(N-1) times as large.

    At the optimum that costs exactly $\frac D2 (\log c + 1/c - 1)$. With more variables than rows its noise
    variance is of other eigenvalues than Tipping & Bishop's, and there is nothing to compare.
    """
    from sklearn.decomposition import PCA

    n, dim = subject.x.shape
    if dim >= n:
        return []
    c = n / (n - 1)
    score = PCA(subject.latent_dim, svd_solver="full").fit(x64 := subject.x.astype(np.float64)).score(x64)
    ours = exact_elbo(subject.linear, subject.x).mean() - dim / 2 * (np.log(c) + 1 / c - 1)
    return [
        Certificate(
            "ELBO = sklearn PCA.score, its N-1 allowed for", abs(ours - score), NATS, "nats, mean of rows"
        )
    ]


def _of_rows(name: str, found: Float[np.ndarray, " rows"], subject: Subject) -> Certificate:
    off = np.abs(found - subject.exact)
    return Certificate(name, float(off.max()), NATS, f"nats, largest of {len(off):,} rows")
