"""Certificates of training: a linear model finds the optimum, and drops the directions that it must."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from vaefit.assemble import build_model, build_trainer
from vaefit.certify.certificate import Certificate
from vaefit.certify.elbo import elbo_of_block, exact_elbo
from vaefit.certify.subject import LINEAR, Subject
from vaefit.data.transforms import Identity
from vaefit.evaluation.blocks import mapped
from vaefit.model import VAE
from vaefit.networks import LinearPath
from vaefit.settings import Settings
from vaefit.train import Trainer

LATENTS = 5
PER_CENT = 0.1
BATCH = 500
DRAWS = 4
SEPARATED = 1.1
SHIFT = 0.01  # how far on either side of an eigenvalue the noise variance is put
THRESHOLD_PER_CENT = 0.1


def training_reaches_the_optimum(subject: Subject) -> list[Certificate]:
    """A linear model started at random, against the closed form."""
    smaller = subject.smaller(LATENTS)
    truth = smaller.exact.mean()
    off = truth - exact_elbo(_trained(smaller, "learned", subject.effort.steps), smaller.x).mean()
    name = f"random start, trained: ELBO = pPCA's log-likelihood, {smaller.latent_dim} latents"
    return [Certificate(name, 100 * abs(float(off / truth)), PER_CENT, "% of it, mean of rows of variance 1")]


def training_drops_what_noise_covers(subject: Subject) -> list[Certificate]:
    """With a fixed noise variance between two eigenvalues, as many directions stay as there are above it.

    Neighbours closer than `SEPARATED` are left out: training takes long to tell them apart.
    """
    smaller = subject.smaller(LATENTS)
    eigenvalues = smaller.spectrum.eigenvalues[: smaller.latent_dim + 1]
    counts = [j for j in range(1, len(eigenvalues)) if eigenvalues[j - 1] > SEPARATED * eigenvalues[j]]
    if not counts:
        return []
    noises = [float(np.sqrt(eigenvalues[j - 1] * eigenvalues[j])) for j in counts]
    wrong = sum(_used(smaller, noise, eigenvalues) != j for j, noise in zip(counts, noises, strict=True))
    name = "random start, trained: directions in use = eigenvalues above a fixed sigma^2"
    return [Certificate(name, wrong, 0, f"wrong counts of {len(counts)} values of sigma^2")]


def collapse_is_at_the_eigenvalue(subject: Subject) -> list[Certificate]:
    r"""A latent that is unused stays so exactly when $\sigma^2$ exceeds its eigenvalue (Lucas et al. 2019).

    The ELBO's curvature in that latent's encoder and decoder weights is measured on both sides of the
    eigenvalue; where its largest value is zero, unused turns from a saddle into a maximum.
    """
    smaller = subject.smaller(LATENTS)
    off = [abs(_threshold(smaller, column)) for column in range(smaller.latent_dim)]
    name = "sigma^2 at which an unused latent stays unused = its eigenvalue"
    return [Certificate(name, 100 * max(off), THRESHOLD_PER_CENT, f"%, largest of {len(off)} latents")]


class _Unseen:
    """Training that nobody watches."""

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any], trainer: Trainer) -> None: ...

    def on_epoch(self, record: Mapping[str, Any], trainer: Trainer) -> None: ...

    def on_trouble(self, message: str) -> None: ...


def _trained(subject: Subject, sigma: str, steps: int) -> VAE:
    settings = Settings.of(
        **LINEAR,
        latent_dim=subject.latent_dim,
        sigma=sigma,
        linear_path=False,
        init_sd=0.3 * subject.x.shape[1] ** -0.5,
        kl="analytic",
        # Of few rows each is drawn more often, so that a step is no noisier than one of a whole batch.
        samples=DRAWS * -(-BATCH // len(subject.x)),
        learning_rate=0.1,
        adam_b2=0.95,
        batch_size=BATCH,
        epochs=-(-steps // -(-len(subject.x) // BATCH)),
        seed=subject.seed,
    )
    dim = subject.x.shape[1]
    model = build_model(settings, dim, jax.random.key(subject.seed))
    trainer = build_trainer(settings, Identity((dim,)), model, subject.x)
    trainer.run(_Unseen())
    return trainer.last()


def _used(subject: Subject, noise: float, eigenvalues: Float[np.ndarray, " largest"]) -> int:
    """Directions that posterior means of a trained model vary in, at a fixed noise variance.

    At the optimum their variance is 1 - noise / eigenvalue; half that of the weakest divides used and unused.
    """
    # Fixing the sd at one and scaling the rows is the same, and one program for all.
    scaled = replace(subject, x=(subject.x / np.sqrt(noise)).astype(np.float32))
    model = _trained(scaled, "fixed", subject.effort.sweep_steps)
    means = mapped(eqx.filter_jit(lambda block: jnp.asarray(model.encode(block).mean)), scaled.x)
    weakest = 1 - noise / eigenvalues[eigenvalues > noise].min()
    variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(means.astype(np.float64).T, bias=True)))
    return int(np.sum(variances > weakest / 2))


def _threshold(subject: Subject, column: int) -> float:
    """How far from the eigenvalue, as a share of it, the noise variance is at which curvature is zero."""
    eigenvalue = subject.spectrum.eigenvalues[column]
    below, above = (_largest_curvature(subject, column, eigenvalue * (1 + s)) for s in (-SHIFT, SHIFT))
    return SHIFT * (below + above) / (below - above)


def _largest_curvature(subject: Subject, column: int, noise: float) -> float:
    """At the optimum of all other latents, in the weights of an unused one along its eigenvector."""
    x = (subject.x / np.sqrt(noise)).astype(np.float32)
    model = subject.at_optimum(x, sigma="fixed", **LINEAR)
    direction = subject.spectrum.eigenvectors[:, column].astype(np.float32)
    found = _curvature(model, jnp.asarray(x), jnp.asarray(direction), jnp.asarray(column))
    return float(np.linalg.eigvalsh(np.asarray(found, np.float64))[-1])


@eqx.filter_jit
def _curvature(
    model: VAE,
    x: Float[Array, "rows variables"],
    direction: Float[Array, " variables"],
    column: Int[Array, ""],
) -> Float[Array, "2 2"]:
    """Second derivatives of the mean ELBO by the latent's encoder and decoder weights, both of them zero."""
    encoder, decoder = model.encoder, model.decoder
    assert isinstance(encoder, LinearPath) and isinstance(decoder, LinearPath)
    both = jnp.stack([column, column + model.posterior.latent_dim])

    def elbo(weights: Float[Array, "2"]) -> Float[Array, ""]:
        into = encoder.linear_path.at[:, column].set(weights[0] * direction)
        out = decoder.linear_path.at[column].set(weights[1] * direction)
        # Mean 0 and sd 1: as the prior.
        unused = encoder.with_linear_path(into, encoder.offset.at[both].set(0.0))
        changed = (unused, decoder.with_linear_path(out, decoder.offset))
        return jnp.mean(elbo_of_block(eqx.tree_at(lambda m: (m.encoder, m.decoder), model, changed), x))

    return jax.hessian(elbo)(jnp.zeros(2))
