"""Certificates of training: a linear model finds the optimum, and drops the directions that it must."""

from collections.abc import Mapping
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
from vaefit.evaluation.latents import latent_use
from vaefit.model import VAE
from vaefit.settings import Settings
from vaefit.train import Trainer

LATENTS = 5
PER_CENT = 0.1
SHIFT = 0.01  # how far on either side of an eigenvalue the noise variance is put
THRESHOLD_PER_CENT = 0.1


def training_reaches_the_optimum(subject: Subject) -> list[Certificate]:
    """A linear model started at random, against the closed form; nats are at the scale of the given rows."""
    smaller = subject.smaller(LATENTS)
    trained = _trained(smaller, sigma="learned")
    off = smaller.exact.mean() - exact_elbo(trained, smaller.x).mean()
    truth = subject.spectrum.ppca(smaller.latent_dim).log_likelihood(subject.x).mean()
    name = f"random start, trained: ELBO = pPCA's log-likelihood, {smaller.latent_dim} latents"
    return [Certificate(name, 100 * abs(off / truth), PER_CENT, "% of it, mean of rows")]


def training_drops_what_noise_covers(subject: Subject) -> list[Certificate]:
    """With a fixed noise variance between two eigenvalues, as many latents stay as there are above it."""
    smaller = subject.smaller(LATENTS)
    eigenvalues = smaller.spectrum.eigenvalues[: smaller.latent_dim + 1]
    wrong = 0
    for above, noise in enumerate(np.sqrt(eigenvalues[:-1] * eigenvalues[1:]), start=1):
        # Fixing the sd at one and scaling the rows is the same, and one program for all.
        scaled = Subject(
            (smaller.x / np.sqrt(noise)).astype(np.float32), smaller.latent_dim, smaller.seed, smaller.effort
        )
        trained = _trained(scaled, sigma="fixed")
        wrong += latent_use(trained, scaled.x).active_units != above
    name = "random start, trained: active latents = eigenvalues above a fixed sigma^2"
    return [Certificate(name, wrong, 0, f"wrong counts of {len(eigenvalues) - 1} values of sigma^2")]


def collapse_is_at_the_eigenvalue(subject: Subject) -> list[Certificate]:
    r"""A latent that is unused stays so exactly when $\sigma^2$ exceeds its eigenvalue (Lucas et al. 2019).

    The ELBO's curvature in that latent's encoder and decoder weights is measured on both sides of the
    eigenvalue; where its largest value is zero, unused turns from a saddle into a maximum.
    """
    smaller = subject.smaller(LATENTS)
    off = [_threshold(smaller, column) for column in range(smaller.latent_dim)]
    name = "sigma^2 at which an unused latent stays unused = its eigenvalue"
    return [
        Certificate(name, 100 * max(off, key=abs), THRESHOLD_PER_CENT, f"%, largest of {len(off)} latents")
    ]


class _Unseen:
    """Training that nobody watches."""

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any], trainer: Trainer) -> None: ...

    def on_epoch(self, record: Mapping[str, Any], trainer: Trainer) -> None: ...

    def on_trouble(self, message: str) -> None: ...


def _trained(subject: Subject, sigma: str) -> VAE:
    settings = Settings.of(
        **LINEAR,
        latent_dim=subject.latent_dim,
        sigma=sigma,
        linear_path=False,
        init_sd=0.1,
        kl="analytic",
        samples=4,
        learning_rate=2e-2,
        epochs=subject.effort.epochs,
        seed=subject.seed,
    )
    dim = subject.x.shape[1]
    model = build_model(settings, dim, jax.random.key(subject.seed))
    trainer = build_trainer(settings, Identity((dim,)), model, subject.x)
    trainer.run(_Unseen())
    return trainer.last()


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
    """Second derivatives of the mean ELBO by the latent's encoder and decoder weights, where both are zero."""
    into, out = model.encoder.linear_path, model.decoder.linear_path  # pyright: ignore[reportAttributeAccessIssue]
    offset = model.encoder.offset  # pyright: ignore[reportAttributeAccessIssue]

    def elbo(weights: Float[Array, "2"]) -> Float[Array, ""]:
        changed = eqx.tree_at(
            lambda m: (m.encoder.linear_path, m.encoder.offset, m.decoder.linear_path),
            model,
            (
                into.at[:, column].set(weights[0] * direction),
                # As broad as the prior, which costs nothing.
                offset.at[jnp.stack([column, column + model.posterior.latent_dim])].set(0.0),
                out.at[column].set(weights[1] * direction),
            ),
        )
        return jnp.mean(elbo_of_block(changed, x))

    return jax.hessian(elbo)(jnp.zeros(2))
