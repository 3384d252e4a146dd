"""Settings, options, recipes, and the catalogue that reads parts without importing them."""

import dataclasses
import math
import shutil
import tomllib
from pathlib import Path

import pytest

from vaefit import catalogue, recipes
from vaefit.errors import SettingsError
from vaefit.settings import Settings, core_options, options

ALL_PARTS = [part for kind in catalogue.FOLDERS for part in catalogue.parts(kind).values()]


@pytest.mark.parametrize("declared", options().values(), ids=lambda o: o.name)
def test_every_option_has_help_and_an_acceptable_default(declared):
    assert declared.help
    assert not declared.help.endswith(".")
    assert declared.check(declared.default) == declared.default


def test_names_are_unique_between_frame_parts_and_penalties():
    declared = [(o.name, part) for part in ALL_PARTS for o in part.options]
    assert not {name for name, _ in declared} & set(core_options())
    weights = {part.name.replace("-", "_") for part in catalogue.parts("penalty").values()}
    assert not weights & (set(core_options()) | {name for name, _ in declared})


def test_options_that_parts_share_are_declared_alike():
    first = {}
    for part in ALL_PARTS:
        for declared in part.options:
            known = first.setdefault(declared.name, declared)
            assert dataclasses.replace(declared, home="") == dataclasses.replace(known, home=""), (
                declared.name
            )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"latent_dims": 3}, "unknown setting 'latent_dims'; did you mean 'latent_dim'?"),
        ({"parts": {}}, "unknown setting 'parts'"),
        ({"latent_dim": 0}, "latent_dim must be at least 1, found 0"),
        ({"latent_dim": 2.5}, "latent_dim must be a whole number, found 2.5"),
        ({"latent_dim": True}, "latent_dim must be a whole number, found True"),
        ({"latent_dim": "x"}, "latent_dim must be a whole number, found 'x'"),
        ({"latent_dim": math.inf}, "latent_dim must be a whole number, found inf"),
        ({"batch_size": None}, "batch_size must be a whole number, found None"),
        ({"latent_dim": [3]}, "latent_dim must be a whole number, found [3]"),
        ({"encoder_layers": [8, 0]}, "encoder_layers must be at least 1, found 0"),
        ({"encoder_layers": [[8]]}, "encoder_layers must be a whole number, found [8]"),
        ({"include": {"a": 1}}, "include must be a word, found {'a': 1}"),
        ({"learning_rate": 0}, "learning_rate must be above 0, found 0"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number, found nan"),
        ({"learning_rate": math.inf}, "learning_rate must be a finite number, found inf"),
        ({"momentum": 1.5}, "momentum must be at most 1, found 1.5"),
        ({"encoder_bias": "yes"}, "encoder_bias must be true or false, found 'yes'"),
        ({"encoder_bias": 1}, "encoder_bias must be true or false, found 1"),
        ({"optimizer": "adamm"}, "unknown optimizer 'adamm'; did you mean 'adam'?"),
        ({"validation_by": 3}, "unknown validation_by '3'"),
        ({"likelihood": ["gaussian"]}, "likelihood must be a word, found ['gaussian']"),
        ({"likelihood": "gausian"}, "unknown likelihood 'gausian'; did you mean 'gaussian'?"),
        ({"posterior": "normal"}, "unknown posterior 'normal'"),
        ({"sigma": "fixd"}, "unknown sigma 'fixd'; did you mean 'fixed'?"),
        ({"beta": -1}, "beta must be at least 0, found -1"),
        ({"mean_l1": -1}, "mean_l1 must be at least 0, found -1"),
        ({"schedule": "staged"}, "schedule staged needs stages"),
        ({"stages": ["5:1e-3"]}, "stages are for schedule staged"),
        ({"schedule": "staged", "stages": ["5"]}, "a stage is EPOCH:RATE"),
    ],
    ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items()) if isinstance(v, dict) else "",
)
def test_values_that_are_refused(given, message):
    with pytest.raises(SettingsError) as caught:
        Settings.of(**given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("latent_dim", "3", 3),
        ("latent_dim", 3.0, 3),
        ("learning_rate", "1e-4", 1e-4),
        ("encoder_layers", 8, (8,)),
        ("encoder_layers", ["8", 4], (8, 4)),
        ("encoder_layers", [], ()),
        ("include", "a/*", ("a/*",)),
        ("validation", 0.2, "0.2"),
        ("validation", Path("x/y"), "x/y"),
        ("sigma", "per_feature", "per-feature"),
        ("key", None, None),
        ("beta", 4, 4.0),
    ],
)
def test_values_take_the_declared_type(name, given, kept):
    found = Settings.of(**{name: given}).get(name)
    assert found == kept
    assert type(found) is type(kept)


