"""Flags, recipes and seeds: what was typed is what is fitted."""

import tomllib

import numpy as np
import pytest


def settings_of(run):
    """The settings that a run folder holds."""
    return tomllib.loads((run / "settings.toml").read_text())["settings"]


def given(vaefit, monkeypatch, *arguments):
    """What `vaefit fit DATA ...` hands to `fit`, without fitting."""
    from vaefit import fitting

    calls = []

    def fit(rows, **keywords):
        calls.append(keywords)
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "fit", fit)
    said = vaefit("fit", "data", *arguments)
    assert calls, said.err
    keywords = {
        k: v for k, v in calls[0].items() if k not in ("out", "force", "display", "recipe", "init_from")
    }
    return keywords, said


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        ((), {}),
        (("--latent-dim", "10"), {"latent_dim": "10"}),
        (("--encoder-layers", "8,4"), {"encoder_layers": ["8", "4"]}),
        (("--encoder-layers", "8", "--encoder-layers", "4"), {"encoder_layers": ["8", "4"]}),
        (("--encoder-layers", "none"), {"encoder_layers": []}),
        (("--no-encoder-bias", "--shuffle"), {"encoder_bias": False, "shuffle": True}),
        (("--include", "a,b/*", "--include", "c/*"), {"include": ["a,b/*", "c/*"]}),
        (("--mean-l1", "0"), {"mean_l1": "0"}),
    ],
)
def test_only_flags_that_were_used_become_settings(vaefit, monkeypatch, flags, settings):
    assert given(vaefit, monkeypatch, *flags)[0] == settings


def test_interruption_is_one_line_and_code_130(vaefit, monkeypatch):
    said = given(vaefit, monkeypatch)[1]
    assert (said.code, said.err) == (130, "vaefit: interrupted\n")


def test_flag_overrides_recipe_even_with_the_default_value(vaefit, folder, small, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('beta = 4.0\nmean_l1 = 0.5\nepochs = 1\n[recipe]\nsummary = "mine"\n')
    vaefit("fit", folder, "--out", tmp_path / "a", "-q", *small, "--recipe", recipe, "--epochs", 1)
    vaefit(
        "fit", folder, "--out", tmp_path / "b", "-q", *small, "--recipe", recipe, "--epochs", 1, "--beta", 1
    )
    a, b = settings_of(tmp_path / "a"), settings_of(tmp_path / "b")
    assert (a["beta"], b["beta"]) == (4.0, 1.0)
    assert a["mean_l1"] == b["mean_l1"] == 0.5


def test_recipe_that_ships_is_fitted_with_flags_on_top(vaefit, folder, tmp_path):
    flags = ("--encoder-layers", "8", "--decoder-layers", "8", "--epochs", 1, "--latent-dim", 2)
    said = vaefit("fit", folder, "--out", tmp_path / "run", "--recipe", "faces-2016", *flags, "--json", "-q")
    assert said.code == 0, said.err
    assert said.json["validation"] is None
    settings = settings_of(tmp_path / "run")
    assert (settings["likelihood"], settings["batch_size"]) == ("gaussian-moments", 7)
    assert settings["encoder_layers"] == [8]


def test_same_seed_gives_the_same_weights_to_the_byte(vaefit, fitted, folder, small, tmp_path):
    weights = {"shared": (fitted / "model.safetensors").read_bytes()}
    for name, seed in {"again": 0, "other": 1}.items():
        assert vaefit("fit", folder, "--out", tmp_path / name, "-q", *small, "--seed", seed).code == 0
        weights[name] = (tmp_path / name / "model.safetensors").read_bytes()
    assert weights["again"] == weights["shared"]
    assert weights["other"] != weights["shared"]


def test_dropout_flags(vaefit, folder, small, tmp_path):
    run = tmp_path / "run"
    model = ("--keep-prob", 0.5, "--generate-with-dropout", "--start", "random", "--init-sd", 0.5)
    vaefit("fit", folder, "--out", run, "-q", *small, *model, "--validation", 0)
    drawn = {}
    for name, flags in {"unset": (), "on": ("--dropout",), "off": ("--no-dropout",)}.items():
        assert vaefit("sample", run, "-n", 4, "--out", tmp_path / f"{name}.npy", *flags).code == 0
        drawn[name] = np.load(tmp_path / f"{name}.npy")
    np.testing.assert_array_equal(drawn["unset"], drawn["on"])
    assert not np.array_equal(drawn["on"], drawn["off"])
