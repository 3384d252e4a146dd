"""The devices that a fit is spread over: one axis, the rows of a batch, over all devices of all processes.

Every function takes a mesh, or None for the one device that most machines have, where it changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int, PyTree

# Data up to this size have a copy on every device; larger ones are divided among the devices, and each
# step's batch is then gathered over the network.
COPIED_BYTES = 2**28
_spreading: ContextVar[bool] = ContextVar("spreading", default=False)


def mesh() -> Mesh | None:
    """All devices of all processes in a row; None where there is one."""
    found = jax.devices()
    return Mesh(np.array(found), ("rows",), axis_types=(AxisType.Auto,)) if len(found) > 1 else None


def everywhere(mesh: Mesh | None) -> NamedSharding | None:
    """Where an array goes that every device has a copy of."""
    return None if mesh is None else NamedSharding(mesh, PartitionSpec())


def copied(mesh: Mesh | None, tree: PyTree) -> PyTree:
    """A tree of arrays, equal in every process, with a copy on every device."""
    where = everywhere(mesh)
    return tree if where is None else jax.tree.map(lambda leaf: _put(leaf, where), tree)


def divided(mesh: Mesh | None, rows: Float[np.ndarray, "rows *shape"]) -> Float[Array, "padded *shape"]:
    """Rows divided among the devices, each process with its own, the last ones padded with zeros."""
    if mesh is None:
        return jnp.asarray(rows)
    short = -len(rows) % mesh.size
    whole = np.pad(rows, ((0, short), *((0, 0),) * (rows.ndim - 1))) if short else rows
    return _put(whole, NamedSharding(mesh, PartitionSpec("rows")))


def placed(mesh: Mesh | None, rows: Float[np.ndarray, "rows *shape"]) -> Float[Array, "padded *shape"]:
    """The rows to train on, where their size says."""
    if mesh is None:
        return jnp.asarray(rows)
    return copied(mesh, rows) if rows.nbytes <= COPIED_BYTES else divided(mesh, rows)


def divided_here(
    mesh: Mesh | None, rows: Float[np.ndarray, "some *shape"], n: int
) -> Float[Array, "rows *shape"]:
    """`n` rows divided among the devices, of which each process has those of its own devices."""
    if mesh is None:
        return jnp.asarray(rows)
    where = NamedSharding(mesh, PartitionSpec("rows"))
    return jax.make_array_from_process_local_data(where, rows, (n, *rows.shape[1:]))


def mine(mesh: Mesh | None, n: int) -> range:
    """Which of `n` rows divided among the devices this process has; rows that are not there are padding."""
    if mesh is None:
        return range(n)
    each = -(-n // mesh.size)
    local = [i for i, device in enumerate(mesh.devices) if device.process_index == jax.process_index()]
    return range(each * local[0], each * (local[-1] + 1))


def taken(
    mesh: Mesh | None, rows: Float[Array, "rows *shape"], indices: Int[np.ndarray, " some"]
) -> Float[Array, "some *shape"]:
    """Some of the rows that are on the devices, here."""
    if mesh is None:
        return rows[indices]
    return here(mesh, jax.jit(lambda x, i: x[i], out_shardings=everywhere(mesh))(rows, indices))


def here(mesh: Mesh | None, tree: PyTree) -> PyTree:
    """Copies on this process's first device of arrays that every device has."""
    return tree if mesh is None else jax.tree.map(jnp.asarray, jax.device_get(tree))


@contextmanager
def spreading(mesh: Mesh | None) -> Iterator[None]:
    """What is traced inside keeps the rows of a batch on an axis of their own."""
    token = _spreading.set(mesh is not None)
    try:
        yield
    finally:
        _spreading.reset(token)


def spread(mesh: Mesh | None, batch: Float[Array, "batch *shape"]) -> Float[Array, "batch *shape"]:
    """Traced: the batch, its rows divided among the devices, evenly or not."""
    if mesh is None:
        return batch
    return jax.lax.with_sharding_constraint(batch, NamedSharding(mesh, PartitionSpec("rows")))


def on_all(mesh: Mesh | None, tree: PyTree) -> PyTree:
    """Traced: a tree of arrays with a copy on every device."""
    where = everywhere(mesh)
    return tree if where is None else jax.lax.with_sharding_constraint(tree, where)


def is_spreading() -> bool:
    """Traced: whether the rows of a batch are to keep an axis of their own."""
    return _spreading.get()


def _put(value: Array | np.ndarray, where: NamedSharding) -> Array:
    # `device_put` would compare the values of all processes, over the network.
    host = np.asarray(value)
    return jax.make_array_from_callback(host.shape, where, lambda index: host[index])
