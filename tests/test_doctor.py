"""Every check names what is wrong in a run made sick on purpose, and is silent on a healthy one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from vaefit import Dataset, Run, data, fit, load
from vaefit.assemble import build_model
from vaefit.display import Silent
from vaefit.doctor import CHECKS, Evidence, Finding, look, report
from vaefit.doctor.evidence import Passed, Rows
from vaefit.doctor.examine import _evidence
from vaefit.doctor.latents import gaussian_rate, ppca_rate
from vaefit.doctor.training import falling
from vaefit.initialise import at_data_moments
from vaefit.ppca import Spectrum
from vaefit.settings import Settings

SMALL = {"latent_dim": 2, "encoder_layers": (16,), "decoder_layers": (16,)}


def factors(rows: int = 600, seed: int = 0) -> np.ndarray:
    """Two factors in six columns, and noise."""
    loadings = np.random.default_rng(1).normal(size=(2, 6))
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 2)) @ loadings + 0.3 * rng.normal(size=(rows, 6))


def evidence(
    x: np.ndarray,
    held_out: np.ndarray | None = None,
    history: list[dict[str, Any]] | None = None,
    **settings: Any,
) -> Evidence:
    """A run that was never trained, as its settings start it."""
    chosen = Settings.of(**{"likelihood": "gaussian", "epochs": 100, **SMALL, **settings})
    dataset = Dataset.from_array(x)
    transform = data.choose_transform(dataset, dequantise=chosen.likelihood == "gaussian")
    inputs = transform.forward(dataset.values)
    model = build_model(chosen, transform.dim, jax.random.key(0))
    model = at_data_moments(model, inputs) if chosen.start == "data" else model
    others = None if held_out is None else Rows(transform.forward(Dataset.from_array(held_out).values))
    return Evidence(Run(model, chosen, transform, history=history or []), Rows(inputs), others)


def evidence_of(run: Run, rows: np.ndarray | None = None) -> Evidence:
    """What the doctor gathers of a run in a folder."""
    return _evidence(run, rows, Silent())[0]


def found(name: str, sick: Evidence) -> Finding | None:
    """What the check of this name finds."""
    return next(check for check in CHECKS if check.name == name).look(sick)


def with_output_bias(sick: Evidence, bias: np.ndarray) -> Evidence:
    model = sick.run.model
    sick.run.model = eqx.tree_at(
        lambda m: m.decoder, model, model.decoder.with_output_bias(jnp.asarray(bias))
    )
    return sick


def epochs(elbo: np.ndarray, validation: np.ndarray | None = None, skipped: int = 0) -> list[dict[str, Any]]:
    """A history with these ELBOs."""
    records: list[dict[str, Any]] = [{"epoch": 0, "step": 0}]
    records += [
        {"epoch": i + 1, "step": 10 * (i + 1), "loss": -e, "elbo": float(e), "skipped": skipped}
        for i, e in enumerate(elbo)
    ]
    best = -np.inf
    for record, value in zip(records, [] if validation is None else validation, strict=False):
        record["validation"] = {"elbo": float(value)}
        record["best"] = bool(value > best)
        best = max(best, value)
    return records


def collapsed() -> Evidence:
    return evidence(factors(), sigma="fixed", sigma_init=5.0)


def half_used() -> Evidence:
    """Four latents of which two are never moved."""
    sick = evidence(factors(), latent_dim=4)
    used = np.random.default_rng(0).normal(size=(600, 4)) * [1, 1, 0, 0]
    kl = np.broadcast_to(np.array([2.0, 1.0, 0.0, 0.0]), (600, 4))
    sick.passed = Passed(used, kl, sick.some, np.full((600, 6), 0.3), (), ())  # pyright: ignore[reportArgumentType]
    return sick


def wasteful() -> Evidence:
    """Posteriors far from the prior, and reconstructions that are no better for it."""
    sick = evidence(factors())
    still = np.zeros((600, 2))
    sick.passed = Passed(still, still + 50.0, np.zeros_like(sick.some), np.ones((600, 6)), (), ())
    return sick


def saturated() -> Evidence:
    x = (factors() > 0).astype(np.uint8)
    return with_output_bias(evidence(x, likelihood="bernoulli"), np.full(6, 40.0, np.float32))


def dead() -> Evidence:
    return evidence(factors(), activation="relu", bias_mean=-100.0)


def deep() -> Evidence:
    return evidence(
        factors(),
        activation="sigmoid",
        encoder_layers=(16,) * 8,
        init_sd=0.1,
        history=epochs(np.arange(3), np.arange(4)),
    )


def rising_still() -> Evidence:
    return evidence(factors(), history=epochs(np.arange(20.0), np.arange(21.0)), epochs=20)


def thrown_about() -> Evidence:
    return evidence(factors(), history=epochs(np.tile([0.0, 10.0], 20)))


def steps_left_out() -> Evidence:
    return evidence(factors(), history=epochs(np.arange(20.0), skipped=30))


def validation_falls() -> Evidence:
    up_and_down = np.concatenate([np.arange(11.0), np.arange(10.0, 0.0, -1)])
    return evidence(factors(), history=epochs(np.arange(20.0), up_and_down))


def below_start() -> Evidence:
    return evidence(factors(), history=epochs(np.arange(20.0), np.concatenate([[30.0], np.arange(20.0)])))


def damaged() -> Evidence:
    return with_output_bias(evidence(factors()), np.full(12, np.nan, np.float32))


def with_outlier() -> np.ndarray:
    x = factors()
    x[7, 2] = 1e6
    return x


def with_copies(of: np.ndarray, noise: float) -> np.ndarray:
    rng = np.random.default_rng(5)
    return of[::10] + noise * rng.normal(size=of[::10].shape)


def walk() -> Evidence:
    """Rows that drift slowly, split at random."""
    x = np.cumsum(np.random.default_rng(2).normal(size=(500, 6)), axis=0)
    chosen = np.random.default_rng(3).permutation(500)
    train, held_out = np.sort(chosen[50:]), np.sort(chosen[:50])
    sick = evidence(x[train], x[held_out])
    assert sick.train is not None and sick.held_out is not None
    sick.train = Rows(sick.train.x, train)
    sick.held_out = Rows(sick.held_out.x, held_out)
    return sick


def as_floats() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 4, 4)) / 255


SICK: dict[str, tuple[Callable[[], Evidence], str]] = {
    "weights not finite": (damaged, "12 of the kept weights are not finite"),
    "skipped steps": (steps_left_out, "30 of 200 steps (15.0%) were left out"),
    "loss oscillates": (thrown_about, "by up to 10.0 nats per datum; set a smaller --learning-rate"),
    "training not finished": (rising_still, "the last 2 brought 2.00 of the 19.00 nats per datum"),
    "validation falls": (validation_falls, "after epoch 10 the validation ELBO fell by 9.0"),
    "start kept": (below_start, "no epoch did better than the start (validation ELBO 30.0, the best of 20"),
    "collapsed latents": (
        collapsed,
        "all 2 latents are unused (KL below 0.01 nats): the data's 1st eigenvalue",
    ),
    "wasteful rate": (wasteful, "the rate is 100.0 nats per datum"),
    "sd at its floor": (
        lambda: evidence(factors(), sigma="learned", sigma_init=1e-3, sigma_min=1e-3),
        "the sd of 6 of 6 variables (100%) sits at its floor, 0.001 (such as column 1)",
    ),
    "sd above the data's": (
        lambda: evidence(factors(), sigma="fixed", sigma_init=4.0),
        "the sd of p(x|z) is 4.0 times the data's own in 6 of 6 variables",
    ),
    "exploding gradients": (
        lambda: evidence(factors(), sigma="fixed", sigma_init=1e-4, start="random", init_sd=1.0),
        "--learning-rate",
    ),
    "vanishing gradients": (deep, "the gradient of encoder.weights[0] is"),
    "dead units": (dead, "16 of 16 units of the encoder's hidden layer 1"),
    "saturated Bernoulli": (saturated, "within 1e-06 of 0 or 1 and are wrong"),
    "Bernoulli on grey values": (
        lambda: evidence(np.arange(64, dtype=np.uint8).reshape(4, 4, 4), likelihood="bernoulli"),
        "98% of the values are neither 0 nor 1",
    ),
    "outliers": (lambda: evidence(with_outlier()), "the furthest is 24 sds off (column 3, row 8)"),
    "outside the training range": (
        lambda: evidence(factors(), factors(50, seed=3) * [1, 100, 1, 1, 1, 1]),
        "most in column 2 (",
    ),
    "levels stored as floats": (
        lambda: evidence(as_floats()),
        "all values are multiples of 1/255 (largest 1)",
    ),
    "values out of reach": (
        lambda: evidence(factors(), output_activation="sigmoid"),
        "where a sigmoid mean never comes",
    ),
    "constant variables": (
        lambda: evidence(factors() * [1, 1, 0, 1, 0, 1]),
        "2 of 6 variables never change (column 3, column 5)",
    ),
    "duplicated variables": (
        lambda: evidence(np.column_stack([factors(), 3 - 2 * factors()[:, 1]])),
        "1 of 7 variables are linear copies of others (such as column 7 of column 2)",
    ),
    "duplicated rows": (
        lambda: evidence(np.concatenate([factors(), factors()[4:6]])),
        "2 of 602 rows (0.33%) are exact copies of others (such as row 601 of row 5)",
    ),
    "leakage": (
        lambda: evidence(factors(), np.concatenate([factors(30, seed=2), factors()[9:10]])),
        "1 of 31 held-out rows (3.2%) is a training row, to the bit (such as row 31, which is row 10)",
    ),
    "near-copies": (
        lambda: evidence(factors(), with_copies(factors(), 1e-3)),
        "of the held-out rows are nearly a training row",
    ),
    "validation beside training": (walk, "--validation-by block"),
}


@pytest.mark.parametrize("name", SICK)
def test_a_sick_run_is_named_with_its_number(name: str) -> None:
    make, words = SICK[name]
    finding = found(name, make())
    assert finding is not None
    assert words in finding.line
    assert "\n" not in finding.line and finding.setting and finding.numbers


def test_damaged_weights_stop_no_check() -> None:
    """Numbers that are not finite are no reason to warn of anything else."""
    said = look(damaged(), slow=False)
    assert said.findings[0].severity == "serious"
    assert {finding.name for finding in said.findings} <= {"weights not finite", "posterior collapse"}


def test_every_check_has_a_sick_run() -> None:
    assert {check.name for check in CHECKS} == {*SICK, "over-fitting"}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Factors found again by a small model, and their file."""
    folder = tmp_path_factory.mktemp("healthy")
    np.save(folder / "x.npy", factors(1500))
    return fit(
        folder / "x.npy",
        out=folder / "run",
        epochs=20,
        batch_size=50,
        learning_rate=5e-3,
        keep_prob=1.0,
        **SMALL,
    )


