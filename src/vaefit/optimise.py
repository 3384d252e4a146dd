"""Optax chains and learning-rate schedules from settings."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree

Schedule = Callable[[Float[Array, ""]], Float[Array, ""]]
Number = float | Float[Array, ""]


@cache
def build_optimizer(
    name: Literal["adam", "adamw", "rmsprop", "adagrad", "sgd"],
    *,
    momentum: float = 0.0,
    rms_decay: float = 0.9,
    accumulator_start: float = 0.0,
    adam_b1: float = 0.9,
    adam_b2: float = 0.999,
    optimizer_epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """An optimiser whose `update` takes the learning rate of this step as `learning_rate`.

    Equal arguments give the same object, and so programs that are compiled once.

    With `rmsprop`, `accumulator_start=1` and momentum it is TensorFlow's RMSProp: the mean square starts
    at one, epsilon is inside the root, and the learning rate is inside the momentum.

    >>> chain = build_optimizer("sgd")
    >>> updates, _ = chain.update(jnp.ones(2), chain.init(jnp.ones(2)), jnp.ones(2), learning_rate=0.5)
    >>> updates
    Array([-0.5, -0.5], dtype=float32)
    """
    scale: Mapping[str, Callable[[], optax.GradientTransformation]] = {
        "adam": lambda: optax.scale_by_adam(adam_b1, adam_b2, optimizer_epsilon),
        "adamw": lambda: optax.scale_by_adam(adam_b1, adam_b2, optimizer_epsilon),
        "rmsprop": lambda: optax.scale_by_rms(
            rms_decay, optimizer_epsilon, accumulator_start, eps_in_sqrt=True
        ),
        "adagrad": lambda: optax.scale_by_rss(accumulator_start, optimizer_epsilon),
        "sgd": optax.identity,
    }
    steps = [
        # A norm tells of every entry; checkpoints count the steps of the chain.
        optax.identity() if clip_norm and not clip_value else _pass_on_non_finite(),
        optax.clip(clip_value) if clip_value else None,
        _clip_by_global_norm(clip_norm) if clip_norm else None,
        scale[name](),
        optax.add_decayed_weights(weight_decay, _is_matrix) if name == "adamw" and weight_decay else None,
        _scale_by_given_rate(),
        optax.trace(momentum) if name in ("rmsprop", "sgd") and momentum else None,
    ]
    return optax.chain(*(step for step in steps if step is not None))


@cache
def build_schedule(
    name: Literal["constant", "staged", "exponential", "cosine", "plateau"],
    *,
    learning_rate: float,
    final_rate: float,
    epochs: int,
    stages: tuple[tuple[float, float], ...],
) -> Schedule:
    r"""The learning rate as a function of the epoch (which has a fraction).

    With $t = \text{epoch}/\text{epochs}$, at most 1: exponential $r_0 (r_1/r_0)^t$; cosine
    $r_1 + (r_0 - r_1)(1 + \cos \pi t)/2$; staged: the rate of the last stage begun. Plateau is constant here:
    `train` lowers it by its own factor.

    >>> rate = build_schedule("exponential", learning_rate=1.0, final_rate=0.01, epochs=10, stages=())
    >>> float(rate(jnp.asarray(5.0)))
    0.1
    """
    final = min(final_rate, learning_rate)
    return schedule_of(name, learning_rate=learning_rate, final_rate=final, epochs=epochs, stages=stages)


def schedule_of(
    name: str,
    *,
    learning_rate: Number,
    final_rate: Number,
    epochs: Number,
    stages: tuple[tuple[float, float], ...],
) -> Schedule:
    """The same from numbers that may be traced, `final_rate` at most `learning_rate`."""

    def progress(epoch: Array) -> Array:
        return jnp.clip(epoch / epochs, 0.0, 1.0)

    def staged(epoch: Array) -> Array:
        starts = jnp.asarray([0.0, *(start for start, _ in stages)])
        rates = jnp.asarray([learning_rate, *(rate for _, rate in stages)])
        return rates[jnp.searchsorted(starts, epoch, side="right") - 1]

    schedules: dict[str, Schedule] = {
        "constant": lambda epoch: jnp.full_like(epoch, learning_rate),
        "plateau": lambda epoch: jnp.full_like(epoch, learning_rate),
        "exponential": lambda epoch: learning_rate * (final_rate / learning_rate) ** progress(epoch),
        "cosine": lambda epoch: (
            final_rate + (learning_rate - final_rate) * (1 + jnp.cos(np.pi * progress(epoch))) / 2
        ),
        "staged": staged,
    }
    return schedules[name]


def _scale_by_given_rate() -> optax.GradientTransformationExtraArgs:
    def update(
        updates: PyTree, state: Any, _params: PyTree = None, *, learning_rate: Array | float, **_: Any
    ) -> tuple[PyTree, Any]:
        return jax.tree.map(lambda u: -learning_rate * u, updates), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)  # pyright: ignore[reportArgumentType]


def _clip_by_global_norm(most: float) -> optax.GradientTransformation:
    """Scale a gradient whose norm is larger than `most` to it; one whose norm is not finite becomes NaN.

    As optax's clipping, but with one factor for all entries: on a CPU its passes over the weights, and those
    of a second norm to tell what is not finite, took longer than Adam's.
    """

    def update(updates: PyTree, state: Any, _params: PyTree = None) -> tuple[PyTree, Any]:
        norm = optax.tree.norm(updates)
        factor = jnp.where(norm < most, 1.0, most / norm) + 0.0 * norm
        return jax.tree.map(lambda u: u * factor, updates), state

    return optax.GradientTransformation(optax.init_empty_state, update)  # pyright: ignore[reportArgumentType]


def _pass_on_non_finite() -> optax.GradientTransformation:
    """Make NaN of infinite entries, which clipping would hide.

    Whatever the optimiser, a gradient that is not finite then leaves weights that are not.
    """

    def update(updates: PyTree, state: Any, _params: PyTree = None) -> tuple[PyTree, Any]:
        return jax.tree.map(lambda u: u + 0.0 * u, updates), state

    return optax.GradientTransformation(optax.init_empty_state, update)  # pyright: ignore[reportArgumentType]


def _is_matrix(params: PyTree) -> PyTree:
    """Which weights decay: matrices, but not a linear path, which is the floor to come back to."""
    return jax.tree_util.tree_map_with_path(
        lambda path, p: p.ndim >= 2 and not jax.tree_util.keystr(path).endswith("linear_path"), params
    )
