"""Latents that carry nothing, and a rate that is paid for nothing."""

import numpy as np
from jaxtyping import Float

from vaefit.doctor.evidence import Evidence, spectrum_of
from vaefit.doctor.finding import Finding
from vaefit.evaluation.latents import ACTIVE

# A latent whose KL is below a hundredth of a nat says nothing that a person could see; an active unit's
# posterior mean varies by more than ACTIVE (Burda et al. 2016, arXiv:1509.00519).
UNUSED_NATS = 0.01
# A Gaussian is the hardest source of its covariance to describe (Cover & Thomas, theorem 10.3.3), so its rate
# is what a good code may cost. With k latents it costs more: pPCA of faces and digits takes 1.0 to 2.6 times
# as much (the most with 2 latents, where it is a few nats), a network after its first epochs up to 5 times.
WASTEFUL, FREE_NATS = 5.0, 5.0


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
        return Finding(
            "posterior collapse",
            "serious",
            f"posterior collapse: all {latents} latents are unused {below}{why}",
            "set --kl-warmup to some epochs, a smaller --sigma-init or --beta, or a smaller --learning-rate",
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
    words = f": the data's {_ordinal(used + 1)} eigenvalue {eigenvalue:.2g} is"
    if eigenvalue < noise:
        words += f" below the noise variance {noise:.2g}, as expected of pPCA too"
    else:
        words += f" above the noise variance {noise:.2g}, so a linear model would use one more"
    above = int((eigenvalues > noise).sum())
    return words, {"eigenvalue": eigenvalue, "noise_variance": noise, "above_noise": above}


def _ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th.

    >>> [_ordinal(n) for n in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def wasteful_rate(evidence: Evidence) -> Finding | None:
    """A rate far above what Gaussian data of this covariance need for the same distortion.

    log(rows) bounds the information about these very rows, but not about new ones (pPCA of the faces has a
    rate far above it), so the reference is Shannon's rate-distortion function of the Gaussian: no source of
    the same covariance needs more. Squared errors are counted in units of the model's own noise.
    """
    passed, x = evidence.passed, evidence.some
    if passed.kl is None or not np.isfinite(passed.location).all():
        return None
    noise = _noise(passed.sd, x.shape[1]) if evidence.run.settings.likelihood == "gaussian" else 1.0
    distortion = float((((x - passed.location) / noise) ** 2).sum(axis=1).mean(dtype=np.float64))
    needed = gaussian_rate(spectrum_of(x / noise).eigenvalues, distortion)
    rate = float(passed.kl.sum(axis=1).mean(dtype=np.float64))
    if not rate > WASTEFUL * needed + FREE_NATS:
        return None
    return Finding(
        "wasteful rate",
        "warning",
        f"the rate is {rate:.1f} nats per datum, and Gaussian data of this covariance would need "
        f"{needed:.1f} "
        "for the same squared error: the posteriors are far narrower or further out than the reconstruction "
        "needs",
        "use --beta 1 or larger, a smaller --latent-dim, or a smaller --learning-rate",
        {"rate": rate, "needed": needed},
    )


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