def test_a_healthy_run_is_found_healthy(healthy: Run) -> None:
    said = report(load(str(healthy.folder)))
    assert [finding.line for finding in said.findings] == []
    assert len(said.checked) == len(CHECKS)
    assert healthy.summary["findings"] == []


def test_over_fitting_is_told_from_a_healthy_fit(healthy: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", factors(40))
    run = fit(
        tmp_path / "few.npy",
        out=tmp_path / "run",
        validation="0",
        epochs=150,
        learning_rate=1e-2,
        keep_prob=1.0,
        latent_dim=2,
        encoder_layers=(64,),
        decoder_layers=(64,),
    )
    new = factors(300, seed=7)
    finding = found("over-fitting", evidence_of(run, new))
    assert finding is not None and "+-" in finding.words
    assert finding.numbers["gap"] > 3 * finding.numbers["standard_error"]
    assert found("over-fitting", evidence_of(healthy, new)) is None


def test_collapse_by_the_eigenvalue_rule() -> None:
    """The noise variance that Lucas et al. compare with, and the eigenvalue, against NumPy's."""
    finding = found("collapsed latents", collapsed())
    assert finding is not None and finding.severity == "serious"
    x = factors()
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(x, rowvar=False))
    assert finding.numbers["eigenvalue"] == pytest.approx(eigenvalues[-1], rel=1e-4)
    assert finding.numbers["noise_variance"] == pytest.approx(25.0)
    assert "below the noise variance 25, as expected of pPCA too" in finding.line


