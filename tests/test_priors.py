"""Priors: densities that integrate to one, and that their own draws follow; a learned one in a whole fit."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.test_util import check_grads

from vaefit import catalogue, fit, load
from vaefit.evaluation.latents import true_kl
from vaefit.priors import Prior
from vaefit.priors.flow import Flow

PRIORS = sorted(catalogue.parts("prior"))
LEARNED = [name for name in PRIORS if name != "normal"]


def unknown(x: Any) -> Any:
    raise AssertionError("no encoder is asked for")


def disturbed(name: str, latent_dim: int, **options: int) -> Prior:
    """A prior whose weights, where it has some, are not those it starts with."""
    prior = catalogue.find("prior", name).load()(latent_dim=latent_dim, **options)
    leaves, tree = jax.tree.flatten(prior)
    rng = np.random.default_rng(0)
    return jax.tree.unflatten(
        tree, [leaf + jnp.asarray(0.05 * rng.normal(size=leaf.shape)) for leaf in leaves]
    )


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_integrates_to_one_and_its_draws_follow_it(name: str) -> None:
    with jax.enable_x64(True):
        p = disturbed(name, 2)(unknown)
        side = np.linspace(-15, 15, 601)
        grid = jnp.asarray(np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1))
        density = np.exp(np.asarray(p.log_prob(grid)))
        cell = (side[1] - side[0]) ** 2
        assert density.sum() * cell == pytest.approx(1.0, abs=1e-4)
        drawn = np.asarray(p.sample(jax.random.key(1), (20_000,)))
    first = density.sum(axis=1) * (side[1] - side[0])
    below = np.interp(
        np.sort(drawn[:, 0]), side + (side[1] - side[0]) / 2, np.cumsum(first) * (side[1] - side[0])
    )
    distance = np.abs(below - (np.arange(20_000) + 0.5) / 20_000).max()
    assert distance < scipy.stats.kstwobign.ppf(0.999) / np.sqrt(20_000)


@pytest.mark.parametrize("name", LEARNED)
def test_every_learned_prior_starts_at_the_standard_normal(name: str) -> None:
    p = catalogue.find("prior", name).load()(latent_dim=5)(unknown)
    z = np.random.default_rng(0).normal(size=(7, 5))
    expected = scipy.stats.norm.logpdf(z).sum(axis=-1)
    np.testing.assert_allclose(p.log_prob(jnp.asarray(z, jnp.float32)), expected, rtol=1e-5)


@pytest.mark.parametrize("hidden", [1, 3])
@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_a_flow_is_undone_and_its_determinant_is_the_jacobians(latent_dim: int, hidden: int) -> None:
    with jax.enable_x64(True):
        flow = disturbed("flow", latent_dim, coupling_layers=hidden)
        assert isinstance(flow, Flow)
        u = jnp.asarray(np.random.default_rng(1).normal(size=latent_dim))
        z = flow.forward(u)
        back, log_det = flow.backward(z)
        np.testing.assert_allclose(back, u, atol=1e-10)
        _, expected = np.linalg.slogdet(jax.jacfwd(flow.forward)(u))
        np.testing.assert_allclose(log_det, -expected, atol=1e-10)


@pytest.mark.parametrize("hidden", [1, 3])
def test_a_flow_moves_every_latent_and_learns(hidden: int) -> None:
    with jax.enable_x64(True):
        flow = disturbed("flow", 3, coupling_layers=hidden)
        params, static = eqx.partition(flow, eqx.is_inexact_array)
        z = jnp.asarray(np.random.default_rng(2).normal(size=(4, 3)))
        check_grads(
            lambda w: eqx.combine(w, static)(unknown).log_prob(z).sum(), (params,), order=1, modes=("rev",)
        )
        moved = np.asarray(flow.forward(z)) - np.asarray(z)
        assert np.all(np.abs(moved) > 1e-6)
        learnt = jax.grad(lambda w: eqx.combine(w, static)(unknown).log_prob(z).sum())(params)
        assert all(np.abs(np.asarray(leaf)).max() > 0 for leaf in jax.tree.leaves(learnt))
        assert len(jax.tree.leaves(learnt)) == flow.couplings * (hidden + 1)


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_prior_fits_better_where_latents_are_not_normal(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # A linear image of a ring: a linear decoder has its density only by a prior that is one.
    angle = rng.uniform(0, 2 * np.pi, 600)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.05 * rng.normal(size=(600, 2))
    x = ring @ rng.normal(size=(2, 4)) + 0.05 * rng.normal(size=(600, 4))
    how = {"latent_dim": 2, "epochs": 150, "encoder_layers": (16,), "decoder_layers": (), "keep_prob": 1.0}
    plain = fit(x, **how, learning_rate=5e-3)
    learned = fit(x, **how, learning_rate=5e-3, prior=name, out=tmp_path / "run")
    best = [max(r["validation"]["elbo"] for r in run.history) for run in (plain, learned)]
    assert best[1] > best[0] + 0.1
    again = load(tmp_path / "run")
    np.testing.assert_array_equal(again.sample(5, seed=3), learned.sample(5, seed=3))
    q = again.model.encode(jnp.asarray(again.inputs(again.dataset(x))[:3]))
    assert true_kl(again.model, q, again.model.prior_over_latents()) is None
