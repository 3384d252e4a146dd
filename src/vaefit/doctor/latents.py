"""Latents that carry nothing, and a rate that is paid for nothing."""

import numpy as np
from jaxtyping import Float

from vaefit.doctor.evidence import Evidence, spectrum_of
from vaefit.doctor.finding import Finding
from vaefit.evaluation.latents import ACTIVE
from vaefit.ppca import Spectrum

# A latent whose KL is below a hundredth of a nat says nothing that a person could see; an active unit's
# posterior mean varies by more than ACTIVE (Burda et al. 2016, arXiv:1509.00519).
UNUSED_NATS = 0.01
# pPCA of the same size pays about what a linear code must, and a Gaussian is the hardest source of its
# covariance to describe (Cover & Thomas, theorem 10.3.3): a network that pays twice the dearer wastes nats.
WASTEFUL, FREE_NATS = 2.0, 2.0


def collapsed(evidence: Evidence) -> Finding | None:
    """Latents whose posterior is the prior, and whether the eigenvalue rule explains them.

    Latent k of a linear model collapses exactly when the noise variance exceeds the covariance's k-th
    eigenvalue. Source: Lucas et al. 2019, arXiv:1911.02469.
    """
    unused = _unused(evidence)
    used, latents = int((~unused).sum()), len(unused)
    if used == latents:
        return None
    why, explained = _by_eigenvalues(evidence, used)
    numbers = {"unused": latents - used, "latents": latents, **explained}
    below = f"(KL below {UNUSED_NATS} nats)"
    if used == 0:
        has_sigma = "sigma_init" in evidence.run.settings.used_part_options()
        smaller = "--sigma-init or --beta" if has_sigma else "--beta"
        return Finding(
            "posterior collapse",
            "serious",
            f"posterior collapse: all {latents} latents are unused {below}{why}",
            f"set --kl-warmup to some epochs, a smaller {smaller}, or a smaller --learning-rate",
            numbers,
        )
    supported = min(latents, explained.get("above_noise", latents))
    expected = used >= supported
    return Finding(
        "unused latents",
        "information" if used * 2 >= supported else "warning",
        f"{latents - used} of {latents} latents {'is' if latents - used == 1 else 'are'} unused {below}{why}",
        "a smaller --latent-dim gives the same model"
        if expected
        else "--kl-warmup may wake them; a smaller --latent-dim gives the same model",
        numbers,
    )


def _unused(evidence: Evidence) -> np.ndarray:
    passed = evidence.passed
    still = passed.latent_mean.var(axis=0, dtype=np.float64) < ACTIVE
    return still if passed.kl is None else still & (passed.kl.mean(axis=0) < UNUSED_NATS)


def _by_eigenvalues(evidence: Evidence, used: int) -> tuple[str, dict[str, float]]:
    """The first eigenvalue without a latent beside the noise variance, for a Gaussian likelihood."""
    sd = evidence.passed.sd
    if evidence.run.settings.likelihood != "gaussian" or sd is None:
        return "", {}
    eigenvalues, noise = evidence.spectrum.eigenvalues, float(np.mean(sd**2, dtype=np.float64))
    eigenvalue = float(eigenvalues[used]) if used < len(eigenvalues) else 0.0
    above = int((eigenvalues > noise).sum())
    numbers = {"eigenvalue": eigenvalue, "noise_variance": noise, "above_noise": above}
    if used >= len(eigenvalues):
        return f": the data vary in {len(eigenvalues)} directions only", numbers
    words = f": the data's {_ordinal(used + 1)} eigenvalue {eigenvalue:.2g} is"
    if eigenvalue < noise:
        return f"{words} below the noise variance {noise:.2g}, as expected of pPCA too", numbers
    return f"{words} above the noise variance {noise:.2g}, so a linear model would use one more", numbers


def _ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th.

    >>> [_ordinal(n) for n in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def wasteful_rate(evidence: Evidence) -> Finding | None:
    """A rate far above what pPCA pays, and above what Gaussian data need for the same squared error.

    log(rows) bounds the information about these very rows, but not about new ones (pPCA of the faces has a
    rate far above it). No source needs more than the Gaussian of the same covariance at the same squared
    error (Shannon); errors are counted in units of the model's own noise.
    """
    passed, x = evidence.passed, evidence.some
    if passed.kl is None or not np.isfinite(passed.location).all():
        return None
    noise = _noise(passed.sd, x.shape[1]) if evidence.run.settings.likelihood == "gaussian" else 1.0
    distortion = float((((x - passed.location) / noise) ** 2).sum(axis=1).mean(dtype=np.float64))
    needed = gaussian_rate(spectrum_of(x / noise).eigenvalues, distortion)
    linear = ppca_rate(evidence.spectrum, passed.latent_mean.shape[1])
    rate = float(passed.kl.sum(axis=1).mean(dtype=np.float64))
    if not rate > WASTEFUL * max(needed, linear) + FREE_NATS:
        return None
    return Finding(
        "wasteful rate",
        "warning",
        f"the rate is {rate:.1f} nats per datum; pPCA of the same size pays {linear:.1f}, and Gaussian data "
        f"of this covariance need {needed:.1f} for the same squared error: q(z|x) is narrower, or further "
        "from p(z), than the reconstruction needs",
        "use --beta 1 or larger, a smaller --latent-dim, or a smaller --learning-rate",
        {"rate": rate, "rate_of_ppca": linear, "needed": needed},
    )


def ppca_rate(spectrum: Spectrum, k: int) -> float:
    r"""The rate of pPCA at its optimum, $\tfrac12 \sum_{i \le k} \log(\lambda_i / \sigma^2)$, nats per datum.

    >>> ppca_rate(Spectrum.fit(np.diag([3.0, 1.0, 1.0])), 0)
    0.0
    """
    used = min(k, spectrum.largest_k)
    return float(0.5 * np.log(spectrum.eigenvalues[:used] / spectrum.noise_variance(used)).sum())


def _noise(sd: Float[np.ndarray, "rows variables"] | None, dim: int) -> Float[np.ndarray, " variables"]:
    return np.ones(dim) if sd is None else np.sqrt(np.mean(sd**2, axis=0, dtype=np.float64))


def gaussian_rate(eigenvalues: Float[np.ndarray, " rank"], distortion: float) -> float:
    r"""The rate-distortion function of a Gaussian, nats: $\sum_i \max(0, \tfrac12 \log \lambda_i / \theta)$.

    $\theta$ is where $\sum_i \min(\theta, \lambda_i)$ is the squared error. Source: Cover & Thomas 2006,
    theorem 10.3.3 (reverse water-filling).

    >>> gaussian_rate(np.array([4.0, 1.0]), 2.0), gaussian_rate(np.array([4.0, 1.0]), 5.0)
    (0.693, 0.0)
    """
    rising = np.sort(eigenvalues).astype(np.float64)
    below = np.concatenate([[0.0], np.cumsum(rising)[:-1]])
    spent = below + rising * np.arange(len(rising), 0, -1)
    level = np.interp(distortion, np.concatenate([[0.0], spent]), np.concatenate([[0.0], rising]))
    return float(0.5 * np.log(np.maximum(rising / max(level, np.finfo(float).tiny), 1.0)).sum())
