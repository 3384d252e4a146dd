"""Cells of many types: scale, densities, what is missing and draws of it, against closed forms."""

import json
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from scipy.special import expit, log_softmax

from linear_gaussian import DIM, MEAN, SD
from linear_gaussian import WEIGHT as FULL
from vaefit.assemble import build_model, build_trainer
from vaefit.data import Variable, transform_from_dict
from vaefit.data.tables import Cells, Column, Schema
from vaefit.errors import DataError, RunError
from vaefit.evaluation import completions
from vaefit.likelihoods.columns import Columns
from vaefit.likelihoods.ordinal import Ordinal
from vaefit.model import VAE
from vaefit.objectives.iwae import Iwae
from vaefit.settings import Settings
from vaefit.visits import TrainingVisit

RNG = np.random.default_rng(0)
# Small, so that draws of the prior do for the posterior.
WEIGHT = FULL / 2
N = 400
COLUMNS = (
    Column("plain", "real"),
    Column("heavy", "real"),
    Column("whole", "real", step=1.0, decimals=0),
    Column("income", "positive"),
    Column("hours", "positive", step=0.5, decimals=1),
    Column("share", "proportion"),
    Column("visits", "count", step=1.0, decimals=0),
    Column("sex", "binary", ("f", "m")),
    Column("grade", "ordinal", ("1", "2", "3")),
    Column("colour", "categorical", ("a", "b", "c", "d")),
    Column("day", "date", step=1.0, date_format="%Y-%m-%d"),
)
CONTINUOUS = [
    i for i, column in enumerate(COLUMNS) if column.type in ("real", "positive", "proportion", "date")
]
STEPS = {2: 1.0, 4: 0.5, 10: 1.0}


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """Rows of numbers and codes, a fifth of the cells missing."""
    full = np.stack(
        [
            RNG.normal(3, 5, N),
            RNG.standard_t(2, N) * 100,
            RNG.geometric(0.05, N) ** 2,
            RNG.lognormal(3, 1, N),
            np.round(RNG.gamma(3, 2, N) + 0.5) / 2,
            RNG.beta(2, 3, N),
            RNG.poisson(2, N),
            RNG.integers(0, 2, N),
            RNG.integers(0, 3, N),
            RNG.integers(0, 4, N),
            RNG.integers(18000, 18400, N),
        ],
        axis=1,
    ).astype(np.float64)
    return np.where(RNG.random(full.shape) < 0.2, np.nan, full)


@pytest.fixture(scope="module")
def cells(values: np.ndarray) -> Cells:
    return Cells.fit(values, Schema(COLUMNS))


def test_there_and_back(values: np.ndarray, cells: Cells) -> None:
    x = cells.forward(values)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(x), np.isnan(values))
    np.testing.assert_allclose(cells.inverse(x), values, rtol=2e-5, atol=2e-3)
    beyond = np.nanmax(values, axis=0) + 50.0
    np.testing.assert_allclose(cells.inverse(cells.forward(beyond[None]))[0], beyond, rtol=1e-4)
    for column in (0, 1, 2, 10):
        # Lines are fitted to what is no spike.
        rest = ~np.isnan(x[:, column]) & ~np.isin(values[:, column], cells.spikes[column])
        seen = x[rest, column]
        assert abs(seen.mean()) < 0.2 and abs(seen.std() - 1) < 0.2 and abs(scipy.stats.kurtosis(seen)) < 2


def test_through_json(values: np.ndarray, cells: Cells) -> None:
    again = transform_from_dict(json.loads(json.dumps(cells.to_dict())))
    assert again == cells
    np.testing.assert_array_equal(again.forward(values), cells.forward(values))


def test_the_jacobian_is_that_of_finite_differences(values: np.ndarray, cells: Cells) -> None:
    """Off the knots, where the line has one slope; missing and discrete cells count for nothing."""
    v = values[:50] + 0.013
    x = np.stack([np.interp(v[:, i], *np.array(cells.knots[i]).T) for i in range(len(COLUMNS))], axis=1)
    expected = np.zeros(len(v))
    for i in CONTINUOUS:
        knots, at = np.array(cells.knots[i]).T
        v_in = np.clip(v[:, i], knots[0] + 1e-3, knots[-1] - 1e-3)
        x[:, i] = np.interp(v_in, knots, at)
        slope = (np.interp(v_in + 1e-7, knots, at) - np.interp(v_in - 1e-7, knots, at)) / 2e-7
        expected += np.where(np.isnan(v_in), 0, np.log(slope))
    np.testing.assert_allclose(cells.row_log_jacobian(x), expected, atol=1e-4)