def test_some_latents_unused_is_only_worth_knowing_where_expected() -> None:
    finding = found("collapsed latents", half_used())
    assert finding is not None and finding.severity == "information"
    assert finding.line.startswith("information: 2 of 4 latents are unused")


def test_gaussian_rate_is_the_least_rate_of_all_divisions() -> None:
    """Reverse water-filling against a numerical search over how the squared error is divided."""
    eigenvalues = np.array([4.0, 2.0, 0.5, 0.1])
    for distortion in (0.2, 1.0, 3.0, 6.0):
        searched = scipy.optimize.minimize(
            lambda d: 0.5 * np.log(eigenvalues / d).sum(),
            np.minimum(eigenvalues, distortion / 4) * 0.9,
            bounds=[(1e-9, v) for v in eigenvalues],
            constraints={"type": "ineq", "fun": lambda d, most=distortion: most - d.sum()},
        )
        assert gaussian_rate(eigenvalues, distortion) == pytest.approx(searched.fun, abs=1e-4)


def test_ppca_pays_its_rate_and_little_more_than_the_least_there_is() -> None:
    """Against KL(q || p) of its closed-form posterior; its squared error is D sigma^2."""
    x = factors()
    spectrum = Spectrum.fit(x)
    model = spectrum.ppca(2)
    mean, sd = model.posterior(x)
    kl = 0.5 * (mean**2 + sd**2 - 1 - 2 * np.log(sd)).sum(axis=1).mean()
    assert ppca_rate(spectrum, 2) == pytest.approx(kl, rel=1e-9)
    assert gaussian_rate(spectrum.eigenvalues, 6 * model.noise_variance) <= kl