def test_later_settings_replace_earlier_ones_even_by_the_default():
    settings = Settings.of(latent_dim=5, beta=4.0)
    assert settings.given() == {"latent_dim": 5, "beta": 4.0}
    again = settings.with_(latent_dim=10, beta=1.0)
    assert (again.latent_dim, again.get("beta")) == (10, 1.0)


@pytest.mark.parametrize("name", recipes.names())
def test_recipes_load_and_say_what_they_are(name):
    recipe = recipes.load(name)
    assert recipe.summary
    assert recipe.reference
    assert set(recipe.settings.given()) <= set(options())
    used = set(recipe.settings.used_part_options()) | set(core_options())
    if recipe.settings.likelihood != "auto":
        assert set(recipe.settings.given()) <= used, "a setting of a part that the recipe does not choose"


@pytest.mark.parametrize(
    ("name", "base", "own"),
    [
        ("imputation-long", "imputation", {"activation", "learning_rate", "table_steps"}),
        (
            "faces-2016-annealed",
            "faces-2016",
            {"schedule", "final_rate", "plateau_patience", "plateau_factor", "epochs"},
        ),
        ("tomczak-welling-2018-frey", "tomczak-welling-2018-mnist", {"likelihood", "log_scale_min"}),
    ],
)
def test_a_recipe_starts_from_its_base(name, base, own):
    found, start = recipes.load(name), recipes.load(base)
    assert found.base == base
    assert {o for o in options() if found.settings.get(o) != start.settings.get(o)} <= own
    written = tomllib.loads((recipes.FOLDER / f"{name}.toml").read_text())
    assert set(written) - {"recipe"} == own


def test_recipes_of_ones_own_have_bases_beside_them(tmp_path):
    (tmp_path / "more").mkdir()
    first, second = tmp_path / "first.toml", tmp_path / "more" / "second.toml"
    first.write_text('learning_rate = 1e-4\nmirror = true\n[recipe]\nbase = "imputation-long"\n')
    second.write_text('mirror = "auto"\nbatch_size = 100\n[recipe]\nbase = "../first.toml"\n')
    long, found = recipes.load("imputation-long"), recipes.load(str(second))
    # The default is a value like others: it replaces what a base says.
    assert found.settings == long.settings.with_(learning_rate=1e-4, mirror=None, batch_size=100)
    assert {"mirror", "batch_size"}.isdisjoint(found.differs)
    assert found.reference == long.reference


@pytest.mark.parametrize("part", ALL_PARTS, ids=lambda p: f"{p.kind} {p.name}")
def test_catalogue_agrees_with_the_class_it_did_not_import(part):
    found = part.load()
    declared = {f.name: f for f in dataclasses.fields(found) if "help" in f.metadata}
    assert set(declared) == {o.name for o in part.options}
    for one in part.options:
        assert declared[one.name].default == one.default
        assert declared[one.name].metadata["help"] == one.help
        assert declared[one.name].metadata["at_least"] == one.at_least
        assert declared[one.name].metadata["above"] == one.above
        assert declared[one.name].metadata["at_most"] == one.at_most
    assert part.summary
    assert found.__name__ == part.class_name


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A copy of the package's files for the catalogue to read."""
    shutil.copytree(
        Path(catalogue.__file__).parent, tmp_path / "vaefit", ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "vaefit" / "catalogue.py"))
    caches = [catalogue.parts, options]
    for cached in caches:
        cached.cache_clear()
    yield tmp_path / "vaefit"
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


def test_new_likelihood_is_one_file(elsewhere):
    (elsewhere / "likelihoods" / "student_t.py").write_text(
        "from vaefit.likelihoods._base import Likelihood\nfrom vaefit.options import option\n\n\n"
        'class StudentT(Likelihood):\n    """Student\'s t, for tables with outliers."""\n\n'
        '    freedom: float = option(4.0, "degrees of freedom", above=0.0)\n'
    )
    settings = Settings.of(likelihood="student-t", freedom=2)
    assert settings.part("likelihood", "student-t")["freedom"] == 2.0
    with pytest.raises(SettingsError, match="freedom must be above 0"):
        Settings.of(freedom=0)
    from vaefit.cli.flags import words

    assert "student-t" in words(options()["likelihood"])
