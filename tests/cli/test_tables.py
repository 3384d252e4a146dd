"""One small mixed table with missing cells, fitted once, through every command."""

import itertools
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vaefit import load
from vaefit.synthetic import BATCH, draw_values

COLOURS = ("red", "green", "blue")
FLAGS = ("--latent-dim", "2", "--encoder-layers", "16", "--decoder-layers", "16", "--learning-rate", "0.01")


def people(n: int, seed: int, missing: float = 0.08) -> str:
    """Names, and six columns of as many types that one hidden number goes through."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    age = np.clip(np.round(40 + 10 * z + 2 * rng.normal(size=n)), 17, 90).astype(int)
    height, income = 170 + 7 * z + 2 * rng.normal(size=n), np.exp(8 + 0.5 * z + 0.1 * rng.normal(size=n))
    colour = np.digitize(z + 0.3 * rng.normal(size=n), [-0.5, 0.7])
    children = rng.poisson(np.exp(0.5 + 0.5 * z))
    lines = ["name,age,height,income,colour,smoker,children"]
    for i in range(n):
        smoker = "yes" if z[i] + 0.5 * rng.normal() > 0 else "no"
        cells = [age[i], f"{height[i]:.1f}", f"{income[i]:.2f}", COLOURS[colour[i]], smoker, children[i]]
        kept = ["" if rng.random() < missing else str(cell) for cell in cells[:-1]] + [str(cells[-1])]
        lines.append(",".join([f"p{seed}-{i}", *kept]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    (folder / "train.csv").write_text(people(240, 0))
    (folder / "test.csv").write_text(people(60, 1))
    return folder


@pytest.fixture(scope="module")
def run(vaefit, tables: Path) -> Path:
    said = vaefit("fit", tables / "train.csv", "--out", tables / "run", "--epochs", "40", "--json", *FLAGS)
    assert said.code == 0, said.err
    return tables / "run"


def refused(said, *words: str) -> None:
    assert said.code == 2 and not said.out and len(said.err.strip().splitlines()) == 1, said
    assert all(word in said.err for word in words), said.err


def test_a_table_run_says_what_it_is_and_has_curves_but_no_pictures(vaefit, run):
    assert (run / "curves.png").exists() and not (run / "samples.png").exists()
    readme = (run / "README.md").read_text()
    assert "vaefit impute" in readme and "reconstructions.png" not in readme
    assert "6 columns" in vaefit("info", run).out


def test_evaluate_puts_each_column_beside_the_baselines(vaefit, run, tables):
    said = vaefit("evaluate", run, tables / "test.csv", "--samples", "100", "--json")
    found = said.json
    assert found["reconstruction_mse"] is None and np.isfinite(found["log_likelihood"])
    assert set(found["baselines"]) == {"gaussian-copula", "independent-columns"}
    assert list(found["columns"]) == ["age", "height", "income", "colour", "smoker", "children"]
    own = sum(c["log_likelihood"] for c in found["columns"].values())
    for name in found["baselines"]:
        parts = [c["baselines"][name] for c in found["columns"].values()]
        assert np.isfinite([value for part in parts for value in part.values()]).all()
    # The columns hang together, and the model knows: its guesses beat those that use nothing of the row.
    alone = [c["baselines"]["independent-columns"] for c in found["columns"].values()]
    assert own > sum(part["log_likelihood"] for part in alone) + 1
    assert found["columns"]["age"]["error"] < 0.7 < 0.99 < alone[0]["error"]
    assert found["log_likelihood"] > found["baselines"]["independent-columns"]["log_likelihood"]
    assert found["sample_quality"]["cells"]["rows"] == 60 and "intervals" in found["notices"][0]


def test_columns_that_say_nothing_of_each_other_add_up_to_the_row(vaefit, run, tables):
    found = vaefit("evaluate", run, tables / "test.csv", "--samples", "50", "--json").json
    name = "independent-columns"
    whole = sum(c["baselines"][name]["log_likelihood"] * c["cells"] for c in found["columns"].values())
    assert whole / found["n"] == pytest.approx(found["baselines"][name]["log_likelihood"], abs=1e-6)


def test_a_column_given_the_others_is_what_score_explains(vaefit, run, tables):
    """Two estimates of log p(cell | others): of common draws, and a difference of two log-likelihoods."""
    columns = vaefit("evaluate", run, tables / "test.csv", "--samples", "100", "--json").json["columns"]
    how = ("--explain", "--samples", "2000", "--out", tables / "parts.csv", "--quiet")
    assert vaefit("score", run, tables / "test.csv", *how).code == 0
    parts = pl.read_csv(tables / "parts.csv")
    for name, column in columns.items():
        explained = parts[f"score_{name}"].to_numpy().astype(float)
        assert column["log_likelihood"] == pytest.approx(-np.nanmean(explained), abs=0.06)


def test_sampled_rows_are_rows_of_the_table(vaefit, run, tables):
    out = tables / "new.csv"
    assert vaefit("sample", run, "-n", "200", "--out", out).code == 0
    new = pl.read_csv(out)
    assert new.columns == ["name", *"age height income colour smoker children".split()]
    assert set(new["colour"]) <= set(COLOURS) and new["age"].dtype == pl.Int64
    assert new["age"].is_between(17, 90).all()


def test_sampled_rows_meet_conditions(vaefit, run, tables):
    out, where = tables / "where.csv", ("--where", "colour=red", "--where", "age>30")
    assert vaefit("sample", run, "-n", "50", *where, "--out", out).code == 0
    new = pl.read_csv(out)
    assert len(new) == 50 and set(new["colour"]) == {"red"} and (new["age"] > 30).all()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("agee>4", ("agee", "did you mean 'age'")),
        ("colour=mauve", ("mauve",)),
        ("colour>red", ("no order",)),
        ("age>old", ("age", "numbers")),
        ("age>200", ("the values of age are from",)),
        ("age", ("NAME=VALUE", "no sign")),
    ],
)
def test_conditions_that_cannot_be_are_refused(vaefit, run, tables, where, words):
    refused(vaefit("sample", run, "--where", where, "--out", tables / "no.csv"), *words)


def test_conditions_too_rare_are_refused(vaefit, run, tables, monkeypatch):
    monkeypatch.setattr("vaefit.synthetic.MOST_DRAWN", 10_000)
    both = ("--where", "age>60", "--where", "age<30")
    refused(vaefit("sample", run, *both, "--out", tables / "no.csv"), "too rare")


def test_batches_of_rows_drawn_are_those_of_no_other_seed(run):
    loaded = load(run)
    drawn = [draw_values(loaded, 4, seed, batch=batch) for seed, batch in ((0, 0), (0, 1), (BATCH, 0))]
    assert all((a != b).any() for a, b in itertools.combinations(drawn, 2))


def test_imputation_touches_missing_cells_alone(vaefit, run, tables):
    out = tables / "full.csv"
    said = vaefit("impute", run, tables / "test.csv", "--samples", "50", "--out", out, "--json")
    before, after = (p.read_text().splitlines() for p in (tables / "test.csv", out))
    cells = [
        (b, a)
        for x, y in zip(before, after, strict=True)
        for b, a in zip(x.split(","), y.split(","), strict=True)
    ]
    assert all(a == b if b else a for b, a in cells)
    assert said.json["imputed"] == sum(not b for b, _ in cells) > 10


def test_several_tables_are_imputed_with_intervals(vaefit, run, tables):
    how = ("--samples", "50", "--multiple", "2", "--intervals")
    assert vaefit("impute", run, tables / "test.csv", *how, "--out", tables / "m.csv").code == 0
    first, second = (pl.read_csv(tables / f"m-{i}.csv") for i in (1, 2))
    hole = pl.read_csv(tables / "test.csv")["height"].is_null()
    differ = first["height"] != second["height"]
    assert differ.any() and not (differ & ~hole).any()
    assert (first["height_low"] < first["height_high"]).filter(hole).all()


def test_the_planted_cell_is_the_oddest(vaefit, run, tables):
    lines = people(20, 2, missing=0.0).splitlines()
    cells = lines[6].split(",")
    cells[2] = "240.0"
    lines[6] = ",".join(cells)
    (tables / "odd.csv").write_text("\n".join(lines) + "\n")
    out = tables / "scores.csv"
    said = vaefit("score", run, tables / "odd.csv", "--explain", "--samples", "100", "--out", out, "--json")
    scores = pl.read_csv(out)
    assert said.json["oddest_row"] == 6
    assert scores["oddest"][5] == "height" and scores["percentile"][5] > 95
    # Densities of a column in large units are small for every row: that alone makes no cell odd.
    assert scores["oddest"].n_unique() > 2


def test_latents_go_out_and_come_back_as_cells(vaefit, run, tables):
    assert vaefit("encode", run, tables / "test.csv", "--out", tables / "z.parquet").code == 0
    assert vaefit("decode", run, tables / "z.parquet", "--out", tables / "back.csv").code == 0
    was, back = (pl.read_csv(tables / name) for name in ("test.csv", "back.csv"))
    assert back.columns == was.columns and set(back["colour"]) <= set(COLOURS)
    there = was["age"].is_not_null()
    assert np.corrcoef(was["age"].filter(there), back["age"].filter(there))[0, 1] > 0.5


def test_reconstructions_are_arrays_and_no_pictures(vaefit, run, tables):
    out = tables / "again.npz"
    assert vaefit("reconstruct", run, tables / "test.csv", "--samples", "2", "--out", out).code == 0
    assert np.load(out)["samples"].shape == (60, 2, 6)
    refused(vaefit("reconstruct", run, tables / "test.csv", "--out", tables / "no.png"), "no picture")
    refused(vaefit("sample", run, "-n", "3", "--out", tables / "no.png"), "no picture")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("reconstructions", ("percentile", "probability of own category", "90% interval", "income")),
        ("samples", ("share of rows", "children", "green")),
        ("traversals", ("colour = red", "share of the column")),
        ("latent-map", ("ELBO (nats)",)),
    ],
)
def test_figures_of_a_table_name_its_columns(vaefit, run, tables, name, words):
    out = tables / "figure.svg"
    assert vaefit("figure", run, name, tables / "test.csv", "--out", out, "-q").code == 0
    text = out.read_text()
    assert all(word in text for word in words), text


def test_labels_beside_the_fitted_columns_are_probed(vaefit, run, tables):
    """Also where cells are missing; a fitted column as labels is missing in every row, and one is told."""
    probed, how = tables / "labelled.csv", ("--per-class", "5", "--draws", "2")
    lines = people(120, 3).splitlines()
    tall = ["tall", *("yes" if i % 3 else "no" for i in range(120))]
    probed.write_text("".join(f"{line},{label}\n" for line, label in zip(lines, tall, strict=True)))
    said = vaefit("probe", run, probed, "--labels", "tall", "--json", *how)
    assert said.code == 0 and said.json["run"] == str(run), said.err
    probed.write_text(people(120, 3, missing=0.0))
    said = vaefit("probe", run, probed, "--labels", "smoker", *how)
    assert said.code == 0 and "missing in every row: smoker" in said.err, said.err


def test_the_run_goes_on_and_others_begin_with_it(vaefit, run, tables):
    more = vaefit("fit", "--resume", run, "--epochs", "41", "--json")
    assert more.json["epochs"] == 41, more.err
    assert len([json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]) == 42
    how = ("--init-from", run, "--validation", tables / "test.csv", "--epochs", "1", "--json")
    second = vaefit("fit", tables / "train.csv", "--out", tables / "second", *how)
    assert second.code == 0 and np.isfinite(second.json["validation"]["elbo"]), second.err
    compared = vaefit("compare", run, tables / "second", tables / "test.csv", "--samples", "50", "--json")
    assert set(compared.json["runs"]) == {"run", "second"}
