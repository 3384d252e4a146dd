"""The log-likelihood of rows by importance sampling, with q(z|x) as the proposal."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from vaefit.errors import SettingsError
from vaefit.evaluation.blocks import Progress, blocks, unseen
from vaefit.evaluation.latents import true_kl
from vaefit.evaluation.rounded import CHECKED, Picked, rounded
from vaefit.model import VAE

# Of few rows few, as draws fill the matrices: little is padded. Of many more, as the noise of a draw is made
# once for all of them; with few draws each more still, as a chunk of draws is made whole.
ROWS, SOME_ROWS, MANY_ROWS = 32, 256, 1024
FEW_DRAWS = 32
GROUPS = 4
# Numbers in flight while a chunk of draws is decoded: small enough for a processor's cache. Products that are
# over sooner leave more to what is made once a chunk.
BUDGET, ROUNDED_BUDGET = 2**21, 3 * 2**21
MOST_DRAWS = 256
CHUNKS_A_CALL, ROUNDED_CHUNKS_A_CALL = 16, 96


@dataclass(frozen=True)
class Likelihoods:
    """Importance-sampled log-likelihoods and bounds of rows, nats per datum, one entry for each row.

    `log_likelihood` is that of all draws; in expectation it is at most log p(x) and grows with the draws
    (Burda et al. 2016). `log_likelihood_quarter` is the mean of the four estimates from a quarter of the
    draws each: where the two differ, more draws would give more. `effective_draws` is (sum w)^2 / sum w^2.
    """

    draws: int
    log_likelihood: Float[np.ndarray, " rows"]
    log_likelihood_quarter: Float[np.ndarray, " rows"]
    effective_draws: Float[np.ndarray, " rows"]
    rate: Float[np.ndarray, " rows"]
    distortion: Float[np.ndarray, " rows"]

    @property
    def elbo(self) -> Float[np.ndarray, " rows"]:
        """-distortion - rate, from the same draws."""
        return -self.distortion - self.rate

    @property
    def growth(self) -> float:
        """Mean growth of the estimate from K/4 to K draws, nats: near 0 where K is enough."""
        return float(np.mean(self.log_likelihood - self.log_likelihood_quarter))


def why_undefined(model: VAE) -> str | None:
    """Why there is no p(x|z) to take a likelihood from, in words; None where there is."""
    if model.likelihood.joint:
        return "its likelihood takes all draws of z together and is no density of x given one z"
    return None


def importance_sample(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    *,
    draws: int,
    seed: int = 0,
    float32: bool | None = None,
    block: int | None = None,
    progress: Progress = unseen,
) -> Likelihoods:
    r"""log p(x) of rows in network units from `draws` draws of q(z|x) each.

    $\log p(x) \approx \log \frac1K \sum_k p(x|z_k) p(z_k) / q(z_k|x)$, $z_k \sim q(z|x)$.

    The noise of a draw is the same for all rows, so a row's numbers depend on no other row (and the error of
    the mean over rows is not smaller than a row's). Rows are taken `block` at a time (unset: by their number
    and that of the draws), which changes their numbers by rounding alone. Memory is bounded whatever the
    draws. The rate is that of the q that is sampled, in closed form where there is one, also where a
    posterior states another (the 2016 program's): its densities are those of its draws.

    Unset, `float32` leaves the decoder's products to a processor's units for bfloat16 where there are some
    and rounding does no harm (`rounded`); some of the draws, decoded in float32 too, correct the sums, so
    that their expectation is that of float32 (`Picked`). True: float32 alone. False: rounded on any machine,
    however few the draws.

    Raises:
        SettingsError: the likelihood takes all draws together (see `why_undefined`).

    Source: Burda et al. 2016, arXiv:1509.00519.

    >>> from vaefit.assemble import build_model
    >>> from vaefit.settings import Settings
    >>> model = build_model(Settings.of(latent_dim=2, likelihood="gaussian"), dim=5, key=jax.random.key(0))
    >>> found = importance_sample(model, np.ones((3, 5), np.float32), draws=10)
    >>> bool((found.log_likelihood >= found.log_likelihood_quarter - 1e-5).all())
    True
    """
    if why := why_undefined(model):
        raise SettingsError(f"expected a likelihood to sample, found none: {why}; use the ELBO")
    key = jax.random.fold_in(jax.random.key(seed), 6)
    rough = rounded(model, draws, float32)
    of_one = units(model)
    block = block or _rows_at_once(of_one, draws, len(x))
    chunk, together = _chunk(block * of_one, rough)
    chunks = -(-draws // chunk)
    calls = range(0, chunks, together)
    total, found = -(-len(x) // block) * len(calls), []
    for rows, (part,) in blocks(x, size=block):
        sums = _Sums.start(block, None if rough is None else Picked.start(seed, draws, GROUPS, block))
        for first in calls:
            bounds = jnp.asarray(np.array([first, min(first + together, chunks), draws], np.int32))
            sums = _add_draws(rough or model, part, key, sums, bounds, chunk)
            # Waits for the numbers, so that progress is what is done and not what is queued.
            sums.drawn.block_until_ready()
            progress(len(found) * len(calls) + first // together + 1, total)
        if rough is not None:
            sums = _corrected(model, rough, part, key, sums)
        found.append(np.asarray(_summary(model, part, sums), np.float64)[: rows.stop - rows.start])
    return Likelihoods(draws, *np.concatenate(found).T)


def _rows_at_once(units: int, draws: int, n: int) -> int:
    """How many of `n` rows are sampled together, where one draw takes so many numbers.

    >>> _rows_at_once(1296, 5000, 10**6), _rows_at_once(1296, 8, 10**6), _rows_at_once(1296, 8, 100)
    (256, 1024, 32)
    >>> _rows_at_once(10**6, 5000, 10**6)
    32
    """
    most = min(MANY_ROWS if draws <= FEW_DRAWS else SOME_ROWS, BUDGET // units, n // 8)
    # Powers of two, so that one program serves many numbers of rows.
    return max(ROWS, 2 ** (most.bit_length() - 1) if most else 0)


class _Sums(NamedTuple):
    """What is kept of the draws so far; weights are relative to exp(top)."""

    drawn: Float[Array, ""]
    top: Float[Array, " rows"]
    weights: Float[Array, "groups rows"]
    squares: Float[Array, " rows"]
    distortion: Float[Array, " rows"]
    sampled_rate: Float[Array, " rows"]
    picked: Picked | None

    @classmethod
    def start(cls, rows: int, picked: Picked | None) -> "_Sums":
        # Made by NumPy: nothing to compile.
        none = jnp.asarray(np.zeros(rows, np.float32))
        groups = jnp.asarray(np.zeros((GROUPS, rows), np.float32))
        lowest = jnp.asarray(np.full(rows, -np.inf, np.float32))
        return cls(jnp.asarray(np.float32(0)), lowest, groups, none, none, none, picked)


def _chunk(units: int, rough: VAE | None) -> tuple[int, int]:
    """How many draws are decoded at once, where one takes so many numbers, and how many times in one call."""
    if rough is None:
        return max(1, min(MOST_DRAWS, BUDGET // units)), CHUNKS_A_CALL
    # Whole groups are picked from.
    return max(1, min(MOST_DRAWS, ROUNDED_BUDGET // units) // GROUPS) * GROUPS, ROUNDED_CHUNKS_A_CALL


def units(model: VAE) -> int:
    """How many numbers the decoder computes for one z."""
    z = jax.ShapeDtypeStruct((1, model.posterior.latent_dim), jnp.float32)
    decoded = eqx.filter_eval_shape(lambda decoder, z: decoder(z), model.decoder, z)
    return sum(leaf.size for leaf in jax.tree.leaves(decoded))


@eqx.filter_jit
def _add_draws(
    model: VAE,
    x: Float[Array, "rows variables"],
    key: Key[Array, ""],
    sums: _Sums,
    bounds: Int[Array, "3"],
    chunk: int,
) -> _Sums:
    """The sums with chunks first to last of the draws added; draws from the asked number on do not count."""
    first, last, draws = bounds
    outputs, prior = model.encoder(x).output, model.prior_over_latents()
    q = model.posterior(outputs)

    def add(number: Array, sums: _Sums) -> _Sums:
        draw = number * chunk + jnp.arange(chunk)
        z = shared_draws(model, outputs, key, draw)
        log_px = model.log_likelihood(x, z)
        rate = jnp.asarray(q.log_prob(z)) - jnp.asarray(prior.log_prob(z))
        return _added(sums, log_px, rate, draw, draw < draws)

    return jax.lax.fori_loop(first, last, add, sums)


def shared_draws(
    model: VAE, outputs: Float[Array, "rows width"], key: Key[Array, ""], numbers: Int[Array, " draws"]
) -> Float[Array, "draws rows latent"]:
    """Draws of every row's q(z|x) by their numbers; the noise of a number is the same for all rows."""

    def draw(number: Array, output: Array) -> Array:
        return own_draw(model, output, key, number)

    return jax.vmap(jax.vmap(draw, (None, 0)), (0, None))(numbers, outputs)


def own_draw(
    model: VAE, output: Float[Array, " width"], key: Key[Array, ""], number: Int[Array, ""]
) -> Float[Array, " latent"]:
    """One row's draw of this number."""
    return model.posterior.sample(model.posterior(output), jax.random.fold_in(key, number), 1)[0]


def _added(
    sums: _Sums,
    log_px: Float[Array, "draws rows"],
    rate: Float[Array, "draws rows"],
    draw: Int[Array, " draws"],
    counts: Array,
) -> _Sums:
    log_weight = jnp.where(counts[:, None], log_px - rate, -jnp.inf)
    top = jnp.maximum(sums.top, log_weight.max(axis=0))
    shift = jnp.where(jnp.isfinite(top), top, 0.0)  # a row that no draw explains has no finite weight
    weight, before = jnp.exp(log_weight - shift), jnp.exp(sums.top - shift)
    group = jax.nn.one_hot(draw % GROUPS, GROUPS, axis=0)
    drawn = sums.drawn + counts.sum()

    def mean(old: Array, new: Array) -> Array:
        # A running mean: a sum of thousands of large numbers would lose digits.
        return old + jnp.sum(jnp.where(counts[:, None], new - old, 0.0), axis=0) / jnp.maximum(drawn, 1.0)

    return _Sums(
        drawn=drawn,
        top=top,
        weights=sums.weights * before + group @ weight,
        squares=sums.squares * before**2 + jnp.sum(weight**2, axis=0),
        distortion=mean(sums.distortion, -log_px),
        sampled_rate=mean(sums.sampled_rate, rate),
        picked=None if sums.picked is None else sums.picked.among(draw, log_px, log_weight),
    )


@eqx.filter_jit
def _corrected(
    model: VAE, rough: VAE, x: Float[Array, "rows variables"], key: Key[Array, ""], sums: _Sums
) -> _Sums:
    """Sums of rounded densities, after what float32 makes of a few of the draws."""
    assert sums.picked is not None
    outputs = model.encoder(x).output
    of_row = jax.vmap(lambda number, output: own_draw(model, output, key, number))
    picked = jax.vmap(jax.vmap(of_row, (0, None)), (0, None))(sums.picked.number, outputs)
    picks, _, rows, latent_dim = picked.shape
    # Draws are alike before they are weighed: the first ones stand for all.
    first = shared_draws(model, outputs, key, jnp.arange(picks * CHECKED))
    first = first.reshape(picks, CHECKED, rows, latent_dim)
    log_px = jax.lax.map(partial(model.log_likelihood, x), jnp.concatenate([picked, first], axis=1))
    error = jax.lax.map(partial(rough.log_likelihood, x), first) - log_px[:, GROUPS:]
    weights = sums.weights * sums.picked.correction(log_px[:, :GROUPS])
    return sums._replace(
        weights=weights,
        squares=sums.squares * (jnp.sum(weights, axis=0) / jnp.sum(sums.weights, axis=0)) ** 2,
        distortion=sums.distortion + jnp.mean(error, axis=(0, 1)),
    )


@eqx.filter_jit
def _summary(model: VAE, x: Float[Array, "rows variables"], sums: _Sums) -> Float[Array, "rows 5"]:
    """Both estimates, the effective number of draws, rate and distortion."""
    drawn_by_group = (sums.drawn + GROUPS - 1 - jnp.arange(GROUPS)) // GROUPS
    total = jnp.sum(sums.weights, axis=0)
    kl = true_kl(model, model.encode(x), model.prior_over_latents())
    # Where there are fewer draws than groups, those left empty have no say.
    share = (drawn_by_group / sums.drawn)[:, None]
    by_group = jnp.log(sums.weights / jnp.maximum(drawn_by_group, 1.0)[:, None])
    found = [
        sums.top + jnp.log(total / sums.drawn),
        sums.top + jnp.sum(jnp.where(share > 0, share * by_group, 0.0), axis=0),
        total**2 / sums.squares,
        sums.sampled_rate if kl is None else kl,
        sums.distortion,
    ]
    return jnp.stack(found, axis=-1)
