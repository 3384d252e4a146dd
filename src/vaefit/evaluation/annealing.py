"""The log-likelihood of rows by annealed importance sampling, and both bounds of it on simulated rows."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key
from scipy.special import logsumexp

from vaefit.errors import SettingsError
from vaefit.evaluation.blocks import Progress, blocks, unseen
from vaefit.evaluation.importance import BUDGET, ROWS, shared_draws, units, why_undefined
from vaefit.model import VAE

TARGET_ACCEPTANCE = 0.65  # Neal 2011, arXiv:1206.1901
ADAPTATION = 0.05
FIRST_STEP = 0.5
STEPS_A_CALL = 25
STEEPNESS = 4.0  # of the sigmoid schedule, Wu et al. 2017


@dataclass(frozen=True)
class Annealing:
    """How to anneal: so many chains a row and temperatures, from where, and how z moves at each of them.

    `start` is the first distribution: the prior or q(z|x), whose draws are nearer to the posterior.
    """

    chains: int = 16
    steps: int = 500
    start: Literal["prior", "posterior"] = "prior"
    schedule: Literal["sigmoid", "linear"] = "sigmoid"
    leapfrogs: int = 5


DEFAULT = Annealing()


@dataclass(frozen=True)
class Annealed:
    """Log weights of annealed chains, nats, and how many of the moves were accepted."""

    log_weights: Float[np.ndarray, "rows chains"]
    acceptance: float

    @property
    def log_likelihood(self) -> Float[np.ndarray, " rows"]:
        """log of the mean weight of each row, nats: in expectation at most log p(x)."""
        return logsumexp(self.log_weights, axis=1) - np.log(self.log_weights.shape[1])

    @property
    def standard_error(self) -> Float[np.ndarray, " rows"]:
        """Of each row's estimate, from leaving out a chain at a time."""
        return _jackknife(self._without_one())

    @property
    def mean_standard_error(self) -> float:
        """Of the mean over rows, whose chains share their noise; the rows themselves are taken as given."""
        return float(_jackknife(self._without_one().mean(axis=0)))

    def _without_one(self) -> Float[np.ndarray, "rows chains"]:
        chains = self.log_weights.shape[1]
        left = [np.delete(self.log_weights, chain, axis=1) for chain in range(chains)]
        return np.stack([logsumexp(kept, axis=1) - np.log(chains - 1) for kept in left], axis=1)


@dataclass(frozen=True)
class Bracket:
    """Bounds of log p(x) on rows drawn from the model, nats per datum, each in expectation."""

    lower: Float[np.ndarray, " rows"]
    upper: Float[np.ndarray, " rows"]
    lower_standard_error: float
    upper_standard_error: float

    @property
    def gap(self) -> float:
        """Mean of upper - lower: what annealing misses of the log-likelihood, at most."""
        return float(np.mean(self.upper - self.lower))


def anneal(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    how: Annealing = Annealing(),
    *,
    seed: int = 0,
    progress: Progress = unseen,
) -> Annealed:
    r"""A lower bound of log p(x) of rows in network units that does not rest on q(z|x) being good.

    $\log p(x) \ge E \log w$, $\log w = \sum_t (\beta_t - \beta_{t-1}) \log p(x, z_{t-1}) / r(z_{t-1})$, r the
    first distribution; z moves by Hamiltonian Monte Carlo that leaves $r^{1-\beta} p(x, z)^\beta$ as it is.
    Each chain adapts its step size to an acceptance of 0.65, by its own past (so that the bound holds but for
    this small dependence, as in Wu et al.); coordinates are scaled by q's sd. Chains share their noise across
    rows, so a row's number does not depend on the others.

    Raises:
        SettingsError: the likelihood takes all draws together, or there are fewer than two chains.

    Source: Neal 2001; Wu et al. 2017, arXiv:1611.04273.
    """
    _check(model, how)
    key = jax.random.fold_in(jax.random.key(seed), 7)
    return _annealed(model, x, None, how, key, progress)


def bracket(
    model: VAE,
    rows: int,
    how: Annealing = Annealing(),
    *,
    seed: int = 0,
    progress: Progress = unseen,
) -> Bracket:
    """Both bounds of log p(x) on rows simulated from the model.

    Forward chains go from r to the posterior; backward ones from the very z that made x, an exact draw of the
    posterior, to r.

    Raises:
        SettingsError: as `anneal` does.

    Source: bidirectional Monte Carlo, Grosse et al. 2015, arXiv:1511.02543.
    """
    _check(model, how)
    z, x = simulate(model, rows, seed=seed)
    forward_key, backward_key = jax.random.split(jax.random.fold_in(jax.random.key(seed), 8))
    forward = _annealed(model, x, None, how, forward_key, lambda done, all_: progress(done, 2 * all_))
    backward = _annealed(model, x, z, how, backward_key, lambda done, all_: progress(all_ + done, 2 * all_))
    return Bracket(
        lower=forward.log_likelihood,
        upper=-backward.log_likelihood,
        lower_standard_error=forward.mean_standard_error,
        upper_standard_error=backward.mean_standard_error,
    )


