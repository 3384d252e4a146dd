"""`vaefit selfcheck`: everything holds as it is, and nothing that is broken passes."""

import dataclasses
from functools import partial

import equinox as eqx
import numpy as np
import pytest

from vaefit import certify, initialise
from vaefit.certify import check, optimum, quadrature, training
from vaefit.certify.certificate import Certificate, table, verdict
from vaefit.certify.subject import Effort, Subject, subject
from vaefit.errors import DataError

QUICK = Effort(
    rows=1000,
    draws=4,
    annealed_rows=4,
    chains=32,
    temperatures=150,
    steps=1500,
    sweep_steps=300,
    quadrature_draws=200_000,
)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(certify, "selfcheck", partial(check.selfcheck, effort=QUICK))


@pytest.fixture(scope="module")
def some() -> Subject:
    """Rows near a plane of three directions, of unequal lengths."""
    rng = np.random.default_rng(0)
    plane = np.diag([3.0, 2.0, 1.2]) @ np.linalg.qr(rng.normal(size=(8, 3)))[0].T
    x = rng.normal(size=(1000, 3)) @ plane + 0.5 * rng.normal(size=(1000, 8)) + 1
    return subject(x.astype(np.float32), 3, 0, QUICK)


def test_all_certificates_hold(vaefit, quick, some, tmp_path):
    np.save(tmp_path / "x.npy", some.x)
    said = vaefit("selfcheck", "--data", tmp_path / "x.npy", "--latent-dim", "3", "-q")
    assert said.code == 0, said.out + said.err
    lines = said.out.splitlines()
    assert lines[0].split() == ["checked", "off", "by", "tolerance", "unit", "verdict"]
    assert lines[-1] == "all 11 certificates hold" and len(lines) == 13
    assert said.err == ""


def test_the_digits_are_checked_where_no_data_are_given(vaefit, quick, monkeypatch):
    monkeypatch.setattr(check, "CHECKS", (optimum.elbo_is_the_likelihood,))
    assert "largest of 1,000 rows" in vaefit("selfcheck", "-q").out


def broken(model, x):
    """The right start, but for one entry of the decoder."""
    found = original(model, x)
    assert found is not None
    path = found.decoder.linear_path
    return eqx.tree_at(lambda m: m.decoder.linear_path, found, path.at[0, 0].add(0.05))


original = initialise.at_linear_model


def test_a_wrong_decoder_fails_loudly(vaefit, quick, monkeypatch, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 5)) @ np.diag([3, 2, 1, 1, 1]))
    checks = (optimum.elbo_is_the_likelihood, optimum.elbo_is_scikit_learns_score)
    monkeypatch.setattr(check, "CHECKS", checks)
    given = ("selfcheck", "--data", tmp_path / "x.npy", "--latent-dim", "2")
    assert vaefit(*given, "-q").code == 0
    monkeypatch.setattr(initialise, "at_linear_model", broken)
    said = vaefit(*given, "-q")
    assert said.code == 1
    assert said.err.startswith("vaefit selfcheck: FAILED: 2 of 2 certificates do not hold: ELBO = exact")
    assert said.out.count("FAILS") == 2
    said = vaefit(*given, "-q", "--json")
    assert said.code == 1 and said.json["holds"] is False
    assert [one["holds"] for one in said.json["certificates"]] == [False, False]
    assert all(one["error"] > one["tolerance"] > 0 for one in said.json["certificates"])


def test_training_that_stops_too_early_fails(some):
    early = Subject(some.x, 3, 0, Effort(steps=20))
    assert not holds(training.training_reaches_the_optimum(early))


def test_a_wrong_rule_of_collapse_fails(some, monkeypatch):
    assert holds(training.collapse_is_at_the_eigenvalue(some))
    curvature = training._curvature
    monkeypatch.setattr(training, "_curvature", lambda *given: curvature(*given) + 0.01 * np.eye(2))
    assert not holds(training.collapse_is_at_the_eigenvalue(some))


def test_a_likelihood_that_is_off_fails(some, monkeypatch):
    sampled = quadrature.importance_sample

    def off(*args, **given):
        found = sampled(*args, **given)
        return dataclasses.replace(found, log_likelihood=found.log_likelihood + 0.03)

    assert holds(quadrature.one_latent_is_quadrature(some))
    monkeypatch.setattr(quadrature, "importance_sample", off)
    assert not holds(quadrature.one_latent_is_quadrature(some))


def test_not_a_number_does_not_hold():
    found = [Certificate("a", float("nan"), 1.0, "nats"), Certificate("b", -2.0, 3.0, "nats")]
    assert [one.holds for one in found] == [False, True]
    assert verdict(found).startswith("FAILED: 1 of 2") and "FAILS" in table(found)


def test_rows_on_a_line_are_refused():
    with pytest.raises(DataError, match="vary in at least two directions"):
        subject(np.outer(np.arange(9.0), np.ones(4)).astype(np.float32), 2, 0, QUICK)


def test_flags_for_data_without_data_are_refused(vaefit):
    said = vaefit("selfcheck", "--include", "a/*")
    assert said.code == 2 and "--include says how --data is read, found no --data" in said.err


def holds(found: list[Certificate]) -> bool:
    return all(one.holds for one in found)
