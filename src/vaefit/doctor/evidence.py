"""What the checks look at: a run, its rows, and what its model makes of them, each computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree
from numpyro import distributions as dist

from vaefit.assemble import build_trainer
from vaefit.data import spread
from vaefit.evaluation.blocks import blocks
from vaefit.evaluation.latents import kl_by_latent
from vaefit.model import VAE
from vaefit.ppca import Spectrum
from vaefit.run import Run
from vaefit.train import Trainer

# Enough rows for a mean to be known to 2% of its spread, few enough for a doctor who costs a second.
MOST_ROWS = 2048
# The eigenvalues of wide rows come from an N by N matrix, whose cost grows with N^3.
WIDE, MOST_WIDE_ROWS = 1024, 1024
GRADIENT_BATCHES = 4


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as the network takes them, where they stood in the data, and what they are called."""

    x: Float[np.ndarray, "rows variables"]
    positions: Int[np.ndarray, " rows"] | None = None
    names: Sequence[str] | None = None

    def called(self, row: int) -> str:
        """A row's name, or its number, from 1."""
        if self.names is not None:
            return self.names[row]
        return f"row {row + 1 if self.positions is None else self.positions[row] + 1}"

    def thinned(self, most: int) -> "Rows":
        """At most so many of the rows, evenly spread."""
        if len(self.x) <= most:
            return self
        kept = spread(len(self.x), most)
        return Rows(
            self.x[kept],
            None if self.positions is None else self.positions[kept],
            None if self.names is None else [self.names[i] for i in kept],
        )


class Passed(NamedTuple):
    """What rows become on their way through the model, with one draw of q(z|x) each; no dropout.

    `kl` is None where q or the prior is not made of independent latents, `sd` of a joint likelihood too.
    """

    latent_mean: Float[np.ndarray, "rows latent"]
    kl: Float[np.ndarray, "rows latent"] | None
    location: Float[np.ndarray, "rows variables"]
    sd: Float[np.ndarray, "rows variables"] | None
    encoder_hidden: tuple[Float[np.ndarray, "rows _"], ...]
    decoder_hidden: tuple[Float[np.ndarray, "rows _"], ...]


@dataclass(frozen=True)
class Slope:
    """The gradient of the loss in one array of weights."""

    name: str
    gradients: Float[np.ndarray, " batches"]
    weight: float


@dataclass(eq=False)
class Evidence:
    """A run, and the rows it can be held against; either may be missing."""

    run: Run
    train: Rows | None = None
    held_out: Rows | None = None
    columns: Sequence[str] | None = None
    given: Trainer | None = field(default=None, repr=False)

    @property
    def validations(self) -> list[dict[str, Any]]:
        """The epochs that have a validation ELBO."""
        return [r for r in self.run.history if r.get("validation")]

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The epochs that were trained (not the start)."""
        return [r for r in self.run.history if "loss" in r]

    @property
    def rows(self) -> Rows:
        """The training rows, or, where they are gone, those there are."""
        found = self.train or self.held_out
        assert found is not None
        return found

    @cached_property
    def some(self) -> Float[np.ndarray, "rows variables"]:
        """At most 2048 of the rows, pixels at the middle of their level."""
        return self.rows.thinned(MOST_ROWS).x + np.float32(self.run.transform.quantum / 2)

    @cached_property
    def passed(self) -> Passed:
        """What the model makes of some of the rows."""
        key = jax.random.fold_in(jax.random.key(self.run.settings.seed), 7)
        return passed(self.run.model, self.some, key)

    @cached_property
    def trainer(self) -> Trainer:
        """The training that the run's settings describe."""
        return self.given or build_trainer(
            self.run.settings, self.run.transform, self.run.model, self.rows.thinned(MOST_ROWS).x
        )

    @cached_property
    def train_elbo(self) -> Float[np.ndarray, " rows"]:
        """The ELBO of some training rows, nats per datum."""
        assert self.train is not None
        return self._elbo(self.train)

    @cached_property
    def held_out_elbo(self) -> Float[np.ndarray, " rows"]:
        """The ELBO of some held-out rows, nats per datum."""
        assert self.held_out is not None
        return self._elbo(self.held_out)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Eigenvalues of the covariance of some of the rows."""
        return spectrum_of(self.some)

    @cached_property
    def slopes(self) -> list[Slope]:
        """Gradients of the loss at the kept weights, over a few batches."""
        return slopes(
            self.trainer, eqx.filter(self.run.model, eqx.is_inexact_array), self.rows.x, len(self.epochs)
        )

    def column(self, number: int) -> str:
        """A variable's name, or its number, from 1."""
        if self.columns is not None:
            return f"column {self.columns[number]!r}"
        what = "pixel" if self.run.image_size is not None else "column"
        return f"{what} {number + 1}"

    def _elbo(self, rows: Rows) -> Float[np.ndarray, " rows"]:
        return -self.trainer.evaluator.rows(self.run.model, rows.thinned(MOST_ROWS).x).sum(axis=1)