def simulate(
    model: VAE, rows: int, *, seed: int
) -> tuple[Float[np.ndarray, "rows latent"], Float[np.ndarray, "rows variables"]]:
    """z from the prior and x from p(x|z)."""
    z_key, x_key = jax.random.split(jax.random.fold_in(jax.random.key(seed), 9))
    z = jnp.asarray(model.prior_over_latents().sample(z_key, (rows,)))
    x = jnp.asarray(model.decode(z).sample(x_key), jnp.float32)
    return np.asarray(z), np.asarray(x)


def _check(model: VAE, how: Annealing) -> None:
    if why := why_undefined(model):
        raise SettingsError(
            f"expected a model with a likelihood to anneal to, found none: {why}; use its ELBO"
        )
    if how.chains < 2:
        raise SettingsError(f"expected at least 2 chains, for a standard error, found {how.chains}")


def _jackknife(without_one: Float[np.ndarray, "*rows chains"]) -> Float[np.ndarray, "*rows"]:
    chains = without_one.shape[-1]
    return np.asarray(np.sqrt((chains - 1) * without_one.var(axis=-1)))


class _Chains(NamedTuple):
    """Where the chains of some rows are, and the log of their step sizes."""

    z: Float[Array, "rows chains latent"]
    log_step: Float[Array, "rows chains"]


