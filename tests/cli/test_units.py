"""Numbers that are undefined say so: bits/dim of resized images, likelihoods of grey values under a mass."""

import numpy as np
import pytest

from vaefit import backend
from vaefit.evaluation import rounded

QUICK = ("--samples", "8", "-q")


@pytest.fixture(scope="module")
def arrays(digits, tmp_path_factory):
    """The same digits as images of their own size, as larger images, and as flat rows."""
    place = tmp_path_factory.mktemp("units")
    np.save(place / "own.npy", digits[60:90])
    np.save(place / "larger.npy", digits[60:90].repeat(2, axis=1).repeat(2, axis=2))
    np.save(place / "flat.npy", digits[60:90].reshape(30, 64))
    return place


def test_resized_images_have_no_bits_per_dimension_and_their_baselines_neither(vaefit, fitted, arrays):
    said = vaefit("evaluate", fitted, arrays / "larger.npy", "--size", "8x8", "--json", *QUICK)
    assert said.code == 0, said.err
    found = said.json
    assert found["bits_per_dim"] is None
    assert np.isfinite(found["log_likelihood"])
    assert found["baselines"]
    assert {score["bits_per_dim"] for score in found["baselines"].values()} == {None}
    assert [note for note in found["notices"] if "no bits/dim: images were resized" in note]


@pytest.mark.parametrize("name", ["own", "flat"])
def test_images_of_their_own_size_and_flat_rows_with_a_shape_have_them(vaefit, fitted, arrays, name):
    rows = arrays / f"{name}.npy"
    said = vaefit("evaluate", fitted, rows, "--size", "8x8", "--no-baselines", "--json", *QUICK)
    assert said.code == 0, said.err
    expected = 8 - said.json["log_likelihood"] / (64 * np.log(2))
    assert said.json["bits_per_dim"] == pytest.approx(expected)
    assert said.json["notices"] == []


def test_compare_says_so_once(vaefit, fitted, arrays):
    rows = (arrays / "larger.npy", "--size", "8x8")
    said = vaefit("compare", fitted, fitted, *rows, *QUICK)
    assert said.code == 0, said.err
    assert said.out.count("note: no bits/dim: images were resized") == 1
    found = vaefit("compare", fitted, fitted, *rows, "--json", *QUICK).json
    assert {run["bits_per_dim"] for run in found["runs"].values()} == {None}
    assert len(found["notices"]) == 1


def test_image_files_that_were_resized(vaefit, fitted, folder, tmp_path):
    from PIL import Image

    from vaefit.data import read

    Image.fromarray(np.zeros((9, 8), np.uint8)).save(tmp_path / "taller.png")
    assert read(tmp_path, size=(8, 8)).resized
    assert not read(tmp_path).resized
    assert not read(folder, size=(8, 8)).resized
    assert read(folder, size=(4, 4)).take([0]).resized


def test_grey_values_under_a_mass_have_no_likelihood(vaefit, arrays, small, tmp_path):
    run = tmp_path / "run"
    said = vaefit("fit", arrays / "own.npy", "--out", run, "--likelihood", "bernoulli", "-q", *small)
    assert said.code == 0, said.err
    said = vaefit("evaluate", run, arrays / "own.npy", "--ais", "--json", *QUICK)
    assert said.code == 0, said.err
    found = said.json
    undefined = ("log_likelihood", "log_likelihood_se", "log_likelihood_growth", "bits_per_dim", "ais")
    assert {name: found[name] for name in undefined} == dict.fromkeys(undefined)
    assert found["baselines"] == {}
    assert found["elbo"] == pytest.approx(-found["rate"] - found["distortion"])
    notes = " ".join(found["notices"])
    assert "its distortion is a cross-entropy" in notes
    assert "no annealing" in notes
    text = vaefit("evaluate", run, arrays / "own.npy", *QUICK).out
    assert "note: no log-likelihood and no bits/dim: the data are grey values" in text
    (line,) = [line for line in text.splitlines() if line.startswith("this model")]
    assert line.split()[2:4] == ["-", "-"]


def test_evaluate_says_in_which_precision_it_decoded(vaefit, arrays, small, tmp_path, monkeypatch):
    # A processor with units for bfloat16, and a decoder that is worth them.
    monkeypatch.setattr(backend, "_processor_flags", lambda: frozenset(["amx_bf16"]))
    monkeypatch.setattr(rounded, "FEWEST_WEIGHTS", 1)
    run, rows = tmp_path / "run", tmp_path / "rows.npy"
    np.save(rows, (np.load(arrays / "own.npy") > 0.5).astype(np.uint8))
    said = vaefit("fit", rows, "--out", run, "--likelihood", "bernoulli", "-q", *small)
    assert said.code == 0, said.err
    asked = ("evaluate", run, rows, "--samples", "300", "--no-baselines", "-q")
    text = vaefit(*asked).out
    assert "K = 300, decoded in bfloat16, corrected by some in float32; nats" in text
    exact, found = vaefit(*asked, "--float32", "--json").json, vaefit(*asked, "--json").json
    assert exact["products"] == "float32" and found["products"].startswith("bfloat16")
    assert found["log_likelihood"] != exact["log_likelihood"]
    assert found["log_likelihood"] == pytest.approx(exact["log_likelihood"], abs=0.01)