def test_what_looks_wrong_is_in_summary_and_readme(tmp_path: Path) -> None:
    run = fit(factors(100), out=tmp_path / "run", epochs=2, sigma="fixed", sigma_init=5.0, **SMALL)
    names = [finding["name"] for finding in run.summary["findings"]]
    assert {"posterior collapse", "sd above the data's"} <= set(names)
    for finding in run.summary["findings"]:
        assert f"- {finding['line']}" in (tmp_path / "run" / "README.md").read_text()
        assert finding["severity"] in ("serious", "warning")


def test_rows_of_a_run_fitted_to_an_array(tmp_path: Path) -> None:
    x = factors(100)
    source = {"path": "array", "rows": 90, "validation_rows": 10}
    made = evidence(x).run
    made.source = source
    made.save(tmp_path / "run")
    alone = report(load(tmp_path / "run"))
    assert [f.name for f in alone.findings][-1] == "data not read"
    assert len(alone.checked) == sum(check.needs == "history" for check in CHECKS)
    # As many rows as were fitted are the same data again; others are beside them.
    assert len(report(load(tmp_path / "run"), x).checked) == len(CHECKS)
    others = report(load(tmp_path / "run"), factors(60, seed=4))
    assert len(others.checked) == sum(check.needs != "both" for check in CHECKS)


def test_evidence_in_memory_is_the_evidence_read_again(healthy: Run) -> None:
    again = evidence_of(load(str(healthy.folder)))
    assert again.train is not None and again.held_out is not None
    assert again.train.positions is not None and again.held_out.positions is not None
    x = factors(1500)
    assert np.allclose(healthy.transform.inverse(again.train.x), x[again.train.positions], atol=1e-5)
    assert np.allclose(healthy.transform.inverse(again.held_out.x), x[again.held_out.positions], atol=1e-5)


def test_a_fall_is_counted_from_the_kept_epoch_which_with_a_small_beta_is_not_that_of_the_best_elbo() -> None:
    found = validation_falls()
    assert falling(found) is not None
    for record in found.run.history:
        record["best"] = True
    assert falling(found) is None
