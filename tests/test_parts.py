"""Densities against scipy, KL against quadrature, gradients against finite differences; over every part."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from jax.test_util import check_grads
from numpyro import distributions as dist

from vaefit import catalogue
from vaefit.assemble import build_model
from vaefit.doctor.evidence import _passed_block
from vaefit.likelihoods._base import unconstrained
from vaefit.likelihoods._softplus import softplus
from vaefit.likelihoods.bernoulli import Bernoulli
from vaefit.likelihoods.gaussian import Gaussian
from vaefit.likelihoods.gaussian_moments import GaussianMoments
from vaefit.likelihoods.logistic_256 import Logistic256
from vaefit.likelihoods.student_t import StudentT
from vaefit.model import VAE
from vaefit.networks._activations import ACTIVATIONS
from vaefit.networks.dense import Dense
from vaefit.networks.gated import Gated
from vaefit.posteriors.gaussian import Gaussian as GaussianPosterior
from vaefit.posteriors.gaussian_2016 import Gaussian2016
from vaefit.settings import Settings

DIM, LATENT = 4, 3
# What networks of images are tried on.
IMAGE = (9, 8)


def shape_for(network: str) -> tuple[int, ...]:
    return (DIM,) if catalogue.find("network", network).load().refusal((DIM,)) is None else IMAGE


def small_model(**settings: object) -> VAE:
    shape = shape_for(str(settings.get("network", "dense")))
    chosen = {
        "likelihood": "gaussian",
        "latent_dim": LATENT,
        "encoder_layers": (6,),
        "decoder_layers": (5,),
        "keep_prob": 1.0,
        "init_sd": 0.5 if shape == (DIM,) else 0.1,
        "channels": (2,),
    }
    settings = {**chosen, **settings}
    return build_model(Settings.of(**settings), math.prod(shape), jax.random.key(0), shape=shape)


def rows_in_support(likelihood: str, n: int = 7, dim: int = DIM) -> jax.Array:
    x = jax.random.uniform(jax.random.key(1), (n, dim))
    part = catalogue.find("likelihood", likelihood).load()
    if part.levels:
        return jnp.floor(x * part.levels) / part.levels
    if part.support == "count":
        return jnp.floor(5 * x)
    return (x > 0.5).astype(jnp.float32) if part.support == "binary" else x


@pytest.fixture
def double() -> Iterator[None]:
    """Double precision, so that a formula is told from rounding."""
    with jax.enable_x64(True):
        yield


@pytest.mark.usefixtures("double")
def test_gaussian_log_density_is_scipys() -> None:
    rng = np.random.default_rng(0)
    output, x = rng.normal(size=(5, 2 * DIM)), rng.normal(size=(5, DIM))
    part = Gaussian(dim=DIM, sigma="output", sigma_min=1e-3)
    sd = 1e-3 + np.log1p(np.exp(output[:, DIM:]))
    expected = scipy.stats.norm.logpdf(x, output[:, :DIM], sd)
    np.testing.assert_allclose(part(jnp.asarray(output)).log_prob(x), expected, rtol=1e-9)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("sigma", ["fixed", "learned", "per-feature"])
def test_gaussian_sd_that_is_no_output(sigma: str) -> None:
    part = Gaussian(dim=DIM, sigma=sigma, sigma_init=0.3)
    x, output = np.linspace(-1, 1, 2 * DIM).reshape(2, DIM), np.zeros((2, DIM))
    expected = scipy.stats.norm.logpdf(x, 0.0, 0.3)
    np.testing.assert_allclose(part(jnp.asarray(output)).log_prob(x), expected, rtol=1e-9)


@pytest.mark.usefixtures("double")
def test_bernoulli_log_mass_is_scipys() -> None:
    logits = np.linspace(-6, 6, 12).reshape(3, DIM)
    for x in (np.zeros((3, DIM)), np.ones((3, DIM))):
        expected = scipy.stats.bernoulli.logpmf(x, scipy.special.expit(logits))
        np.testing.assert_allclose(Bernoulli(dim=DIM)(jnp.asarray(logits)).log_prob(x), expected, rtol=1e-9)


def test_in_single_precision_they_are_exact_to_rounding() -> None:
    x = np.concatenate([np.linspace(-80, 80, 20001), np.linspace(-2, 2, 20001)]).astype(np.float32)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(softplus(jnp.asarray(x)), np.logaddexp(0, exact), rtol=3e-7)
    slope = jax.vmap(jax.grad(softplus))(jnp.asarray(x))
    np.testing.assert_allclose(slope, scipy.special.expit(exact), rtol=1e-5, atol=1e-7)
    bernoulli = Bernoulli(dim=1)
    for outcome in (0.0, 1.0):
        of_outcome = jax.value_and_grad(lambda logit, o=outcome: bernoulli(logit).log_prob(o)[0])
        found, slope = jax.vmap(of_outcome)(jnp.asarray(x)[:, None])
        np.testing.assert_allclose(found, scipy.special.log_expit((2 * outcome - 1) * exact), rtol=3e-7)
        np.testing.assert_allclose(slope[:, 0], outcome - scipy.special.expit(exact), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dim", [1, 13, 361, 784])
def test_bernoulli_sums_over_variables_are_scipys(dim: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, size=(4, dim)).astype(np.float32)
    for scale in (1e-3, 1.0, 5.0, 100.0):
        logits = (scale * rng.normal(size=(3, 4, dim))).astype(np.float32)
        exact = scipy.special.log_expit((2 * x - 1) * logits.astype(np.float64)).sum(axis=-1)
        found = Bernoulli(dim=dim).of_rows(jnp.asarray(logits), jnp.asarray(x))
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=dim * 1e-7)


LEVELS = np.arange(256)[:, None] / 256
# Locations from black to white, scales from the smallest to the whole range and beyond.
LOGISTIC = np.stack([np.linspace(-8, 8, 9).repeat(5), np.tile([-9.0, -4.5, -2.0, 0.0, 2.0], 9)])


def logistic_256(**options: object) -> dist.Distribution:
    return Logistic256(dim=45, **options)(jnp.asarray(LOGISTIC.ravel()))


def test_student_t_draws_are_scipys_from_heavy_tails_to_gaussian_ones() -> None:
    df = np.array([2.05, 3.0, 30.0, 1e5])
    part = StudentT(dim=4, raw_df=unconstrained(jnp.asarray(df - 2.0, jnp.float32)))
    p = part(jnp.concatenate([jnp.full(4, 1.5), jnp.full(4, 0.5)]))
    drawn = np.asarray(p.sample(jax.random.key(0), (40_000,)), np.float64)
    scale = part.scale_min + np.log1p(np.exp(0.5))
    for column, one in zip(drawn.T, df, strict=True):
        assert scipy.stats.kstest(column, scipy.stats.t(one, 1.5, scale).cdf).pvalue > 1e-3, one


@pytest.mark.usefixtures("double")
def test_logistic_256_masses_are_scipys_and_sum_to_one() -> None:
    location = 1 / 512 + 255 / 256 * scipy.special.expit(LOGISTIC[0])
    scale = np.exp(-4.5 + np.log1p(np.exp(LOGISTIC[1] + 4.5)))
    edges = np.concatenate([[[-np.inf]], LEVELS[1:], [[np.inf]]])
    expected = np.diff(scipy.stats.logistic.cdf(edges, location, scale), axis=0)
    found = np.exp(logistic_256().log_prob(jnp.asarray(LEVELS)))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-14)
    np.testing.assert_allclose(found.sum(0), 1.0, rtol=1e-12)


def test_logistic_256_is_right_in_single_precision_far_in_the_tails() -> None:
    single = logistic_256(log_scale_min=-7.0).log_prob(jnp.asarray(LEVELS))
    with jax.enable_x64(True):
        double = np.asarray(logistic_256(log_scale_min=-7.0).log_prob(jnp.asarray(LEVELS)))
    assert float(double.min()) < -900  # where a plain difference of two sigmoids has long been 0
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-4)
    gradient = jax.grad(
        lambda o: Logistic256(dim=45, log_scale_min=-7.0)(o).log_prob(jnp.asarray(LEVELS, jnp.float32)).sum()
    )
    assert bool(jnp.isfinite(gradient(jnp.asarray(LOGISTIC.ravel(), jnp.float32))).all())


def test_logistic_256_mean_and_draws_are_those_of_its_masses() -> None:
    p = logistic_256()
    mass = np.exp(np.asarray(p.log_prob(jnp.asarray(LEVELS)), np.float64))
    mean = (mass * LEVELS).sum(0)
    np.testing.assert_allclose(p.mean, mean, atol=1e-4)
    drawn = np.asarray(p.sample(jax.random.key(0), (4000,)))
    sd = np.sqrt((mass * LEVELS**2).sum(0) - mean**2)
    assert np.all(np.abs(drawn.mean(0) - mean) < 5 * sd / np.sqrt(4000) + 1e-6)
    np.testing.assert_allclose(np.sqrt(p.variance), sd, atol=1e-4)
    assert set(np.unique(drawn * 256)) <= set(range(256))


@pytest.mark.usefixtures("double")
def test_gaussian_moments_is_the_gaussian_of_its_outputs_without_its_constant() -> None:
    rng = np.random.default_rng(0)
    output, x = rng.normal(size=(10, 5, DIM)), rng.uniform(size=(5, DIM))
    shown = scipy.special.expit(output)
    expected = scipy.stats.norm.logpdf(x, shown.mean(0), shown.std(0)) + 0.5 * np.log(2 * np.pi)
    found = GaussianMoments(dim=DIM)(jnp.asarray(output)).log_prob(jnp.asarray(x))
    np.testing.assert_allclose(found[0], expected, rtol=1e-9)


def test_gaussian_moments_is_finite_where_outputs_agree() -> None:
    same = jnp.zeros((10, 2, DIM))
    found = GaussianMoments(dim=DIM, epsilon=1e-7)(same).log_prob(jnp.full((2, DIM), 0.5))
    np.testing.assert_allclose(found, -0.5 * np.log(1e-7), rtol=1e-5)


@pytest.mark.usefixtures("double")
def test_closed_form_kl_is_the_integral() -> None:
    mean, log_sd = 0.7, -0.4
    q = scipy.stats.norm(mean, np.exp(log_sd))
    expected, _ = scipy.integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - scipy.stats.norm.logpdf(z)), -10, 10, epsabs=1e-10
    )
    part = GaussianPosterior(latent_dim=1)
    prior = dist.Normal(jnp.zeros(1), jnp.ones(1)).to_event(1)
    found = part.kl(part(jnp.asarray([[mean, log_sd]])), prior)
    assert found is not None
    np.testing.assert_allclose(found[0], expected, rtol=1e-9)


@pytest.mark.usefixtures("double")
def test_the_2016_kl_is_twice_the_true_one_with_v_as_variance() -> None:
    mean, log_v = np.array([0.3, -1.0]), np.array([-0.2, 0.5])
    v = np.exp(log_v)
    true = 0.5 * np.sum(mean**2 + v - 1 - np.log(v))
    part = Gaussian2016(latent_dim=2)
    prior = dist.Normal(jnp.zeros(2), jnp.ones(2)).to_event(1)
    found = part.kl(part(jnp.asarray([[*mean, *log_v]])), prior)
    np.testing.assert_allclose(found[0], 2 * true, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(catalogue.parts("posterior")))
def test_sampled_rate_approaches_the_closed_form(name: str) -> None:
    part = catalogue.find("posterior", name).load()
    if not part.exact:
        pytest.skip(f"posterior {name} is marked inexact: its KL is the 2016 program's, not its own")
    model = small_model(posterior=name)
    terms = model.terms(rows_in_support("gaussian"), None, jax.random.key(2), 20_000)
    assert terms.kl is not None
    standard_error = np.std(terms.log_qz - terms.log_pz, axis=0) / np.sqrt(20_000)
    assert np.all(np.abs(terms.sampled_rate - terms.kl) < 5 * standard_error)
    assert np.all(standard_error < 0.1)


@pytest.mark.parametrize("name", sorted(catalogue.parts("likelihood")))
def test_every_likelihood_gives_each_variable_a_finite_log_density(name: str) -> None:
    part = catalogue.find("likelihood", name).load()
    model = small_model(likelihood=name)
    x = rows_in_support(name)
    terms = model.terms(x, None, jax.random.key(2), 10)
    assert terms.log_px.shape == (1 if part.joint else 10, len(x), DIM)
    assert terms.location.shape == (10, len(x), DIM)
    assert bool(jnp.isfinite(terms.elbo).all())


@pytest.mark.parametrize("name", sorted(catalogue.parts("likelihood")))
def test_every_continuous_density_of_one_z_integrates_to_one(name: str) -> None:
    part = catalogue.find("likelihood", name).load()
    if part.joint:
        pytest.skip(f"likelihood {name} takes all samples together and has no constant: no density of x")
    # A proportion's precision is 5, lest it pile up at the ends, between the grid's points.
    p = part(dim=1)(5.0 * (part.support == "unit") * jnp.arange(part(dim=1).width)[None])
    if part.discrete:
        values = jnp.arange(500 if part.support == "count" else part.levels or 2) / (part.levels or 1)
        total = float(jnp.exp(p.log_prob(values[:, None, None])).sum())
    else:
        grids = {
            "real": jnp.linspace(-60, 60, 100_001),
            "unit": jnp.linspace(1e-6, 1 - 1e-6, 100_001),
            "positive": jnp.geomspace(1e-9, 1e6, 100_001),
        }
        grid = grids[part.support][:, None, None]
        total = float(scipy.integrate.trapezoid(np.exp(p.log_prob(grid))[:, 0, 0], grid[:, 0, 0]))
    assert total == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", sorted(catalogue.parts("likelihood")))
@pytest.mark.parametrize("posterior", sorted(catalogue.parts("posterior")))
def test_gradients_of_the_elbo_are_those_of_finite_differences(name: str, posterior: str) -> None:
    with jax.enable_x64(True):
        model = small_model(likelihood=name, posterior=posterior, activation="tanh")
        x = rows_in_support(name, 3).astype(jnp.float64)
        weights = [
            w.astype(jnp.float64) for w in (model.encoder.output_weights() + model.decoder.output_weights())
        ]

        def elbo(encoder: jax.Array, decoder: jax.Array) -> jax.Array:
            changed = eqx.tree_at(
                lambda m: (m.encoder.network.weights[-1], m.decoder.network.weights[-1]),
                model,
                (jnp.asarray(encoder), jnp.asarray(decoder)),
            )
            return changed.terms(x, None, jax.random.key(3), 5).elbo.sum()

        check_grads(elbo, weights, order=1, modes=("rev",), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(catalogue.parts("likelihood")))
def test_the_doctor_can_look_at_every_likelihood(name: str) -> None:
    model, x = small_model(likelihood=name), rows_in_support(name)
    seen = eqx.filter_eval_shape(_passed_block, model, x, jax.random.key(0))
    assert seen["location"].shape == x.shape
    assert seen["sd"] is None or seen["sd"].shape == x.shape


@pytest.mark.parametrize("name", sorted(catalogue.parts("likelihood")))
def test_masked_cells_do_not_count(name: str) -> None:
    model, x = small_model(likelihood=name), rows_in_support(name)
    mask = jnp.ones(x.shape, bool).at[:, 0].set(False)
    key = jax.random.key(4)
    whole, part = model.terms(x, None, key, 10), model.terms(x, mask, key, 10)
    np.testing.assert_allclose(part.log_px[..., 0], 0.0)
    np.testing.assert_allclose(part.log_px[..., 1:], whole.log_px[..., 1:])


@pytest.mark.parametrize("name", sorted(catalogue.parts("penalty")))
def test_padding_rows_do_not_count_in_any_penalty(name: str) -> None:
    model, x, key = small_model(), rows_in_support("gaussian"), jax.random.key(5)
    penalty = catalogue.find("penalty", name).load()()
    rows = jnp.asarray([1.0] * 5 + [0.0] * 2)
    other = x.at[5:].set(9.0)  # what stands in the padding must not matter
    found = [penalty(model.terms(batch, None, key, 2, rows=rows), model, batch, key) for batch in (x, other)]
    assert float(found[0]) == pytest.approx(float(found[1]), rel=1e-6)
    assert float(found[0]) > 0


def test_mean_l1_is_a_sum_over_the_batch() -> None:
    model, x, key = small_model(), rows_in_support("gaussian"), jax.random.key(5)
    penalty = catalogue.find("penalty", "mean-l1").load()()
    expected = np.abs(np.asarray(model.encode(x).mean)).sum()
    found = penalty(model.terms(x, None, key, 1), model, x, key)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_dense_layers_are_matrix_products(name: str) -> None:
    net = Dense.build((3, 4, 2), bias=True, key=jax.random.key(0), activation=name, bias_sd=0.5)
    x = np.random.default_rng(0).normal(size=(5, 3))
    (first, second), (b1, b2) = net.weights, net.biases
    assert b1 is not None and b2 is not None
    hidden = np.asarray(ACTIVATIONS[name](jnp.asarray(x) @ first + b1))
    np.testing.assert_allclose(
        net(jnp.asarray(x)).output, hidden @ np.asarray(second) + np.asarray(b2), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", ["elu", "relu"])
def test_derivatives_found_from_values_are_those_of_jax(name: str) -> None:
    x = jnp.array([-30.0, -2.0, -1e-3, 0.0, 1e-3, 2.0, 30.0])
    ours, theirs = ACTIVATIONS[name], getattr(jax.nn, name)
    for derivative in (lambda f: f, jax.grad, lambda f: jax.grad(jax.grad(f))):
        expected = jax.vmap(derivative(theirs))(x)
        np.testing.assert_allclose(jax.vmap(derivative(ours))(x), expected, rtol=1e-6, atol=1e-7)


def test_gated_layers_are_values_times_gates() -> None:
    net = Gated.build((3, 4, 5, 2), bias=True, key=jax.random.key(0), init_sd=0.7, bias_sd=0.5)
    h = x = np.random.default_rng(0).normal(size=(6, 3))
    layers = [(np.asarray(w), np.asarray(b)) for w, b in zip(net.weights, net.biases, strict=True)]
    for (weight, bias), units in zip(layers[:-1], (4, 5), strict=True):
        value, gate = h @ weight[:, :units] + bias[:units], h @ weight[:, units:] + bias[units:]
        h = value / (1 + np.exp(-gate))
    found = net(jnp.asarray(x))
    np.testing.assert_allclose(found.output, h @ layers[-1][0] + layers[-1][1], rtol=1e-4, atol=1e-5)
    assert [hidden.shape for hidden in found.hidden] == [(6, 4), (6, 5)]


@pytest.mark.parametrize("name", sorted(catalogue.parts("network")))
def test_dropout_drops_whole_units_of_every_network(name: str) -> None:
    network = catalogue.find("network", name).load()
    shape = shape_for(name)
    many = {"channels": (400,)} if shape == IMAGE else {}
    sizes = (math.prod(shape), 400, 1)
    net = network.build(sizes, bias=False, key=jax.random.key(0), keep_prob=0.7, reads=shape, **many)
    x = jax.random.normal(jax.random.key(1), (100, sizes[0]))
    clean, dropped = net(x).hidden[0], net(x, jax.random.key(2)).hidden[0]
    assert float(jnp.mean(dropped != 0)) == pytest.approx(0.7, abs=0.01)
    np.testing.assert_allclose(dropped[dropped != 0], (clean / 0.7)[dropped != 0], rtol=1e-5)


@pytest.mark.parametrize("name", sorted(catalogue.parts("network")))
def test_gradients_of_every_network_are_those_of_finite_differences(name: str) -> None:
    with jax.enable_x64(True):
        model = small_model(network=name)
        trained, static = eqx.partition(model, eqx.is_inexact_array)
        trained = jax.tree.map(lambda w: w.astype(jnp.float64), trained)
        x = rows_in_support("gaussian", 3, math.prod(shape_for(name))).astype(jnp.float64)

        @jax.jit
        def elbo(weights: VAE) -> jax.Array:
            return eqx.combine(weights, static).terms(x, None, jax.random.key(3), 5).elbo.sum()

        check_grads(elbo, (trained,), order=1, modes=("rev",), rtol=1e-4, atol=1e-4)


def test_dropout_keeps_the_mean_and_the_share() -> None:
    net = Dense.build((3, 500, 1), bias=False, key=jax.random.key(0), keep_prob=0.8, activation="softplus")
    x = jnp.ones((200, 3))
    clean, dropped = net(x).hidden[0], net(x, jax.random.key(1)).hidden[0]
    assert float(jnp.mean(dropped > 0)) == pytest.approx(0.8, abs=0.005)
    assert float(jnp.mean(dropped)) == pytest.approx(float(jnp.mean(clean)), rel=0.01)
    np.testing.assert_allclose(dropped[dropped > 0], (clean / 0.8)[dropped > 0], rtol=1e-5)


def test_initial_weights_have_the_asked_moments() -> None:
    net = Dense.build(
        (200, 300, 100),
        bias=True,
        key=jax.random.key(0),
        init_sd=0.02,
        init_mean=0.5,
        bias_mean=-1.0,
        bias_sd=0.1,
    )
    for weight, bias in zip(net.weights, net.biases, strict=True):
        assert float(weight.mean()) == pytest.approx(0.5, abs=0.001)
        assert float(weight.std()) == pytest.approx(0.02, rel=0.05)
        assert bias is not None and float(bias.mean()) == pytest.approx(-1.0, abs=0.05)


def test_logistic_256_starts_at_the_datas_moments() -> None:
    mean, sd = np.asarray([0.3, 0.5, 0.7]), np.asarray([0.05, 0.1, 0.02])
    part, bias = Logistic256(dim=3).start_at(jnp.asarray(mean), jnp.asarray(sd))
    mass = np.exp(np.asarray(part(bias).log_prob(jnp.asarray(LEVELS)), np.float64))
    found = (mass * LEVELS).sum(0)
    np.testing.assert_allclose(found, mean, atol=0.003)
    np.testing.assert_allclose(np.sqrt((mass * LEVELS**2).sum(0) - found**2), sd, rtol=0.05)


@pytest.mark.parametrize("sigma", ["output", "per-feature"])
@pytest.mark.parametrize("activation", ["identity", "sigmoid"])
def test_the_start_at_the_datas_moments_has_them(sigma: str, activation: str) -> None:
    mean, sd = jnp.asarray([0.2, 0.5, 0.8, 0.4]), jnp.asarray([0.1, 0.2, 0.05, 0.3])
    part, bias = Gaussian(dim=DIM, sigma=sigma, output_activation=activation).start_at(mean, sd)
    p = part(bias)
    np.testing.assert_allclose(p.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(p.variance), sd, rtol=1e-4)


def test_the_worked_example_of_the_contributing_guide_works() -> None:
    guide = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    code = guide.split("```python\n")[1].split("```")[0]
    space: dict[str, Any] = {"__name__": "worked_example"}
    exec(code, space)
    part = space["Laplace"](dim=DIM, scale_min=0.01)
    output, x = np.linspace(-1, 1, 2 * DIM), np.linspace(-2, 2, DIM)
    scale = 0.01 + np.log1p(np.exp(output[DIM:]))
    expected = scipy.stats.laplace.logpdf(x, output[:DIM], scale)
    np.testing.assert_allclose(part(jnp.asarray(output)).log_prob(jnp.asarray(x)), expected, rtol=1e-5)
