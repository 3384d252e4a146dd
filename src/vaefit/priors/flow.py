"""A learned prior: the standard normal, pushed through a flow."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from numpyro import distributions as dist

from vaefit.options import option
from vaefit.priors._base import Prior

# A coupling scales a latent by at most exp(+-2): six of them reach far, and none runs away.
_LOG_SCALE = 2.0


class Flow(Prior):
    r"""Real NVP: $z = f_n(\dots f_1(u))$, $u \sim N(0, I)$; each $f$ moves some latents by the others.

    $\log p(z) = \log N(u; 0, I) - \sum_i \log |\det \partial f_i|$, nats. A coupling $f$ leaves the latents
    of a set $A$ as they are, and takes every other one to $u_j e^{s_j(u_A)} + t_j(u_A)$, with s and t of
    hidden layers (tanh) of their own. All s and t start at zero, so that training starts at the standard
    normal. The KL term has no closed form: it is sampled.

    >>> prior = Flow(latent_dim=3)(lambda x: x)
    >>> z = prior.sample(jax.random.key(0), (5,))
    >>> bool(jnp.allclose(prior.log_prob(z), jnp.sum(dist.Normal().log_prob(z), axis=-1), atol=1e-5))
    True
    """

    reference: ClassVar[str] = (
        "Dinh et al. 2017, arXiv:1605.08803; as a prior: Chen et al. 2017, arXiv:1611.02731"
    )

    couplings: int = option(6, "coupling layers of the prior's flow", at_least=1)
    coupling_layers: int = option(1, "hidden layers of each coupling layer", at_least=1)
    coupling_units: int = option(64, "units of each hidden layer of a coupling layer", at_least=1)
    into: tuple[Float[Array, "_ _"], ...] = eqx.field(default=())
    between: tuple[tuple[Float[Array, "_ _"], ...], ...] = eqx.field(default=())
    out: tuple[Float[Array, "_ _"], ...] = eqx.field(default=())

    def __post_init__(self) -> None:
        if not self.into:
            # Whatever these weights are the start is the standard normal: no seed is needed.
            keys = jax.random.split(jax.random.key(0), self.couplings)
            self.into = tuple(
                self._draw(jax.random.fold_in(key, 0), self.latent_dim, gain=2.0) for key in keys
            )
            self.between = tuple(
                tuple(
                    self._draw(jax.random.fold_in(key, number), self.coupling_units)
                    for number in range(1, self.coupling_layers)
                )
                for key in keys
            )
            self.out = tuple(jnp.zeros((self.coupling_units + 1, 2 * self.latent_dim)) for _ in keys)

    def __call__(
        self, encode: Callable[[Float[Array, "batch variables"]], dist.Distribution]
    ) -> dist.Distribution:
        """The flow's distribution over latents."""
        return Flowed(self)

    def forward(self, u: Float[Array, "*batch latent"]) -> Float[Array, "*batch latent"]:
        """z of u."""
        for layer in range(self.couplings):
            log_scale, shift = self._coupling(layer, u)
            u = u * jnp.exp(log_scale) + shift
        return u

    def backward(
        self, z: Float[Array, "*batch latent"]
    ) -> tuple[Float[Array, "*batch latent"], Float[Array, "*batch"]]:
        """u of z, and log |det du/dz|."""
        log_det = jnp.zeros(z.shape[:-1])
        for layer in reversed(range(self.couplings)):
            log_scale, shift = self._coupling(layer, z)
            z = (z - shift) * jnp.exp(-log_scale)
            log_det = log_det - jnp.sum(log_scale, axis=-1)
        return z, log_det

    def _coupling(self, layer: int, z: Float[Array, "*batch latent"]) -> tuple[Array, Array]:
        """Log scale and shift of each latent by those that this layer keeps, of which it is 0."""
        moved = self._moved(layer)
        hidden = jnp.tanh(_with_one(z * (1 - moved)) @ self.into[layer])
        for weights in self.between[layer]:
            hidden = jnp.tanh(_with_one(hidden) @ weights)
        log_scale, shift = jnp.split(_with_one(hidden) @ self.out[layer], 2, axis=-1)
        return moved * _LOG_SCALE * jnp.tanh(log_scale / _LOG_SCALE), moved * shift

    def _moved(self, layer: int) -> Float[Array, " latent"]:
        """1 where a layer moves a latent: one half, then the other; each pair halves them differently."""
        bits = max(1, math.ceil(math.log2(self.latent_dim)))
        half = (jnp.arange(self.latent_dim) >> (layer // 2 % bits)) & 1
        return jnp.asarray(half == layer % 2, jnp.float32)

    def _draw(
        self, key: Key[Array, ""], inputs: int, gain: float = 1.0
    ) -> Float[Array, "inputs_and_one units"]:
        weights = jax.random.normal(key, (inputs, self.coupling_units)) * (gain / inputs) ** 0.5
        return jnp.pad(weights, ((0, 1), (0, 0)))


class Flowed(dist.Distribution):
    """The distribution of a flow's z."""

    support = dist.constraints.real_vector  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    pytree_data_fields = ("flow",)

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        super().__init__(event_shape=(flow.latent_dim,), validate_args=False)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        """Draws of z."""
        return self.flow.forward(jax.random.normal(key, (*sample_shape, self.flow.latent_dim)))

    def log_prob(self, value: Any, intermediates: Any = None) -> Array:
        """Log density of z, in nats."""
        del intermediates
        u, log_det = self.flow.backward(value)
        return jnp.sum(dist.Normal().log_prob(u), axis=-1) + log_det


def _with_one(x: Float[Array, "*batch n"]) -> Float[Array, "*batch n+1"]:
    """A column of ones beside, for the bias."""
    return jnp.concatenate([x, jnp.ones((*x.shape[:-1], 1), x.dtype)], axis=-1)
