"""`vaefit probe` through the command line."""

import json

import numpy as np
import pytest
from PIL import Image

FEW = ("--per-class", "2,4,50", "--draws", "2")


@pytest.fixture(scope="module")
def said(vaefit, fitted, folder, tmp_path_factory):
    """What the shared probe said, and the folder it wrote."""
    out = tmp_path_factory.mktemp("probe") / "new"
    return vaefit("probe", fitted, folder, *FEW, "--json", "--out", out), out


def test_json_is_one_object_with_every_number(said):
    found = said[0].json
    assert said[0].code == 0
    assert found["classes"] == ["digit-0", "digit-1", "digit-2"]
    assert (found["n"], found["n_test"], found["draws"]) == (42, 18, 2)
    assert found["dim"] == {"vae": 2, "raw": 64, "pca": 2, "random": 2}
    pairs = {(r["per_class"], r["features"]) for r in found["results"]}
    assert pairs == {(n, f) for n in (2, 4) for f in found["dim"]}
    for entry in found["results"]:
        for metric in ("accuracy", "balanced_accuracy", "auc"):
            assert entry[metric]["low"] <= entry[metric]["mean"] <= entry[metric]["high"]
            assert 0 <= entry[metric]["mean"] <= 1
    by_pair = {(r["per_class"], r["features"]): r["auc"]["mean"] for r in found["results"]}
    for entry in found["vae_minus"]:
        n = entry["per_class"]
        expected = by_pair[n, "vae"] - by_pair[n, entry["features"]]
        assert entry["auc"]["mean"] == pytest.approx(expected)


def test_sizes_that_the_data_cannot_give_and_seen_test_rows_are_said(said):
    assert "left out 50 labels a class: class 'digit-0' has 14 rows" in said[0].err
    assert "a run fitted to them has seen them" in said[0].err


def test_folder_has_picture_and_numbers(said):
    out = said[1]
    assert sorted(p.name for p in out.iterdir()) == ["probe.json", "probe.png"]
    numbers = json.loads((out / "probe.json").read_text())
    assert numbers.items() <= said[0].json.items()
    with Image.open(out / "probe.png") as picture:
        assert np.mean(np.asarray(picture.convert("L")) < 200) > 0.01


def test_table_and_verdict(vaefit, fitted, folder, tmp_path):
    said = vaefit("probe", fitted, folder, *FEW, "--quiet", "--test", folder, "--out", tmp_path / "x.svg")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].startswith("3 classes; 2 draws of labels from 60 rows; tested on 60 rows")
    assert sum(line.split()[:1] == ["raw"] for line in lines) == 2
    assert any(line.strip().startswith("pca:") for line in lines)
    assert max(map(len, lines)) <= 110
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")


@pytest.fixture(scope="module")
def table(vaefit, small, tmp_path_factory):
    """A run of two columns, and the same rows with a column of labels."""
    place = tmp_path_factory.mktemp("table")
    x = np.random.default_rng(0).normal(size=(90, 2)).round(3)
    rows = [f"{a},{'high' if a > 0 else 'low'},{b}" for a, b in x]
    (place / "rows.csv").write_text("\n".join(["a,kind,b", *rows]) + "\n")
    (place / "one.csv").write_text("\n".join(["a,kind,b", *(f"{a},x,{b}" for a, b in x)]) + "\n")
    np.save(place / "x.npy", x)
    np.save(place / "short.npy", np.arange(5) % 2)
    np.savez(place / "all.npz", x=x, y=x[:, 0] > 0, x_test=x[:30], y_test=x[:30, 0] > 0)
    said = vaefit("fit", place / "x.npy", "--out", place / "run", *small)
    assert said.code == 0, said.err
    return place


def test_labels_in_a_column(vaefit, table):
    said = vaefit("probe", table / "run", table / "rows.csv", "--labels", "kind", *FEW, "--json")
    assert said.code == 0, said.err
    assert said.json["dim"]["raw"] == 2
    assert said.json["classes"] == ["high", "low"]


def test_test_arrays_beside_the_others(vaefit, table):
    keys = ("--key", "x", "--labels", "y", "--test-key", "x_test", "--test-labels", "y_test")
    said = vaefit("probe", table / "run", table / "all.npz", *keys, *FEW, "--json")
    assert said.code == 0, said.err
    assert (said.json["n"], said.json["n_test"]) == (90, 30)


MISTAKES = [
    (("rows.csv", "--labels", "sort"), "expected labels in a column called 'sort', found a, kind, b"),
    (("one.csv", "--labels", "kind"), "expected labels of at least two classes, found only 'x'"),
    (("x.npy",), "expected rows in folders named after their labels, found no such folders"),
    (("x.npy", "--labels", "kind"), "--labels kind: expected 'folders', or a file of labels"),
    (("x.npy", "--labels", "short.npy"), "short.npy: expected a label for each of 90 rows, found 5"),
    (("all.npz", "--key", "x", "--labels", "z"), "called 'z', found x, y, x_test, y_test"),
    (
        ("rows.csv", "--labels", "b"),
        "expected at least 2 rows of every class|expected the column 'b'|expected a number",
    ),
    (("rows.csv", "--labels", "kind", "--per-class", "900"), "expected at least 900 rows of every class"),
    (("rows.csv", "--labels", "kind", "--per-class", "a"), "--per-class must be whole numbers"),
    (("rows.csv", "--labels", "kind", "--test", "7"), "test share between 0 and 1, found 7"),
    (("rows.csv", "--labels", "kind", "--out", "x.doc"), "--out must end in .png, .pdf, .svg"),
    (("rows.csv", "--labels", "kind", "--test", "0.5", "--test-key", "x"), "--test-key is for other data"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=lambda a: " ".join(a) if a is tuple else None
)
def test_mistakes_are_one_line(vaefit, table, monkeypatch, arguments, message):
    monkeypatch.chdir(table)
    said = vaefit("probe", "run", *arguments, "--quiet")
    assert (said.code, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1
    assert any(part in said.err for part in message.split("|")), said.err
