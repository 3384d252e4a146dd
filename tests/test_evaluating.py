"""`evaluate` and `compare`: every number against what it must be on rows drawn from a known model."""

import json
import math
from dataclasses import replace

import equinox as eqx
import numpy as np
import pytest

from vaefit import SettingsError, compare, evaluate, fit
from vaefit.cli.tables import number, scores, table
from vaefit.evaluating import MODEL, Score
from vaefit.evaluation.bits import bits_per_dim
from vaefit.ppca import Spectrum

NETS = {"encoder_layers": (8,), "decoder_layers": (8,), "validation": "0.2"}
DIM = 5
ALONE = {"with_baselines": False, "with_samples": False}


def rows(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(1).normal(size=(2, DIM))
    return 3 + rng.normal(size=(n, 2)) @ loadings + 0.3 * rng.normal(size=(n, DIM))


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """A run whose kept model is the start itself, pPCA: the learning rate moves nothing."""
    path = tmp_path_factory.mktemp("evaluate") / "train.npy"
    np.save(path, rows(400, 0))
    kept = fit(str(path), out=path.parent / "run", latent_dim=2, epochs=1, learning_rate=1e-12, **NETS)
    return kept, path


@pytest.fixture(scope="module")
def found(linear):
    return evaluate(linear[0], rows(200, 7), samples=400)


def test_the_log_likelihood_is_ppcas_in_the_datas_units(linear, found):
    run, _ = linear
    x = run.transform.forward(rows(200, 7))
    train = run.transform.forward(rows(400, 0))
    # The run held out a fifth of its rows; the difference that makes is far below the standard error.
    exact = Spectrum.fit(train).ppca(2).log_likelihood(x).mean() + run.transform.log_jacobian
    assert found.log_likelihood == pytest.approx(exact, abs=0.15)
    # The posterior is exact; what is left is the noise of 400 draws, which all rows share.
    assert found.elbo == pytest.approx(found.log_likelihood, abs=4 * math.sqrt(DIM / 2 / 400))
    assert found.log_likelihood_growth == pytest.approx(0, abs=1e-3)
    assert found.elbo == pytest.approx(-found.rate - found.distortion, abs=1e-6)


def test_the_baseline_ppca_is_the_same_model(found):
    assert found.baselines["ppca"].log_likelihood == pytest.approx(found.log_likelihood, abs=2e-3)
    assert found.baselines["ppca"].log_likelihood_se == pytest.approx(found.log_likelihood_se, abs=1e-2)


def test_samples_of_a_true_model_are_not_told_from_rows(found):
    assert found.sample_quality["columns"].mmd_p > 0.01
    assert found.sample_quality["columns"].recall > 0.7


def test_the_table_has_the_model_among_its_baselines_best_first(found):
    values = [score.log_likelihood for score in found.table.values()]
    assert MODEL in found.table and values == sorted(values, reverse=True)


def test_one_json_object_with_the_promised_keys(found):
    content = json.loads(json.dumps(found.to_dict()))
    promised = "n dim log_likelihood log_likelihood_se elbo rate distortion bits_per_dim active_units"
    assert set(promised.split()) | {"reconstruction_mse", "baselines"} <= content.keys()
    assert content["n"] == 200 and content["active_units"] == 2
    assert content["bits_per_dim"] is None  # a table has no levels


def test_subsets_and_order_change_no_row(linear, found):
    some = evaluate(linear[0], rows(200, 7)[[9, 3, 150]], samples=400, **ALONE)
    np.testing.assert_allclose(some.rows, found.rows[[9, 3, 150]], atol=1e-4)


def test_the_bracket_holds_the_importance_sampled_number(linear):
    ais = evaluate(linear[0], rows(40, 7), samples=10, ais=True, **ALONE).ais
    assert ais["rows"] == 32
    # q is the posterior, so that importance sampling is exact.
    assert ais["log_likelihood"] == pytest.approx(ais["importance_sampled"], abs=3 * ais["log_likelihood_se"])
    exact = ais["simulated_importance_sampled"]
    assert ais["simulated_lower"] - 0.05 < exact < ais["simulated_upper"] + 0.05
    assert 0 < ais["simulated_gap"] < 0.5


def test_rows_that_cannot_be_read_again_leave_the_baselines_out(linear):
    run = replace(linear[0], source={"path": "array"})
    found = evaluate(run, rows(30, 1), samples=10, with_samples=False)
    assert found.baselines == {} and any("fitted to an array" in note for note in found.notices)


def test_a_likelihood_without_density_says_which_numbers_there_are():
    run = fit(rows(80, 0), latent_dim=1, epochs=1, likelihood="gaussian-moments", samples=4, **NETS)
    found = evaluate(run, rows(30, 1), samples=10, **ALONE)
    assert found.log_likelihood is None and found.bits_per_dim is None and math.isfinite(found.elbo)
    assert any("no log-likelihood" in note for note in found.notices)


def test_bits_per_dimension_of_known_densities():
    # A uniform density on [0, 1) has 8 bits on 256 levels; a fair coin has 1 bit.
    assert bits_per_dim(0.0, 10, 256) == 8
    assert bits_per_dim(10 * math.log(0.5), 10, 1) == pytest.approx(1)
    assert bits_per_dim(1.0, 10, None) is None


def test_binary_data_have_a_mass_and_its_baselines():
    binary = np.random.default_rng(0).integers(0, 2, size=(90, 6)).astype(np.float64)
    run = fit(binary, latent_dim=1, epochs=1, **NETS)
    found = evaluate(run, binary[:40], samples=20, train=binary, with_samples=False)
    assert found.bits_per_dim == pytest.approx(1, abs=0.1)
    assert sorted(found.baselines) == ["bernoulli-mixture", "independent-bernoulli"]
    assert found.coverage is None


def poorer(run):
    """The same run with its decoder's mean shifted."""
    model = eqx.tree_at(lambda m: m.decoder.offset, run.model, replace_fn=lambda offset: offset + 0.1)
    return replace(run, model=model)


def test_compare_pairs_rows(linear, tmp_path):
    run, _ = linear
    other = poorer(run).save(tmp_path / "poor")
    found = compare([run, other], rows(100, 8), samples=50)
    assert found.best == "run" and found.differences["run"].mean == 0
    one, two = (evaluate(r, rows(100, 8), samples=50, **ALONE) for r in (run, other))
    paired = two.rows - one.rows
    assert found.differences["poor"].mean == pytest.approx(paired.mean())
    assert found.differences["poor"].standard_error == pytest.approx(paired.std(ddof=1) / 10)
    again = compare([run, other], samples=50)
    assert again.n == 80


def test_runs_that_held_out_other_rows_are_not_compared_on_them(linear):
    run, _ = linear
    other = replace(run, settings=run.settings.with_(seed=5))
    with pytest.raises(SettingsError, match="held out different rows \\(seed: 0 and 5\\)"):
        compare([run, other], samples=10)
    with pytest.raises(SettingsError, match="at least two runs"):
        compare([run])


def test_the_best_of_a_column_is_starred():
    found = {"a": Score(1.0, 3.0, None), "b": Score(2.0, 4.0, 0.5)}
    lines = scores(found)
    assert [line[1].strip() for line in lines] == ["1.00", "2.00*"]
    assert [line[3].strip() for line in lines] == ["3.000*", "4.000"]
    assert number(None, 2) == "-" and "\n" in table(["x"], [["y"]])


def test_the_command_line(linear, tmp_path, capsys):
    from vaefit.cli.main import run as call

    run, path = linear
    np.save(tmp_path / "test.npy", rows(50, 3))
    asked = ["evaluate", str(run.folder), str(tmp_path / "test.npy"), "--samples", "20", "-q"]
    assert call([*asked, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["n"] == 50 and "ppca" in content["baselines"]
    assert call(asked) == 0
    said = capsys.readouterr().out
    assert "this model" in said and "active" in said and "*" in said
    out = tmp_path / "seeds"
    small = ["--latent-dim", "1", "--epochs", "1", "--encoder-layers", "8", "--decoder-layers", "8", "-q"]
    assert call(["fit", str(path), "--seeds", "2", "--out", str(out), *small]) == 0
    capsys.readouterr()
    both = ["evaluate", str(out), str(tmp_path / "test.npy"), "--samples", "9", "--no-baselines"]
    assert call([*both, "--json", "-q"]) == 0
    content = json.loads(capsys.readouterr().out)
    values = [one["elbo"] for one in content["runs"].values()]
    assert content["seeds"]["elbo"]["mean"] == pytest.approx(np.mean(values))
    assert content["seeds"]["elbo"]["standard_error"] == pytest.approx(np.std(values, ddof=1) / math.sqrt(2))
    assert call(["compare", str(out), str(tmp_path / "test.npy"), "--samples", "9", "-q"]) == 0
    assert "seed-1" in capsys.readouterr().out


def test_rows_of_another_size_are_refused(linear, tmp_path, capsys):
    from vaefit.cli.main import run as call

    np.save(tmp_path / "wide.npy", np.ones((9, 7)) + np.arange(7))
    assert call(["evaluate", str(linear[0].folder), str(tmp_path / "wide.npy"), "-q"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "5" in message and "7" in message
    assert call(["compare", str(linear[0].folder), "-q"]) == 2
