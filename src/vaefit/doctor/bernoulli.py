"""Bernoulli likelihoods: certainties that are wrong, and grey values."""

from vaefit.doctor.evidence import Evidence
from vaefit.doctor.finding import Finding

# A probability this near 0 or 1 costs 14 nats where it is wrong, as much as 20 coin tosses; one in a hundred
# thousand wrong ones is then worth more than the rounding of an ELBO.
CERTAIN, WRONG_SHARE = 1e-6, 1e-5


def saturated(evidence: Evidence) -> Finding | None:
    """Values that the model rules out and that are there all the same."""
    if evidence.run.settings.likelihood != "bernoulli":
        return None
    probability, x = evidence.passed.location, evidence.some
    wrong = ((probability < CERTAIN) & (x > 0.5)) | ((probability > 1 - CERTAIN) & (x < 0.5))
    share = float(wrong.mean())
    if share <= WRONG_SHARE:
        return None
    return Finding(
        "saturated Bernoulli",
        "warning",
        f"{share:.2g} of all values have a probability within {CERTAIN:g} of 0 or 1 and are wrong, at 14 "
        f"nats or more each ({float(wrong.sum(axis=1).mean()):.2g} of them a row)",
        "set --weight-decay with --optimizer adamw, a smaller --keep-prob or a smaller --learning-rate",
        {"share": share, "a_row": float(wrong.sum(axis=1).mean())},
    )


def grey_values(evidence: Evidence) -> Finding | None:
    """Bernoulli on values between 0 and 1: a cross-entropy, no likelihood."""
    if evidence.run.settings.likelihood != "bernoulli":
        return None
    share = float(((evidence.rows.x != 0) & (evidence.rows.x != 1)).mean())
    if share == 0:
        return None
    return Finding(
        "Bernoulli on grey values",
        "information",
        f"{share:.0%} of the values are neither 0 nor 1: under a Bernoulli likelihood the ELBO is a "
        "cross-entropy, and cannot be compared with log-likelihoods",
        "choose --likelihood gaussian for numbers that compare",
        {"share": share},
    )
