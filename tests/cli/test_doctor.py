"""`vaefit doctor`: what it says of a run, and of mistakes."""

import shutil

import numpy as np
import pytest


def test_doctor_says_the_same_in_words_and_in_json(vaefit, fitted):
    said = vaefit("doctor", fitted, "--json", "-q")
    assert said.code == 0, said.err
    assert set(said.json) == {"findings", "checked"}
    assert {"over-fitting", "leakage", "collapsed latents"} <= set(said.json["checked"])
    lines = [finding["line"] for finding in said.json["findings"]]
    assert vaefit("doctor", fitted, "-q").out.splitlines() == lines
    assert all(f["severity"] in ("serious", "warning", "information") for f in said.json["findings"])


def test_doctor_finds_what_fit_warned_of(vaefit, fitted, fit_said):
    names = {finding["name"] for finding in vaefit("doctor", fitted, "--json", "-q").json["findings"]}
    assert {finding["name"] for finding in fit_said.json["findings"]} <= names


def test_data_that_are_gone_are_said_to_be_gone(vaefit, fitted, folder, tmp_path):
    shutil.copytree(fitted, tmp_path / "run")
    settings = tmp_path / "run" / "settings.toml"
    settings.write_text(settings.read_text().replace(str(folder.resolve()), "/nowhere/digits"))
    said = vaefit("doctor", tmp_path / "run", "-q")
    assert said.code == 0, said.err
    assert "cannot be read again (/nowhere/digits is not there)" in said.out
    assert said.out.splitlines()[-1].endswith("give DATA")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 9, 7), np.uint8), "8x8 grey, found 9x7 grey"),
        (
            np.random.default_rng(0).random((5, 8, 8)),
            "8-bit pixels like those fitted, found plain numbers",
        ),
    ],
)
def test_data_of_another_size_or_scale_is_one_line(vaefit, fitted, tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    said = vaefit("doctor", fitted, tmp_path / "x.npy", "-q")
    assert said.code == 2 and said.out == ""
    assert len(said.err.splitlines()) == 1 and message in said.err


def test_pixels_for_a_run_of_numbers_from_0_to_1_are_refused(vaefit, fitted, tmp_path):
    np.save(tmp_path / "levels.npy", np.full((5, 8, 8), 200, np.uint8))
    shutil.copytree(fitted, tmp_path / "run")
    (tmp_path / "run" / "transform.json").write_text('{"kind": "unit-interval", "shape": [8, 8]}')
    said = vaefit("doctor", tmp_path / "run", tmp_path / "levels.npy", "-q")
    assert said.code == 2 and "expected values from 0 to 1 like those fitted, found 8-bit pixels" in said.err