def _annealed(
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    made_by: Float[np.ndarray, "rows latent"] | None,
    how: Annealing,
    key: Key[Array, ""],
    progress: Progress,
) -> Annealed:
    """Chains forward from r; or backward from the z that made x, where it is known."""
    size = max(1, min(ROWS, BUDGET // (how.chains * units(model))))
    start_key, key = jax.random.split(key)
    moves = replace(how, steps=0)  # one program for any number of steps
    backward = jnp.asarray(made_by is not None)
    calls = range(0, how.steps, STEPS_A_CALL)
    total, weights, accepted = -(-len(x) // size) * len(calls), [], []
    given = np.zeros((len(x), model.posterior.latent_dim), np.float32) if made_by is None else made_by
    for rows, (part, known) in blocks(x, given, size=size):
        chains = _start(model, part, known, backward, start_key, moves)
        sums = np.zeros((2, size, how.chains))
        for first in calls:
            bounds = jnp.asarray([first, min(first + STEPS_A_CALL, how.steps)])
            chains, added = _move(model, part, chains, key, bounds, jnp.asarray(how.steps), backward, moves)
            sums += np.asarray(added, np.float64)
            progress(len(weights) * len(calls) + first // STEPS_A_CALL + 1, total)
        weights.append(sums[0, : rows.stop - rows.start])
        accepted.append(sums[1, : rows.stop - rows.start])
    return Annealed(np.concatenate(weights), float(np.concatenate(accepted).mean() / how.steps))


@eqx.filter_jit
def _start(
    model: VAE,
    x: Float[Array, "rows variables"],
    made_by: Float[Array, "rows latent"],
    backward: Bool[Array, ""],
    key: Key[Array, ""],
    how: Annealing,
) -> _Chains:
    if how.start == "prior":
        drawn = jnp.asarray(model.prior_over_latents().sample(key, (how.chains, 1)))
    else:
        drawn = shared_draws(model, model.encoder(x).output, key, jnp.arange(how.chains))
    z = jnp.where(backward, made_by[:, None], jnp.moveaxis(drawn, 0, 1))
    # A dtype of its own: a weak one would come back strong from the first steps, and trace them again.
    return _Chains(z, jnp.full(z.shape[:2], jnp.log(FIRST_STEP), z.dtype))


@eqx.filter_jit
def _move(
    model: VAE,
    x: Float[Array, "rows variables"],
    chains: _Chains,
    key: Key[Array, ""],
    bounds: Int[Array, "2"],
    steps: Int[Array, ""],
    backward: Bool[Array, ""],
    how: Annealing,
) -> tuple[_Chains, Float[Array, "2 rows chains"]]:
    """Chains after steps first to last; what these add to their log weights and accepted moves."""

    def inverse_temperature(step: Array) -> Array:
        beta = _schedule(step / steps, how.schedule)
        return jnp.where(backward, 1.0 - beta, beta)

    def of_chain(number: Array, x: Array, output: Array, z: Array, log_step: Array) -> tuple:
        target = _Target(model, x, output, how)
        chain_key = jax.random.fold_in(key, number)

        def step(index: Array, carry: tuple) -> tuple:
            point, log_step, added = carry
            beta, before = inverse_temperature(index + 1), inverse_temperature(index)
            log_weight = (beta - before) * point.ratio
            step_key = jax.random.fold_in(chain_key, index)
            point, accepted = _transition(target, point, beta, jnp.exp(log_step), step_key, how.leapfrogs)
            log_step = log_step + ADAPTATION * (accepted - TARGET_ACCEPTANCE)
            return point, log_step, added + jnp.stack([log_weight, accepted])

        first = (target.at(z), log_step, jnp.zeros(2))
        point, log_step, added = jax.lax.fori_loop(bounds[0], bounds[1], step, first)
        return point.z, log_step, added

    of_row = jax.vmap(of_chain, (0, None, None, 0, 0))
    numbers, outputs = jnp.arange(how.chains), model.encoder(x).output
    z, log_step, added = jax.vmap(of_row, (None, 0, 0, 0, 0))(numbers, x, outputs, *chains)
    return _Chains(z, log_step), jnp.moveaxis(added, -1, 0)


def _schedule(share: Array, name: str) -> Array:
    """The inverse temperature after a share of the steps; exactly 0 at 0 and 1 at 1, and symmetric."""
    if name == "linear":
        return share
    ends = jax.nn.sigmoid(jnp.asarray([-STEEPNESS, STEEPNESS]))
    inside = (jax.nn.sigmoid(STEEPNESS * (2.0 * share - 1.0)) - ends[0]) / (ends[1] - ends[0])
    return jnp.where(share <= 0.0, 0.0, jnp.where(share >= 1.0, 1.0, inside))


class _Point(NamedTuple):
    """A z with log r(z), the ratio log p(x, z) - log r(z), and their gradients."""

    z: Float[Array, " latent"]
    log_start: Float[Array, ""]
    ratio: Float[Array, ""]
    start_gradient: Float[Array, " latent"]
    ratio_gradient: Float[Array, " latent"]

    def log_density(self, beta: Array) -> Array:
        return self.log_start + beta * self.ratio

    def gradient(self, beta: Array) -> Array:
        return self.start_gradient + beta * self.ratio_gradient


class _Target:
    """The path of densities r^(1 - beta) p(x, z)^beta of one row."""

    def __init__(self, model: VAE, x: Array, output: Array, how: Annealing) -> None:
        self._model, self._x = model, x
        self._q, self._prior = model.posterior(output), model.prior_over_latents()
        self._start = self._prior if how.start == "prior" else self._q

    def at(self, z: Float[Array, " latent"]) -> _Point:
        log_start, start_gradient = jax.value_and_grad(self._log_start)(z)
        ratio, ratio_gradient = jax.value_and_grad(self._ratio)(z)
        return _Point(z, log_start, ratio, start_gradient, ratio_gradient)

    def scale(self, beta: Array) -> Float[Array, " latent"]:
        """The sd that z would have at beta if q were the posterior, to scale the moves by."""
        start, end = jnp.asarray(self._start.variance), jnp.asarray(self._q.variance)
        return jax.lax.rsqrt((1.0 - beta) / start + beta / end)

    def _log_start(self, z: Array) -> Array:
        return jnp.asarray(self._start.log_prob(z))

    def _ratio(self, z: Array) -> Array:
        log_px = jnp.sum(jnp.asarray(self._model.decode(z).log_prob(self._x)))
        return log_px + jnp.asarray(self._prior.log_prob(z)) - self._log_start(z)


def _transition(
    target: _Target, point: _Point, beta: Array, step: Array, key: Array, leapfrogs: int
) -> tuple[_Point, Float[Array, ""]]:
    """A Hamiltonian move that leaves the density at beta as it is; and its probability of acceptance."""
    momentum_key, length_key, accept_key = jax.random.split(key, 3)
    momentum = jax.random.normal(momentum_key, point.z.shape)
    # Lengths vary, so that no trajectory comes back to its start each time.
    size = target.scale(beta) * step * jax.random.uniform(length_key, minval=0.5, maxval=1.0)

    def leapfrog(_: Array, carry: tuple[_Point, Array]) -> tuple[_Point, Array]:
        at, momentum = carry
        momentum = momentum + 0.5 * size * at.gradient(beta)
        at = target.at(at.z + size * momentum)
        return at, momentum + 0.5 * size * at.gradient(beta)

    proposed, last = jax.lax.fori_loop(0, leapfrogs, leapfrog, (point, momentum))
    gain = proposed.log_density(beta) - point.log_density(beta) + 0.5 * jnp.sum(momentum**2 - last**2)
    probability = jnp.where(jnp.isfinite(gain), jnp.exp(jnp.minimum(gain, 0.0)), 0.0)
    accepted = jax.random.uniform(accept_key) < probability
    return jax.tree.map(lambda new, old: jnp.where(accepted, new, old), proposed, point), probability
