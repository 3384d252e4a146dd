"""A model of few latents as one of more: weights padded with zeros, latents past its own left alone."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from vaefit.model import VAE
from vaefit.networks import Activations, Network


class Covered(Network):
    """A network some of whose inputs and outputs count as zero, and get no gradient."""

    network: Network
    inputs: Bool[Array, " in"] | None = None
    outputs: Bool[Array, " out"] | None = None

    def __call__(self, x: Float[Array, "*batch in"], key: Key[Array, ""] | None = None) -> Activations:
        """Run the network on what is not covered."""
        found = self.network(x if self.inputs is None else jnp.where(self.inputs, x, 0.0), key)
        if self.outputs is None:
            return found
        return found._replace(output=jnp.where(self.outputs, found.output, 0.0))

    def hidden_weights(self) -> tuple[Array, ...]:
        """The network's."""
        return self.network.hidden_weights()

    def output_weights(self) -> tuple[Array, ...]:
        """The network's."""
        return self.network.output_weights()

    def with_output_bias(self, bias: Float[Array, " out"]) -> "Covered":
        """The same with this output bias of the network."""
        return replace(self, network=self.network.with_output_bias(bias))


def of_first_latents(model: VAE, count: Int[Array, ""] | int) -> VAE:
    """The model with only its first latents: the others have q(z|x) = p(z) and do nothing.

    A posterior's outputs of zero are the standard normal distribution: what is covered costs no KL.
    """
    latents = model.posterior.latent_dim
    own = jnp.arange(latents) < count
    outputs = jnp.tile(own, model.posterior.width // latents)
    return replace(
        model,
        encoder=Covered(model.encoder, outputs=outputs),
        decoder=Covered(model.decoder, inputs=own),
    )


def widened(tree: PyTree, like: PyTree, own: int, latents: int) -> PyTree:
    """Arrays of a model of `own` latents in the shapes of one of more, zeros for the others.

    >>> widened(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(6), 2, 3).tolist()
    [1.0, 2.0, 0.0, 3.0, 4.0, 0.0]
    """
    return _in_shapes(tree, like, own, latents)


def narrowed(tree: PyTree, like: PyTree, own: int, latents: int) -> PyTree:
    """The way back from `widened`.

    >>> narrowed(np.arange(6.0), np.zeros(4), 2, 3).tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    return _in_shapes(tree, like, latents, own)


def _in_shapes(tree: PyTree, like: PyTree, before: int, after: int) -> PyTree:
    # Leaf by leaf: what is static (latents, dropout) differs from tree to tree.
    leaves, (wanted, structure) = jax.tree.leaves(tree), jax.tree.flatten(like)
    if before != after:
        pairs = [(np.asarray(leaf), to.shape) for leaf, to in zip(leaves, wanted, strict=True)]
        leaves = [_resized(leaf, shape, before, after) for leaf, shape in pairs]
    return jax.tree.unflatten(structure, leaves)


def _resized(leaf: np.ndarray, shape: tuple[int, ...], before: int, after: int) -> np.ndarray:
    """Every axis that counts latents, in blocks of as many, cut or padded with zeros."""
    for axis, (n, wanted) in enumerate(zip(leaf.shape, shape, strict=True)):
        if n != wanted:
            blocks = n // before
            assert (blocks * before, blocks * after) == (n, wanted), "an axis that does not count latents"
            leaf = _resized_axis(leaf, axis, blocks, before, after)
    return leaf


def _resized_axis(leaf: np.ndarray, axis: int, blocks: int, before: int, after: int) -> np.ndarray:
    split: Any = (*leaf.shape[:axis], blocks, before, *leaf.shape[axis + 1 :])
    leaf = leaf.reshape(split)
    if after < before:
        leaf = np.take(leaf, np.arange(after), axis=axis + 1)
    else:
        widths = [(0, 0)] * leaf.ndim
        widths[axis + 1] = (0, after - before)
        leaf = np.pad(leaf, widths)
    return leaf.reshape(*leaf.shape[:axis], blocks * after, *leaf.shape[axis + 2 :])
