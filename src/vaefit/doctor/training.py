"""How training went: over-fitting, not finished, thrown about, worse than its start, steps left out."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from vaefit.doctor.evidence import Evidence
from vaefit.doctor.finding import Finding

# Three standard errors: chance shows it once in 700 runs.
STANDARD_ERRORS = 3.0
# A tenth of what training gained over its start, lost again between training rows and others.
GAP_OF_GAIN = 0.1
# The last tenth of the epochs brought more than a hundredth of all that training gained.
LAST_TENTH, STILL_RISING, FEWEST_EPOCHS = 0.1, 0.01, 10
# One epoch in five of the second half falls back by more than a tenth of all that was gained. From pPCA's
# optimum there may be next to nothing to gain: less than half a nat is the noise of an epoch.
FALL, LEAST_FALL, OFTEN = 0.1, 0.5, 0.2
# A planted row costs one step an epoch; more than one in a thousand, or twenty, is a habit.
SKIPPED_SHARE, SKIPPED_STEPS = 1e-3, 20


def overfitted(evidence: Evidence) -> Finding | None:
    """A training ELBO above the held-out one by more than chance, and by much of what was gained.

    What pPCA of the same size loses between the same rows is not counted: that much the rows differ.
    """
    train, held_out = evidence.train_elbo, evidence.held_out_elbo
    gap = float(train.mean() - held_out.mean())
    se = float(np.hypot(_standard_error(train), _standard_error(held_out)))
    differ = _gap_of_ppca(evidence)
    gained = _gained(evidence, float(held_out.mean()))
    excess = gap - max(differ, 0.0)
    if not (excess > STANDARD_ERRORS * se and excess > GAP_OF_GAIN * gained):
        return None
    beside = f", pPCA's by {differ:.1f}" if np.isfinite(differ) and differ else ""
    return Finding(
        "over-fitting",
        "warning",
        f"over-fitting: the ELBO of training rows is {gap:.1f} +- {se:.1f} nats per datum above that of "
        f"held-out rows ({train.mean():.1f} and {held_out.mean():.1f}){beside}",
        "set a smaller --keep-prob, --weight-decay with --optimizer adamw, or fewer units in "
        "--encoder-layers and --decoder-layers",
        {"gap": gap, "standard_error": se, "gap_of_ppca": differ, "gained": gained},
    )


def _standard_error(values: Float[np.ndarray, " rows"]) -> float:
    return float(values.std() / np.sqrt(max(len(values) - 1, 1)))


def _gap_of_ppca(evidence: Evidence) -> float:
    """How much better pPCA fitted to the training rows does on them; 0 where it means nothing."""
    assert evidence.train is not None and evidence.held_out is not None
    likelihood = evidence.run.model.likelihood
    if likelihood.discrete or likelihood.typed:
        return 0.0
    model = evidence.spectrum.ppca(evidence.run.model.posterior.latent_dim)
    held_out = evidence.held_out.thinned(len(evidence.some)).x + evidence.run.transform.quantum / 2
    return float(model.log_likelihood(evidence.some).mean() - model.log_likelihood(held_out).mean())


def _gained(evidence: Evidence, now: float) -> float:
    """How much the validation ELBO rose over its start, nats; 0 where the history does not say."""
    first = evidence.validations[:1]
    return max(0.0, now - first[0]["validation"]["elbo"]) if first else 0.0


def falling(evidence: Evidence) -> Finding | None:
    """A validation ELBO that fell since the kept epoch while the training ELBO rose."""
    records = [r for r in evidence.validations if "elbo" in r]
    if len(records) < 3:
        return None
    held_out = np.array([r["validation"]["elbo"] for r in records])
    kept = [i for i, record in enumerate(records) if record.get("best")]
    best = kept[-1] if kept else int(held_out.argmax())
    fell, rose = held_out[best] - held_out[-1], records[-1]["elbo"] - records[best]["elbo"]
    if fell <= GAP_OF_GAIN * (held_out[best] - held_out[0]) or rose <= 0 or fell <= 0:
        return None
    return Finding(
        "validation falls",
        "information",
        f"after epoch {records[best]['epoch']} the validation ELBO fell by {fell:.1f} nats per datum while "
        "the "
        f"training ELBO rose by {rose:.1f}: later epochs over-fit (epoch {records[best]['epoch']} is kept)",
        "a smaller --keep-prob, --weight-decay with --optimizer adamw, or fewer units may move the best "
        "further",
        {"fell": float(fell), "rose": float(rose)},
    )


def start_kept(evidence: Evidence) -> Finding | None:
    """Epochs that all did worse than the start on the validation rows, by more than the noise of an epoch."""
    records = evidence.validations
    if len(records) <= FEWEST_EPOCHS or "loss" in records[0] or any(r.get("best") for r in records[1:]):
        return None
    elbo = np.array([record["validation"]["elbo"] for record in records])
    start, best = float(elbo[0]), float(np.fmax.reduce(elbo[1:]))
    if not start - best > LEAST_FALL:
        return None
    return Finding(
        "start kept",
        "information",
        f"no epoch did better than the start (validation ELBO {start:.1f}, the best of {len(records) - 1} "
        f"epochs {best:.1f}): the weights kept are those training began with",
        f"set more --epochs, or a smaller --learning-rate (now {evidence.run.settings.learning_rate:g})",
        {"start": start, "best": best},
    )


def unfinished(evidence: Evidence) -> Finding | None:
    """The last epoch is the best one, and the ELBO was still rising."""
    elbo, what = _scores(evidence)
    if len(elbo) < FEWEST_EPOCHS or len(evidence.epochs) < evidence.run.settings.most_epochs:
        return None
    last = max(1, round(LAST_TENTH * len(elbo)))
    rise, gained = float(elbo[-1] - elbo[-1 - last]), float(elbo[-1] - elbo[0])
    if int(elbo.argmax()) != len(elbo) - 1 or gained <= 0 or rise <= STILL_RISING * gained:
        return None
    return Finding(
        "training not finished",
        "warning",
        f"training is not finished: the last epoch is the best, and the last {last} brought {rise:.2f} of "
        f"the {gained:.2f} nats per datum that the {what} ELBO rose",
        _more_epochs(evidence),
        {"rise": rise, "gained": gained},
    )


def _more_epochs(evidence: Evidence) -> str:
    settings = evidence.run.settings
    if settings.schedule in ("cosine", "exponential"):
        # Their learning rate has come to its end; resuming would go on with next to none.
        return f"fit again with --epochs {2 * settings.most_epochs}"
    return f"go on with: vaefit fit --resume RUN --epochs {2 * settings.most_epochs}"


def oscillating(evidence: Evidence) -> Finding | None:
    """A training ELBO that is thrown back again and again."""
    elbo = np.array([r["elbo"] for r in evidence.epochs])
    if len(elbo) < FEWEST_EPOCHS or not np.isfinite(elbo).all():
        return None
    gained = float(elbo.max() - elbo[0])
    falls = np.array([before - after for before, after in pairwise(elbo[len(elbo) // 2 :])])
    often = float((falls > max(FALL * gained, LEAST_FALL)).mean())
    if gained <= 0 or often <= OFTEN:
        return None
    return Finding(
        "loss oscillates",
        "warning",
        f"the loss oscillates: in {often:.0%} of the later epochs the training ELBO fell by more than a "
        f"tenth of all it had gained, by up to {falls.max():.1f} nats per datum",
        f"set a smaller --learning-rate (now {evidence.run.settings.learning_rate:g})",
        {"share": often, "largest_fall": float(falls.max())},
    )


def _scores(evidence: Evidence) -> tuple[Float[np.ndarray, " epochs"], str]:
    """The ELBO that chose the weights, epoch by epoch (not of the start), and its name."""
    held_out = [r["validation"]["elbo"] for r in evidence.validations if "loss" in r]
    return (
        (np.array(held_out), "validation")
        if held_out
        else (
            np.array([r["elbo"] for r in evidence.epochs]),
            "training",
        )
    )


def skipped(evidence: Evidence) -> Finding | None:
    """Steps that were left out because their numbers were not finite."""
    if not evidence.epochs:
        return None
    last = evidence.epochs[-1]
    steps, out = max(int(last["step"]), 1), int(last.get("skipped", 0))
    if out < SKIPPED_STEPS and out <= SKIPPED_SHARE * steps:
        return None
    return Finding(
        "skipped steps",
        "warning",
        f"{out} of {steps} steps ({out / steps:.1%}) were left out because their loss or gradient was not "
        "finite",
        f"look for rows far from all others, or set a smaller --learning-rate (now "
        f"{evidence.run.settings.learning_rate:g})",
        {"skipped": out, "steps": steps},
    )


def not_finite(evidence: Evidence) -> Finding | None:
    """Kept weights that are not finite."""
    import jax

    arrays = [leaf for leaf in jax.tree.leaves(evidence.run.model) if hasattr(leaf, "dtype")]
    bad = sum(int((~np.isfinite(np.asarray(a))).sum()) for a in arrays)
    if not bad:
        return None
    return Finding(
        "weights not finite",
        "serious",
        f"{bad} of the kept weights are not finite: the file is damaged or training diverged",
        "restore model.safetensors, or fit again with a smaller --learning-rate",
        {"weights": bad},
    )
