"""Values that come far more often than those around them: which they are, and their density."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from vaefit.data import transform_from_dict
from vaefit.data.tables import Cells, Column, Schema
from vaefit.data.tables.lines import common_values
from vaefit.likelihoods._spiked import Spiked
from vaefit.likelihoods.columns import Columns
from vaefit.likelihoods.gaussian import Gaussian
from vaefit.likelihoods.negative_binomial import NegativeBinomial

RNG = np.random.default_rng(0)
N = 4000
HOURS = np.where(RNG.random(N) < 0.4, 40.0, np.round(RNG.normal(42, 12, N)))
GAIN = np.where(RNG.random(N) < 0.9, 0.0, np.round(RNG.lognormal(8, 1, N)))
GRADES = RNG.choice([1.0, 2.0, 3.0, 4.0], N, p=[0.5, 0.3, 0.195, 0.005])
SCHEMA = Schema((Column("hours", "real", step=1.0), Column("gain", "real", step=1.0)))
SPIKES = (((-0.5, 0.25), (1.0, 1.5)), ((2.0, 2.5),))


def test_spikes_are_what_stands_out_on_a_grid() -> None:
    assert common_values(HOURS, 1.0).tolist() == [40.0]
    assert common_values(GAIN, 1.0).tolist() == [0.0]
    # Of a few levels all that come often enough, in share and in rows.
    assert common_values(GRADES, 1.0).tolist() == [1.0, 2.0, 3.0]
    smooth = np.round(RNG.normal(0, 50, N))
    assert common_values(smooth, 1.0).size == common_values(HOURS, 0.0).size == 0


def by_scipy(o: np.ndarray, x: np.ndarray) -> np.ndarray:
    """exp(log-density) of both variables; outputs: odds of the rest and of spikes, mean, sd."""
    odds, rest = o[:6].reshape(2, 3), o[6:].reshape(2, 2)
    found = []
    for d, stretches in enumerate(SPIKES):
        weight = np.exp(odds[d, : 1 + len(stretches)])
        weight /= weight.sum()
        sd = 1e-3 + np.logaddexp(rest[1, d], 0)
        density = weight[0] * scipy.stats.norm(rest[0, d], sd).pdf(x[:, d])
        for share, (start, end) in zip(weight[1:], stretches, strict=True):
            density += share * scipy.stats.uniform(start, end - start).pdf(x[:, d])
        found.append(density)
    return np.stack(found, axis=1)


def test_the_density_is_scipys_and_so_are_its_moments() -> None:
    part = Spiked(dim=2, rest=Gaussian(dim=2), spikes=SPIKES)
    o = RNG.normal(size=part.width)
    x = np.linspace(-12, 12, 24001)[:, None].repeat(2, axis=1) + 5e-4
    p = part(jnp.asarray(o, jnp.float32))
    found = np.exp(np.asarray(p.log_prob(jnp.asarray(x, jnp.float32))))
    expected = by_scipy(o, x)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-6)
    mean = (x * expected).sum(0) * 1e-3
    np.testing.assert_allclose(expected.sum(0) * 1e-3, 1.0, atol=1e-3)
    np.testing.assert_allclose(p.mean, mean, atol=2e-3)
    np.testing.assert_allclose(part.location(jnp.asarray(o, jnp.float32)), mean, atol=2e-3)
    variance = (x**2 * expected).sum(0) * 1e-3 - mean**2
    np.testing.assert_allclose(p.variance, variance, rtol=5e-3)
    drawn = np.asarray(p.sample(jax.random.key(0), (20_000,)))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=5 * np.sqrt(variance.max() / 20_000))
    for d, stretches in enumerate(SPIKES):
        for start, end in stretches:
            share = expected[(x[:, d] > start) & (x[:, d] < end), d].sum() * 1e-3
            inside = ((drawn[:, d] > start) & (drawn[:, d] < end)).mean()
            assert inside == pytest.approx(share, abs=0.02)


def test_counts_with_a_spike_are_inflated_at_it() -> None:
    part = Spiked(dim=1, rest=NegativeBinomial(dim=1), spikes=(((-0.5, 0.5),),))
    o = jnp.asarray([0.3, -0.2, 1.0, 0.5])
    mass = np.exp(np.asarray(part(o).log_prob(jnp.arange(100.0)[:, None])))[:, 0]
    alone = np.exp(np.asarray(part.rest(o[2:]).log_prob(jnp.arange(100.0)[:, None])))[:, 0]
    weight = np.exp([0.3, -0.2]) / np.exp([0.3, -0.2]).sum()
    np.testing.assert_allclose(mass, weight[0] * alone + weight[1] * (np.arange(100) == 0), rtol=1e-4)
    assert mass.sum() == pytest.approx(1.0, abs=1e-4)


def test_training_starts_at_the_shares_and_the_moments_of_the_rest() -> None:
    x = np.stack([np.where(RNG.random(N) < 0.3, 0.1, RNG.normal(4, 0.1, N)), RNG.normal(0, 0.1, N)], axis=1)
    x[::7, 0] = np.nan
    started, bias = Spiked(dim=2, rest=Gaussian(dim=2), spikes=SPIKES).start_from(x)
    share = np.exp(np.asarray(bias)[:3])
    seen = x[~np.isnan(x[:, 0]), 0]
    assert share[1] == pytest.approx((seen == 0.1).mean(), abs=1e-3) and share[2] < 1e-3
    np.testing.assert_allclose(np.asarray(bias)[6:8], [seen[seen > 1].mean(), x[:, 1].mean()], atol=1e-3)
    assert started.width == len(bias)


def test_the_density_of_the_tables_own_numbers_integrates_to_one() -> None:
    """Dequantised values, through lines fitted to what is no spike, with their Jacobian."""
    cells = Cells.fit(np.stack([HOURS, GAIN], axis=1), SCHEMA)
    assert cells.spikes == ((40.0,), (0.0,)) and len(cells.knots[1]) > 2
    part = Columns.of_variables(2, cells.variables)
    x = cells.forward(np.stack([HOURS, GAIN], axis=1))
    assert cells.visit is not None
    seen = cells.visit(x, RNG.random(x.shape).astype(np.float32))
    started, bias = part.start_from(seen)
    log_p = np.asarray(started(bias).log_prob(jnp.asarray(seen)))
    at = np.stack([HOURS == 40, GAIN == 0], axis=1)
    # A spike's density is its share of the rows over its step of one.
    own = log_p + cells.cell_log_jacobian(seen)
    for d in range(2):
        assert own[at[:, d], d].mean() == pytest.approx(np.log(at[:, d].mean()), abs=0.05)
    for d, (low, high, spike) in enumerate(((-400, 500, 40), (-2e5, 4e5, 0))):
        edges = np.unique(np.concatenate([np.linspace(low, high, 50_000), spike + np.linspace(-2, 2, 4001)]))
        v = np.zeros((len(edges) - 1, 2))
        v[:, d] = (edges[1:] + edges[:-1]) / 2
        grid = cells.forward(v)
        density = np.exp(np.asarray(started(bias).log_prob(jnp.asarray(grid)))[:, d])
        density = density * np.exp(cells.cell_log_jacobian(grid)[:, d])
        assert density @ np.diff(edges) == pytest.approx(1.0, abs=0.01)


def test_runs_from_before_spikes_are_read() -> None:
    cells = Cells.fit(np.stack([HOURS, GAIN], axis=1), SCHEMA)
    saved = cells.to_dict()
    assert transform_from_dict(saved) == cells
    del saved["spikes"]
    assert transform_from_dict(saved).variables[0].spikes == ()
