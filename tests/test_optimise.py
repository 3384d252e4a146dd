"""Optimisers against their formulas, schedules against theirs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vaefit.optimise import build_optimizer, build_schedule


def steps(gradients: list[float], name: str, rate: float, **options: float) -> list[float]:
    chain = build_optimizer(name, **options)
    p = jnp.asarray([[0.0]])
    state, seen = chain.init(p), []
    for g in gradients:
        update, state = chain.update(jnp.asarray([[g]]), state, p, learning_rate=rate)
        p = p + jnp.asarray(update)
        seen.append(float(p[0, 0]))
    return seen


def test_rmsprop_is_tensorflows() -> None:
    gradients, rate, momentum, decay, epsilon = [0.3, -2.0, 50.0, 0.1], 0.01, 0.1, 0.9, 1e-10
    p, mean_square, moment, expected = 0.0, 1.0, 0.0, []
    for g in np.clip(gradients, -10, 10):
        mean_square = decay * mean_square + (1 - decay) * g**2
        moment = momentum * moment + rate * g / np.sqrt(mean_square + epsilon)
        p -= moment
        expected.append(p)
    found = steps(
        gradients,
        "rmsprop",
        rate,
        momentum=momentum,
        accumulator_start=1.0,
        optimizer_epsilon=epsilon,
        clip_value=10.0,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_adagrad() -> None:
    gradients, rate, p, total, expected = [0.3, -2.0, 5.0], 0.1, 0.0, 0.1, []
    for g in gradients:
        total += g**2
        p -= rate * g / np.sqrt(total + 1e-7)
        expected.append(p)
    found = steps(gradients, "adagrad", rate, accumulator_start=0.1, optimizer_epsilon=1e-7)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(("name", "decay"), [("adam", 0.0), ("adamw", 0.1)])
def test_adam_and_adamw(name: str, decay: float) -> None:
    gradients, rate, p, m, v, expected = [0.3, -2.0, 5.0], 0.1, 0.0, 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        p -= rate * ((m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) + decay * p)
        expected.append(p)
    np.testing.assert_allclose(steps(gradients, name, rate, weight_decay=decay), expected, rtol=1e-4)


def test_clipping_by_global_norm() -> None:
    chain = build_optimizer("sgd", clip_norm=1.0)
    gradient = {"a": jnp.asarray([3.0]), "b": jnp.asarray([4.0])}
    update, _ = chain.update(gradient, chain.init(gradient), gradient, learning_rate=1.0)
    np.testing.assert_allclose([update["a"][0], update["b"][0]], [-0.6, -0.8], rtol=1e-6)


def test_weight_decay_leaves_biases_alone() -> None:
    chain = build_optimizer("adamw", weight_decay=0.5)
    params = {"weight": jnp.ones((1, 1)), "bias": jnp.ones(1)}
    zero = {"weight": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
    update, _ = chain.update(zero, chain.init(params), params, learning_rate=0.1)
    assert float(update["weight"][0, 0]) == pytest.approx(-0.05)
    assert float(update["bias"][0]) == 0.0


@pytest.mark.parametrize(
    ("name", "epoch", "expected"),
    [
        ("constant", 7.0, 1e-2),
        ("exponential", 0.0, 1e-2),
        ("exponential", 5.0, 1e-3),
        ("exponential", 10.0, 1e-4),
        ("exponential", 99.0, 1e-4),
        ("cosine", 0.0, 1e-2),
        ("cosine", 5.0, (1e-2 + 1e-4) / 2),
        ("cosine", 10.0, 1e-4),
        ("cosine", 11.0, 1e-4),
        ("staged", 0.0, 1e-2),
        ("staged", 2.99, 1e-2),
        ("staged", 3.0, 5e-3),
        ("staged", 8.5, 2e-3),
    ],
)
def test_schedules(name: str, epoch: float, expected: float) -> None:
    rate = build_schedule(
        name, learning_rate=1e-2, final_rate=1e-4, epochs=10, stages=((3.0, 5e-3), (8.0, 2e-3))
    )
    assert float(rate(jnp.asarray(epoch))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "adagrad", "sgd"])
@pytest.mark.parametrize("clip", [{}, {"clip_value": 10.0}, {"clip_norm": 100.0}])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_leaves_weights_that_are_not(name: str, clip: dict, bad: float) -> None:
    chain = build_optimizer(name, weight_decay=0.1 if name == "adamw" else 0.0, momentum=0.1, **clip)
    params = {"a": jnp.ones((2, 2)), "b": jnp.ones(3)}
    gradient = {"a": jnp.full((2, 2), 0.1).at[1, 0].set(bad), "b": jnp.full(3, 0.1)}
    update, state = jax.jit(chain.update)(gradient, chain.init(params), params, learning_rate=0.1)
    assert not np.isfinite(update["a"][1, 0] + 1.0)
    good = jax.tree.map(lambda p: jnp.full_like(p, 0.1), params)
    later, _ = jax.jit(chain.update)(good, state, params, learning_rate=0.1)
    assert not np.isfinite(update["a"][1, 0] + later["a"][1, 0])


def test_a_norm_that_overflows_is_not_clipped_to_nothing() -> None:
    chain = build_optimizer("adam", clip_norm=1.0)
    huge = {"a": jnp.full(2, 1e30)}
    update, _ = chain.update(huge, chain.init(huge), huge, learning_rate=0.1)
    assert np.isnan(update["a"]).all()