def test_values_on_a_grid_are_spread_over_their_steps(values: np.ndarray, cells: Cells) -> None:
    x = cells.forward(values)
    visit = cells.visit
    assert visit is not None
    u = RNG.uniform(size=x.shape).astype(np.float32)
    moved = cells.inverse(visit(x, u)) - cells.inverse(x)
    for i in range(len(COLUMNS)):
        step = STEPS.get(i, 0.0)
        expected = np.where(np.isnan(values[:, i]), np.nan, step * (u[:, i] - 0.5))
        np.testing.assert_allclose(moved[:, i], expected, atol=2e-3 + 1e-3 * step)
    np.testing.assert_allclose(visit(jnp.asarray(x), jnp.asarray(u)), visit(x, u), atol=1e-4)


@pytest.mark.parametrize("column", [1, 2, 10], ids=lambda i: COLUMNS[i].name)
def test_a_density_of_x_is_one_of_the_values(cells: Cells, column: int) -> None:
    """exp(log p(x) + log-Jacobian) integrates to one over the table's own numbers."""
    alone = Cells((1,), Schema((COLUMNS[column],)), (cells.knots[column],), ((),), (0.0,), (1.0,))
    assert len(alone.knots[0]) > 2 or column == 10
    ends = alone.inverse(np.array([[-9.0], [9.0]]))[:, 0]
    v = np.concatenate([np.linspace(ends[0], ends[1], 400_001), np.array(alone.knots[0])[:, 0]])
    v = np.sort(v)
    middle = (v[1:] + v[:-1])[:, None] / 2
    x = alone.forward(middle)
    density = np.exp(scipy.stats.t(5).logpdf(x[:, 0].astype(np.float64)) + alone.row_log_jacobian(x))
    mass = scipy.stats.t(5).cdf(9) - scipy.stats.t(5).cdf(-9)
    assert density @ np.diff(v) == pytest.approx(mass, abs=2e-3)


def test_columns_without_numbers_and_foreign_entries_are_refused(cells: Cells) -> None:
    with pytest.raises(DataError, match="column plain, found none"):
        Cells.fit(np.full((3, 1), np.nan), Schema(COLUMNS[:1]))
    saved = cells.to_dict()
    with pytest.raises(RunError, match="increasing knots"):
        transform_from_dict({**saved, "knots": [[[1.0, 0.0], [0.0, 1.0]]] * len(COLUMNS)})


VARIABLES = (
    Variable("categorical", 4),
    Variable("real"),
    Variable("count"),
    Variable("binary", 2),
    Variable("positive"),
    Variable("ordinal", 3),
    Variable("proportion"),
    Variable("real"),
)
ROW = np.array([2, 0.7, 3, 1, 1.8, 1, 0.3, -2.5], np.float32)


def softplus(raw: float) -> float:
    return float(np.logaddexp(raw, 0))


def by_scipy(part: Columns, o: np.ndarray) -> np.ndarray:
    """Each cell's log-density, its outputs taken kind after kind in the order of their first column."""
    number = part.families[[v.kind for v in VARIABLES].index("real")]
    df = 2 + np.logaddexp(np.asarray(number.raw_df), 0) if part.real == "student-t" else None  # pyright: ignore[reportAttributeAccessIssue]
    categorical, o = log_softmax(o[:4])[int(ROW[0])], o[4:]
    (m1, m2, s1, s2), o = o[:4], o[4:]
    if df is not None:
        scale = [1e-2 + softplus(s) for s in (s1, s2)]
        real = [
            scipy.stats.t(df[i], m, scale[i]).logpdf(ROW[c]) for i, (m, c) in enumerate([(m1, 1), (m2, 7)])
        ]
    else:
        likelihood = part.families[1](jnp.asarray([m1, m2, s1, s2], jnp.float32))
        sd = np.sqrt(np.asarray(likelihood.variance))
        real = [scipy.stats.norm(m, sd[i]).logpdf(ROW[c]) for i, (m, c) in enumerate([(m1, 1), (m2, 7)])]
    if part.count == "poisson":
        count, o = scipy.stats.poisson(np.exp(o[0])).logpmf(ROW[2]), o[1:]
    else:
        mean, r = np.exp(o[0]), 1e-3 + softplus(o[1])
        count, o = scipy.stats.nbinom(r, r / (r + mean)).logpmf(ROW[2]), o[2:]
    binary, o = scipy.stats.bernoulli(expit(o[0])).logpmf(ROW[3]), o[1:]
    if part.positive == "log-normal":
        positive = scipy.stats.lognorm(1e-2 + softplus(o[1]), scale=np.exp(o[0])).logpdf(ROW[4])
    else:
        shape = 1e-2 + softplus(o[1])
        positive = scipy.stats.gamma(shape, scale=np.exp(o[0]) / shape).logpdf(ROW[4])
    o = o[2:]
    graded = next(family for family in part.families if isinstance(family, Ordinal))
    first, gap = float(graded.first_cut[0]), softplus(float(graded.raw_gaps[0, 0])) + 1e-3  # pyright: ignore[reportOptionalSubscript]
    scale = 1e-2 + softplus(o[1] + np.log(np.expm1(0.99)))
    ordinal = np.log(expit((first + gap - o[0]) / scale) - expit((first - o[0]) / scale))
    m, phi = expit(o[2]), 1e-2 + softplus(o[3])
    proportion = scipy.stats.beta(m * phi, (1 - m) * phi).logpdf(ROW[6])
    return np.array([categorical, real[0], count, binary, positive, ordinal, proportion, real[1]])


