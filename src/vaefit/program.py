"""What of training is traced: one program for all steps, epochs, seeds and data of a shape.

Chunks of steps run inside one compiled loop whose bounds are traced, so that any number of steps is the same
program.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from vaefit import devices
from vaefit.ahead import Ahead
from vaefit.model import VAE, Terms
from vaefit.objectives import Objective
from vaefit.optimise import Schedule
from vaefit.penalties import Penalty
from vaefit.visits import TrainingVisit


class Sums(NamedTuple):
    """Running sums over the epoch's good steps, weighted by rows."""

    rows: Float[Array, ""]
    loss: Float[Array, ""]
    rate: Float[Array, ""]
    distortion: Float[Array, ""]
    penalties: dict[str, Float[Array, ""]]


class State(NamedTuple):
    """All that the compiled program changes."""

    params: PyTree
    optimizer: PyTree
    step: Int[Array, ""]
    sums: Sums
    skipped: Int[Array, ""]
    failing: Int[Array, ""]


@dataclass(frozen=True)
class Program:
    """What is traced. Equal programs, of whatever trainer, data and seed, share one compilation.

    `static` is the model without its weights. With a mesh the rows of a batch are divided among its devices;
    the numbers that are drawn are those of the whole batch, whatever the number of devices.
    """

    static: PyTree
    objective: Objective
    penalties: tuple[tuple[str, float | Float[Array, ""], Penalty], ...]
    optimizer: optax.GradientTransformationExtraArgs
    schedule: Schedule
    visit: TrainingVisit
    samples: int
    shuffle: bool
    rows: int
    batch_size: int
    mesh: Mesh | None = field(default=None, kw_only=True)

    @property
    def steps_per_epoch(self) -> int:
        """Steps an epoch, the short last batch included."""
        return -(-self.rows // self.batch_size)

    def first(self, params: PyTree) -> State:
        """The state before the first step, with these weights."""
        none = jnp.zeros((), jnp.int32)
        return State(params, self.optimizer.init(params), none, self.no_sums(), none, none)

    def no_sums(self) -> Sums:
        """The sums before the first step of an epoch."""
        rows, loss, rate, distortion = (jnp.zeros(()) for _ in range(4))
        return Sums(rows, loss, rate, distortion, {name: jnp.zeros(()) for name, _, _ in self.penalties})

    def begin_compiling(self, params: PyTree, variables: int) -> None:
        """Compile in the background, for weights of these shapes and rows on one device, without weights."""
        first, chunk, order = compiled(self)
        key, number, rate = jax.eval_shape(lambda: (jax.random.key(0), jnp.int32(0), jnp.float32(1)))
        state, rows_in_order = first.begin(params), order.begin(key, 0)
        x = jax.ShapeDtypeStruct((self.rows, variables), jnp.float32)
        chunk.begin(state, (x, None), rows_in_order, key, rate, number, number)

    def order(self, key: Key[Array, ""], epoch: Int[Array, ""]) -> Int[Array, " padded"]:
        """Which row comes when in an epoch; -1 is padding."""
        slots = self.steps_per_epoch * self.batch_size
        order = jnp.arange(self.rows)
        if self.shuffle:
            order = jax.random.permutation(jax.random.fold_in(key, epoch), order)
        return jnp.pad(order, (0, slots - self.rows), constant_values=-1)

    def chunk(
        self,
        state: State,
        data: tuple[Float[Array, "rows variables"], Float[Array, " rows"] | None],
        order: Int[Array, " padded"],
        step_key: Key[Array, ""],
        rate_scale: Float[Array, ""],
        start: Int[Array, ""],
        stop: Int[Array, ""],
    ) -> tuple[State, Bool[Array, ""]]:
        """Steps `start` to `stop` of an epoch, and whether all of them were finite."""
        size, (x, weights) = self.batch_size, data

        def body(i: Array, state: State) -> State:
            # Found once: XLA would cut them out of the order again for every number of every row.
            indices = jax.lax.optimization_barrier(jax.lax.dynamic_slice_in_dim(order, i * size, size))
            batch, rows = x[jnp.maximum(indices, 0)], (indices >= 0).astype(x.dtype)
            if weights is None:
                return self.step(state, batch, rows, rate_scale, step_key)
            weighted = rows * weights[jnp.maximum(indices, 0)]
            return self.step(state, batch, (weighted > 0).astype(x.dtype), rate_scale, step_key, weighted)

        state = jax.lax.fori_loop(start, stop, body, state)
        return state, sound(state)

    def step(
        self,
        state: State,
        x: Float[Array, "batch variables"],
        rows: Float[Array, " batch"],
        rate_scale: Float[Array, ""],
        step_key: Key[Array, ""],
        weights: Float[Array, " batch"] | None = None,
    ) -> State:
        """One update. A loss or gradient that is not finite stays in the sums or the weights: see `sound`."""
        key = jax.random.fold_in(step_key, state.step)
        x = devices.spread(self.mesh, x)
        epoch = state.step.astype(jnp.float32) / self.steps_per_epoch
        with devices.spreading(self.mesh):
            gradient, sums = jax.grad(self.loss, has_aux=True)(state.params, x, rows, epoch, key, weights)
        gradient = devices.on_all(self.mesh, gradient)
        updates, optimizer = self.optimizer.update(
            gradient, state.optimizer, state.params, learning_rate=rate_scale * self.schedule(epoch)
        )
        return state._replace(
            params=optax.apply_updates(state.params, updates),
            optimizer=optimizer,
            step=state.step + 1,
            sums=jax.tree.map(jnp.add, state.sums, sums),
            failing=jnp.zeros_like(state.failing),
        )

    def loss(
        self,
        params: PyTree,
        x: Float[Array, "batch variables"],
        rows: Float[Array, " batch"],
        epoch: Float[Array, ""],
        key: Key[Array, ""],
        weights: Float[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, ""], Sums]:
        """-objective + weighted penalties of one batch, and what to add to the epoch's sums.

        `rows` is 0 for padding, else 1; `weights` are those of the rows, and 0 for padding.
        """
        terms, costs = self.terms(params, x, rows if weights is None else weights, key)
        counted = jnp.sum(terms.rows)
        loss = -terms.mean(self.objective(terms, epoch))
        if weights is None:
            divisor = batch = counted
        else:
            # Over the rows, not over their weights: a batch of little weight is a small step.
            divisor, batch = jnp.maximum(counted, 1.0), jnp.maximum(jnp.sum(rows), 1.0)
            loss = loss * divisor / batch
        for name, weight, _ in self.penalties:
            loss = loss + weight * costs[name]
        sums = Sums(
            rows=counted,
            loss=batch * loss,
            rate=divisor * terms.mean(terms.rate),
            distortion=divisor * terms.mean(terms.distortion),
            penalties={name: counted * cost for name, cost in costs.items()},
        )
        return loss, sums

    def model(self, params: PyTree) -> VAE:
        """The model with these weights."""
        return eqx.combine(params, self.static)

    def terms(
        self,
        params: PyTree,
        x: Float[Array, "batch variables"],
        rows: Float[Array, " batch"],
        key: Key[Array, ""],
    ) -> tuple[Terms, dict[str, Float[Array, ""]]]:
        """The record of densities of a batch, and every penalty."""
        model = self.model(params)
        visit_key, terms_key, penalty_key = jax.random.split(key, 3)
        x = self.visit(x, visit_key)
        terms = model.terms(x, None, terms_key, self.samples, rows=rows, dropout=True)
        costs = {
            name: penalty(terms, model, x, jax.random.fold_in(penalty_key, number))
            for number, (name, _, penalty) in enumerate(self.penalties)
        }
        return terms, costs


class Compiled(NamedTuple):
    """What of a program is called: the first state, a chunk of steps, the order of an epoch's rows."""

    first: Ahead
    chunk: Ahead
    order: Ahead


@lru_cache(maxsize=64)
def compiled(program: Program) -> Compiled:
    """A program's functions, of all programs that are equal.

    The chunk leaves its input as it was: the trainer takes it up again where a step was not finite.
    """
    where = devices.everywhere(program.mesh)
    chunk, order = (Ahead(f, out_shardings=where) for f in (program.chunk, program.order))
    return Compiled(Ahead(program.first), chunk, order)


def sound(state: State) -> Bool[Array, ""]:
    """Whether every step that led here was finite.

    NaN and infinity outlive all later steps (the optimisers pass them on, `vaefit.optimise`): one look at the
    weights and at the summed loss after a chunk tells of every step in it, where a look at each step's
    gradient, and a branch on it, would cost 3% of the post's step.
    """
    weights = (jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state.params))
    return jnp.isfinite(state.sums.loss) & jnp.all(jnp.stack(list(weights)))
