"""The ELBO of held-out rows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Key, PyTree

from vaefit import devices
from vaefit.ahead import Ahead
from vaefit.backend import computes_on_cpu
from vaefit.data import Visit
from vaefit.evaluation.blocks import BLOCK, blocks
from vaefit.evaluation.visit import visited
from vaefit.model import VAE, importance_weighted

LogJacobian = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Bound:
    """The ELBO, its two terms, and the importance-weighted bound; means over rows, nats per datum."""

    elbo: float
    rate: float
    distortion: float
    importance_weighted: float


class Evaluator:
    """The ELBO of every row, exactly once, whatever the number of rows; one compiled program.

    Rows go through in blocks of one size, the last one padded. Noise comes from a fixed seed, so equal
    weights give equal numbers. `visit` is the transform's, what one visit makes of x; `log_jacobian`
    (of rows, one number each) takes the density to the data's own scale. With a mesh a block's rows are
    divided among its devices, and every process that has some of them must take part.
    """

    def __init__(
        self,
        model: VAE,
        *,
        samples: int,
        seed: int,
        visit: Visit | None = None,
        log_jacobian: LogJacobian | None = None,
        mesh: Mesh | None = None,
    ) -> None:
        _, static = eqx.partition(model, eqx.is_inexact_array)
        self.samples = samples
        self._visit, self._log_jacobian = visit, log_jacobian
        self.key = jax.random.fold_in(jax.random.key(seed), 1)
        self._mesh, self._block = mesh, _compiled(static, samples, mesh)

    def __call__(
        self,
        model: VAE,
        x: Float[np.ndarray, "rows variables"],
        weights: Float[np.ndarray, " rows"] | None = None,
    ) -> Bound:
        """Means over the rows of `x`, weighted where there are weights, summed in float64."""
        return self.mean(self._rows(model, x), weights)

    @staticmethod
    def mean(
        per_row: Float[np.ndarray, "rows 3"], weights: Float[np.ndarray, " rows"] | None = None
    ) -> Bound:
        """The bound from rate, distortion and importance-weighted bound of every row."""
        means = per_row.mean(axis=0) if weights is None else np.average(per_row, axis=0, weights=weights)
        rate, distortion, tighter = (float(mean) for mean in means)
        return Bound(-rate - distortion, rate, distortion, tighter)

    def rows(
        self, model: PyTree, x: Float[np.ndarray, "rows variables"], first: int = 0
    ) -> Float[np.ndarray, "rows 2"]:
        """Rate and distortion of each row, nats; of a model, or of its arrays alone.

        `first` is the number of the first row, where these are some of many.
        """
        return self._rows(model, x, first)[:, :2]

    def _rows(
        self, model: PyTree, x: Float[np.ndarray, "rows variables"], first: int = 0
    ) -> Float[np.ndarray, "rows 3"]:
        params, found = eqx.filter(model, eqx.is_inexact_array), []
        for number, (rows, (block,)) in enumerate(blocks(x), first // BLOCK):
            seen = self.seen(np.asarray(block))
            key = jax.random.fold_in(self.key, number)
            terms = self._block(params, devices.copied(self._mesh, seen), key)
            found.append(np.asarray(terms, np.float64)[: rows.stop - rows.start])
            found[-1] += self.scale_terms(seen[: rows.stop - rows.start])
        return np.concatenate(found)

    def seen(self, x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, "rows variables"]:
        """The rows as the model sees them."""
        return visited(x, self._visit)

    def scale_terms(
        self, seen: Float[np.ndarray, "rows variables"]
    ) -> Float[np.ndarray, "rows 3"] | Float[np.ndarray, "3"]:
        """What takes rate, distortion and importance-weighted bound of rows to the data's own scale."""
        if self._log_jacobian is None:
            return np.zeros(3)
        return self._log_jacobian(seen)[:, None] * np.array([0.0, -1.0, 1.0])


def begin_compiling(static: PyTree, params: PyTree, samples: int, variables: int) -> None:
    """Compile in the background what an `Evaluator` needs, on one device, of a model of these shapes."""
    x = jax.ShapeDtypeStruct((BLOCK, variables), jnp.float32)
    _compiled(static, samples, None).begin(params, x, jax.eval_shape(lambda: jax.random.key(0)))


@lru_cache(maxsize=64)
def _compiled(static: PyTree, samples: int, mesh: Mesh | None) -> Ahead:
    """Rate, distortion and importance-weighted bound of a block; one program for all models of a make."""

    def terms_of_block(
        params: PyTree, x: Float[Array, "rows variables"], key: Key[Array, ""]
    ) -> Float[Array, "rows 3"]:
        x = devices.spread(mesh, x)
        with devices.spreading(mesh):
            return block_terms(eqx.combine(params, static), x, key, samples)

    return Ahead(terms_of_block, out_shardings=devices.everywhere(mesh))


def block_terms(
    model: VAE, x: Float[Array, "rows variables"], key: Key[Array, ""], samples: int
) -> Float[Array, "rows 3"]:
    """Rate, distortion and importance-weighted bound of every row, nats; draws as in `model.terms`."""
    if model.likelihood.joint:
        terms = model.terms(x, None, key, samples)
        return jnp.stack([terms.rate, terms.distortion, terms.importance_weighted], axis=-1)
    _, q, z, _ = model.drawn(x, key, samples)
    prior = model.prior_over_latents()

    def of_draw(z: Float[Array, "*draws rows latent"]) -> Float[Array, "*draws rows"]:
        return jnp.sum(jnp.asarray(model.decode(z).log_prob(x)), axis=-1)

    # One draw at a time stays in a processor's cache; a GPU would wait for so little.
    log_px = jax.lax.map(of_draw, z) if computes_on_cpu() else of_draw(z)
    sampled_rate = jnp.asarray(q.log_prob(z)) - jnp.asarray(prior.log_prob(z))
    kl = model.posterior.kl(q, prior)
    rate = jnp.mean(sampled_rate, axis=0) if kl is None else kl
    tighter = importance_weighted(log_px - sampled_rate)
    return jnp.stack([rate, -jnp.mean(log_px, axis=0), tighter], axis=-1)
