"""Importance weights from products in bfloat16, and what a few products in float32 make of them."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from vaefit.backend import prefers_bfloat16
from vaefit.model import VAE

# Of each group one draw more is picked for so many draws; beside one of each, so many are taken as they come.
DRAWS_A_PICK, MOST_PICKS, CHECKED = 512, 16, 2
# What is saved on fewer draws, or on smaller decoders, is less than what these cost.
FEWEST_DRAWS, FEWEST_WEIGHTS = 256, 2**15
# Of the decoder's outputs (`error_of`), nats: a bound that is not reached (docs/precision.md).
MOST_ERROR = 1.0
ERROR_DRAWS = 64


def rounded(model: VAE, draws: int, float32: bool | None) -> VAE | None:
    """The model whose decoder takes its products in bfloat16; None where importance sampling is all float32.

    It is rounded where that is sound for every row: errors of outputs are no larger in the log-density
    (`Likelihood.lipschitz`: Bernoulli), the network has such products (dense and gated ones have), and those
    errors are small (`error_of`). It goes by the model, the draws and the machine, never by the rows.
    """
    worth_it = draws >= FEWEST_DRAWS and _weights(model) >= FEWEST_WEIGHTS and prefers_bfloat16()
    if float32 or not model.likelihood.lipschitz or (float32 is None and not worth_it):
        return None
    decoder = model.decoder.in_bfloat16()
    if decoder is None:
        return None
    rough = eqx.tree_at(lambda m: m.decoder, model, decoder)
    return rough if float32 is False or error_of(model, rough) <= MOST_ERROR else None


def products(model: VAE, draws: int, float32: bool | None) -> str:
    """How importance sampling takes its products, in words."""
    if rounded(model, draws, float32) is None:
        return "float32"
    return "bfloat16, corrected by some in float32"


@eqx.filter_jit
def error_of(model: VAE, rough: VAE) -> Float[Array, ""]:
    """The length of the error of all outputs together for draws of p(z), root of the mean square.

    Where the likelihood is Lipschitz and the errors of outputs are unrelated, the error of log p(x|z) is at
    most as large, nats.
    """
    z = jnp.asarray(model.prior_over_latents().sample(jax.random.key(0), (ERROR_DRAWS,)))
    error = rough.decoder(z).output - model.decoder(z).output
    return jnp.sqrt(jnp.mean(jnp.sum(error**2, axis=-1)))


class Picked(NamedTuple):
    r"""Of each row and group of draws, some that were picked in proportion to their rounded weights.

    With $\tilde w$ the rounded weights and k picked with probability $\tilde w_k / \sum \tilde w$,
    $\sum \tilde w \; E[w_k / \tilde w_k] = \sum w$: the rounded sum times the ratio at the picked draws has
    the expectation of the sum of exact weights, whatever the rounding did. The draw with the largest
    $\log \tilde w_k + g_k$, g standard Gumbel noise, is picked so, in one pass (Yellott 1977, Journal of
    Mathematical Psychology 15). A draw's g is the same for all rows.
    """

    key: Key[Array, ""]
    score: Float[Array, "picks groups rows"]
    number: Int[Array, "picks groups rows"]
    log_px: Float[Array, "picks groups rows"]

    @classmethod
    def start(cls, seed: int, draws: int, groups: int, rows: int) -> "Picked":
        """None yet, of this many draws."""
        none = jnp.zeros((min(MOST_PICKS, 1 + draws // DRAWS_A_PICK), groups, rows))
        key = jax.random.fold_in(jax.random.key(seed), 14)
        return cls(key, none - jnp.inf, none.astype(int), none)

    def among(
        self,
        draw: Int[Array, " draws"],
        log_px: Float[Array, "draws rows"],
        log_weight: Float[Array, "draws rows"],
    ) -> "Picked":
        """After more draws, whose numbers begin at a multiple of the number of groups and are as many.

        Draw k is of group k modulo their number.
        """
        picks, groups, rows = self.score.shape
        noise = jax.vmap(lambda n: jax.random.gumbel(jax.random.fold_in(self.key, n), (picks,)))(draw)
        score = (noise.T[..., None] + log_weight).reshape(picks, -1, groups, rows)
        best = jnp.argmax(score, axis=1)
        better = (highest := jnp.max(score, axis=1)) > self.score
        its_log_px = jnp.take_along_axis(log_px.reshape(1, -1, groups, rows), best[:, None], axis=1)[:, 0]
        its_number = draw[0] + best * groups + jnp.arange(groups)[:, None]
        return Picked(
            self.key,
            jnp.where(better, highest, self.score),
            jnp.where(better, its_number, self.number),
            jnp.where(better, its_log_px, self.log_px),
        )

    def correction(self, log_px: Float[Array, "picks groups rows"]) -> Float[Array, "groups rows"]:
        """What to multiply a group's sum of rounded weights by, from log p(x|z) of the picked draws."""
        return jnp.mean(jnp.exp(log_px - self.log_px), axis=0)


def _weights(model: VAE) -> int:
    return sum(weight.size for weight in (*model.decoder.hidden_weights(), *model.decoder.output_weights()))