def spectrum_of(x: Float[np.ndarray, "rows variables"]) -> Spectrum:
    """The spectrum of rows, of fewer where they are wide."""
    return Spectrum.fit(x[:: -(-len(x) // MOST_WIDE_ROWS)] if x.shape[1] > WIDE else x)


def passed(model: VAE, x: Float[np.ndarray, "rows variables"], key: Key[Array, ""]) -> Passed:
    """Rows through the model, a block at a time; the hidden units of the first block only."""
    found = []
    for number, (rows, (block,)) in enumerate(blocks(x)):
        whole = jax.device_get(_passed_block(model, block, jax.random.fold_in(key, number)))
        found.append(_cut(Passed(**whole), rows.stop - rows.start))
    return _joined(found)


def _cut(block: Passed, rows: int) -> Passed:
    return jax.tree.map(lambda values: values[:rows], block)


def _joined(found: list[Passed]) -> Passed:
    """The blocks as one; hidden units stay those of the first."""
    first = found[0]

    def joined(name: str) -> Any:
        parts = [getattr(block, name) for block in found]
        return None if parts[0] is None else np.concatenate(parts)

    return first._replace(**{name: joined(name) for name in ("latent_mean", "kl", "location", "sd")})


@eqx.filter_jit
def _passed_block(model: VAE, x: Float[Array, "rows variables"], key: Key[Array, ""]) -> dict[str, PyTree]:
    terms = model.terms(x, None, key, 1)
    p = model.likelihood(terms.decoder.output)
    assert terms.posterior.mean is not None
    return {
        "latent_mean": terms.posterior.mean,
        "kl": _kl_by_latent(terms.posterior, terms.prior),
        "location": terms.location[0],
        "sd": None if model.likelihood.joint else _sd(p, x),
        "encoder_hidden": terms.encoder.hidden,
        "decoder_hidden": tuple(layer[0] for layer in terms.decoder.hidden),
    }


def _sd(p: dist.Distribution, x: Array) -> Array | None:
    try:
        return None if p.variance is None else jnp.sqrt(p.variance[0] + 0 * x)
    except NotImplementedError:
        return None


def _kl_by_latent(q: dist.Distribution, prior: dist.Distribution) -> Array | None:
    try:
        return kl_by_latent(q, prior)
    except NotImplementedError:
        return None


def slopes(
    trainer: Trainer, params: PyTree, x: Float[np.ndarray, "rows variables"], epoch: int
) -> list[Slope]:
    """The norm of the loss's gradient in every array of weights, over a few batches spread over the rows."""
    size = min(trainer.plan.batch_size, len(x))
    key = jax.random.fold_in(jax.random.key(trainer.plan.seed), 8)
    norms = jax.jit(lambda p, b, k: _norms(_gradient(trainer, p, b, jnp.float32(epoch), k)))
    starts = np.linspace(0, len(x) - size, GRADIENT_BATCHES).astype(int)
    found = [
        jax.device_get(norms(params, x[start : start + size], jax.random.fold_in(key, number)))
        for number, start in enumerate(starts)
    ]
    weights = jax.device_get(_norms(params))
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    return [
        # The network beside a linear path is called by its own weights.
        Slope(name.strip(".").replace(".network.", "."), np.array([f[i] for f in found]), float(weights[i]))
        for i, name in enumerate(names)
    ]


def _gradient(trainer: Trainer, params: PyTree, x: Array, epoch: Array, key: Array) -> PyTree:
    return jax.grad(lambda p: trainer.program.loss(p, x, jnp.ones(len(x)), epoch, key)[0])(params)


def _norms(tree: PyTree) -> list[Array]:
    return [jnp.sqrt(jnp.vdot(leaf, leaf)) for leaf in jax.tree.leaves(tree)]