@pytest.mark.parametrize(
    "families",
    [
        {},
        {"real": "gaussian", "positive": "gamma", "count": "poisson"},
    ],
    ids=["default", "others"],
)
def test_every_family_has_the_density_of_scipy(families: dict[str, str]) -> None:
    part = Columns.of_variables(len(VARIABLES), VARIABLES, **families)
    o = RNG.normal(size=part.width)
    found = part(jnp.asarray(o, jnp.float32)).log_prob(jnp.asarray(ROW))
    np.testing.assert_allclose(found, by_scipy(part, o), rtol=2e-4, atol=2e-4)


def test_missing_cells_are_zero_and_harmless() -> None:
    part = Columns.of_variables(len(VARIABLES), VARIABLES)
    o = jnp.asarray(RNG.normal(size=part.width), jnp.float32)

    @jax.jit
    def density_and_gradient(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.asarray(part(o).log_prob(x)), jax.grad(lambda o: part(o).log_prob(x).sum())(o)

    whole, _ = density_and_gradient(jnp.asarray(ROW))
    assert np.all(np.asarray(whole) != 0)
    for hidden in ([0, 3], [1, 2, 4, 5, 6, 7], list(range(8))):
        there = ~np.isin(np.arange(8), hidden)
        found, gradient = density_and_gradient(jnp.asarray(np.where(there, ROW, np.nan), jnp.float32))
        np.testing.assert_array_equal(np.asarray(found)[~there], 0.0)
        np.testing.assert_allclose(np.asarray(found)[there], np.asarray(whole)[there], rtol=1e-6)
        assert np.isfinite(gradient).all()
        assert np.asarray(gradient).any() == there.any()


def test_hidden_cells_are_missing_and_records_are_of_all_cells() -> None:
    """A row's hidden share is uniform; where q sees nothing, what is shown stands for what is not."""
    hidden = np.isnan(TrainingVisit(hide=0.6)(jnp.ones((4000, 40)), jax.random.key(0)))
    share = hidden.mean(axis=1)
    assert share.mean() == pytest.approx(0.3, abs=0.01)
    assert share.std() == pytest.approx(np.sqrt(0.6**2 / 12 + (0.3 - 0.09 - 0.03) / 40), rel=0.05)
    rows = np.random.default_rng(4).normal(size=(4000, DIM)).astype(np.float32)
    elbo = []
    for hide in (0.0, 0.8):
        settings = Settings.of(
            likelihood="columns", real="gaussian", epochs=1, learning_rate=1e-9, cell_dropout=hide
        )
        columns = Cells.fit(rows, Schema(tuple(Column(str(i), "real") for i in range(DIM))))
        trainer = build_trainer(settings, columns, linear_columns(), rows)
        watcher = Watching()
        trainer.run(watcher)
        elbo.append(watcher.records[-1]["elbo"])
    assert elbo[1] == pytest.approx(elbo[0], abs=0.15)


class Watching:
    """Keeps the records."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []

    def on_chunk(self, *_: object) -> None: ...
    def on_trouble(self, message: str) -> None: ...
    def on_epoch(self, record: Mapping[str, Any], trainer: object) -> None:
        self.records.append(record)


def linear_columns(sd: float = SD) -> VAE:
    """The model of `linear_gaussian` with typed cells, all real and Gaussian; its encoder is the prior."""
    settings = Settings.of(
        likelihood="columns",
        real="gaussian",
        latent_dim=2,
        encoder_layers=(),
        decoder_layers=(),
        linear_path=False,
    )
    model = build_model(settings, DIM, jax.random.key(0), (Variable("real"),) * DIM)
    raw = unconstrained_sd(model, sd)
    where = lambda m: (  # noqa: E731
        m.encoder.network.weights[0],
        m.encoder.network.biases[0],
        m.decoder.weights[0],
        m.decoder.biases[0],
    )
    old = where(model)
    decoder = np.concatenate([WEIGHT, np.zeros((2, old[2].shape[1] - DIM))], axis=1)
    bias = np.concatenate([MEAN, np.full(old[3].shape[0] - DIM, raw)])
    new = (np.zeros(old[0].shape), np.zeros(old[1].shape), decoder, bias)
    return eqx.tree_at(where, model, tuple(jnp.asarray(part, jnp.float32) for part in new))


def unconstrained_sd(model: VAE, sd: float) -> float:
    """The decoder output with this sd, by bisection."""
    low, high, raw = -20.0, 20.0, 0.0
    for _ in range(60):
        raw = (low + high) / 2
        o = jnp.concatenate([jnp.zeros(DIM), jnp.full(model.likelihood.width - DIM, raw)])
        wider = float(np.asarray(model.likelihood(o).variance)[0]) > sd**2
        low, high = (low, raw) if wider else (raw, high)
    return raw


# The smaller one is too far from q for draws of q alone.
@pytest.mark.parametrize("noise", [SD, SD / 4])
def test_completions_are_draws_of_the_exact_conditional(noise: float) -> None:
    model, draws = linear_columns(noise), 2000
    q = model.encode(jnp.zeros(DIM))
    np.testing.assert_allclose(q.mean, 0.0, atol=1e-6)
    rng = np.random.default_rng(3)
    full = (rng.normal(size=(3, 2)) @ WEIGHT + MEAN + noise * rng.normal(size=(3, DIM))).astype(np.float32)
    hidden = [[0, 2, 5], [1], list(range(DIM))]
    x = full.copy()
    for row, at in zip(x, hidden, strict=True):
        row[at] = np.nan
    covariance = WEIGHT.T @ WEIGHT + noise**2 * np.eye(DIM)
    ((_, found),) = completions(model, x, draws=draws)
    for row, at in enumerate(hidden):
        seen = [i for i in range(DIM) if i not in at]
        np.testing.assert_array_equal(
            found[:, row, seen], np.broadcast_to(full[row, seen], (draws, len(seen)))
        )
        gain = covariance[np.ix_(at, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
        mean = MEAN[at] + gain @ (full[row, seen] - MEAN[seen])
        exact = covariance[np.ix_(at, at)] - gain @ covariance[np.ix_(seen, at)]
        sd = np.sqrt(np.diag(exact))
        np.testing.assert_allclose(found[:, row, at].mean(0), mean, atol=0.12 * sd.max())
        np.testing.assert_allclose(np.cov(found[:, row, at].T), np.squeeze(exact), atol=0.12 * exact.max())


def test_the_importance_weighted_objective_by_hand() -> None:
    """log mean over draws of p(x|z) p(z) / q(z|x), missing cells left out, for a linear model."""
    model = linear_columns()
    x = np.array([[0.5, np.nan, 1.0, -1.0, np.nan, 0.0]], np.float32)
    terms = model.terms(jnp.asarray(x), None, jax.random.key(5), 7)
    z = np.asarray(terms.z, np.float64)[:, 0]
    q = model.encode(jnp.asarray(x))
    seen = ~np.isnan(x[0])
    assert q.mean is not None and q.variance is not None
    mean, sd = np.asarray(q.mean)[0], np.sqrt(np.asarray(q.variance))[0]
    log_w = (
        scipy.stats.norm((z @ WEIGHT + MEAN)[:, seen], SD).logpdf(x[0, seen]).sum(1)
        + scipy.stats.norm.logpdf(z).sum(1)
        - scipy.stats.norm(mean, sd).logpdf(z).sum(1)
    )
    expected = np.log(np.exp(log_w).mean())
    np.testing.assert_allclose(Iwae()(terms, jnp.zeros(())), [expected], rtol=1e-4)
    assert expected > float(terms.elbo[0])
