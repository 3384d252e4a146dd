"""A linear map beside a network."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from vaefit.devices import is_spreading
from vaefit.networks._base import Activations, Network
from vaefit.networks._product import product


class LinearPath(Network):
    r"""$x A + b + f(x)$: a network f that only has to say what a linear map leaves unsaid.

    The path knows no dropout, and weight decay leaves it alone.

    >>> from vaefit.networks.dense import Dense
    >>> import jax
    >>> net = LinearPath.beside(Dense.build((4, 8, 2), bias=True, key=jax.random.key(0)), 4, 2)
    >>> net(jnp.ones((3, 4))).output.shape
    (3, 2)
    """

    network: Network
    linear_path: Float[Array, "in out"]
    offset: Float[Array, " out"]

    @classmethod
    def beside(cls, network: Network, n_in: int, n_out: int) -> "LinearPath":
        """A network and a linear map that is still zero."""
        return cls(network, jnp.zeros((n_in, n_out)), jnp.zeros(n_out))

    def __call__(self, x: Float[Array, "*batch in"], key: Key[Array, ""] | None = None) -> Activations:
        """The sum of both; a key turns the network's dropout on."""
        found = self.network(x, key)
        # Two axes: gradients of more would be transposed for the matrix products.
        rows = x if is_spreading() else x.reshape(-1, x.shape[-1])
        path = product(rows, self.linear_path) + self.offset
        return found._replace(output=found.output + path.reshape(found.output.shape))

    def in_bfloat16(self) -> "LinearPath | None":
        """The same network with both in bfloat16."""
        if (network := self.network.in_bfloat16()) is None:
            return None
        return LinearPath(network, self.linear_path.astype(jnp.bfloat16), self.offset)

    def hidden_weights(self) -> tuple[Array, ...]:
        """The network's."""
        return self.network.hidden_weights()

    def output_weights(self) -> tuple[Array, ...]:
        """The network's; the path is no layer of it."""
        return self.network.output_weights()

    def with_output_bias(self, bias: Float[Array, " out"]) -> "LinearPath":
        """The same network with this offset of the path."""
        return self.with_linear_path(self.linear_path, bias)

    def with_linear_path(self, weight: Float[Array, "in out"], offset: Float[Array, " out"]) -> "LinearPath":
        """The same network beside another linear map."""
        weight, offset = (jnp.asarray(new, self.offset.dtype) for new in (weight, offset))
        return eqx.tree_at(lambda net: (net.linear_path, net.offset), self, (weight, offset))
