"""Escaping, associations, neighbours, pictures and the command that fits again."""

import json
import re
import shlex

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from vaefit.data import Column
from vaefit.report import images
from vaefit.report.associations import associations
from vaefit.report.command import again
from vaefit.report.markup import as_json, element, number, table, text
from vaefit.report.nearest import Copies, nearest
from vaefit.report.plots import plot, words


@given(st.text())
def test_text_has_no_markup(words_of_data):
    assert not set('<>"') & set(text(words_of_data))
    assert "&" not in re.sub("&(amp|lt|gt|quot|#x27);", "", text(words_of_data))


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.floats()))
def test_json_in_scripts_comes_back_and_ends_no_script(value):
    written = as_json(value)
    assert not set("<>&") & set(written)
    expected = {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in value.items()}
    assert json.loads(written) == expected


def test_attributes_of_plots_are_escaped():
    made = plot([], {}, label='" onload="alert(1)', caption="</script>")
    assert 'onload="' not in made
    assert made.count("</script>") == 1  # of the spec itself
    assert words("<b>&'") == "&lt;b&gt;&amp;'"


def test_numbers_of_tables_are_set_as_numbers():
    made = table(["", "n", "made"], [["a", number(-1234.5), "32 components"]])
    assert f'<td class="number">{number(-1234.5)}</td>' in made and "<td>32 components</td>" in made
    assert element("p", "", data_x=None) == "<p></p>"


def test_associations_are_scipys():
    rng = np.random.default_rng(0)
    a, k = rng.normal(size=200), rng.integers(0, 3, 200).astype(float)
    b, m = a + rng.normal(size=200), (k + rng.integers(0, 2, 200)) % 3
    a[:20] = np.nan
    columns = [Column(name, "real") for name in "ab"]
    columns += [Column(name, "categorical", tuple("xyz")) for name in "km"]
    found = associations(np.stack([a, b, k, m], axis=1), columns)
    there = ~np.isnan(a)
    assert found[0, 1] == pytest.approx(abs(scipy.stats.spearmanr(a[there], b[there]).statistic))
    counts = scipy.stats.contingency.crosstab(k, m).count
    assert found[2, 3] == pytest.approx(scipy.stats.contingency.association(counts))
    f = scipy.stats.f_oneway(*(b[k == level] for level in range(3))).statistic
    assert found[1, 2] == pytest.approx(np.sqrt(f * 2 / (f * 2 + 197)))  # eta^2 from the F of an ANOVA
    np.testing.assert_array_equal(found, found.T)


def test_a_memorising_model_is_told():
    close, far = np.full(9, 0.1), np.full(9, 1.0)
    assert Copies(np.zeros(9, int), close, far).ratio == pytest.approx(0.1)
    assert Copies(np.zeros(9, int), close, None).ratio is None
    x = np.random.default_rng(0).normal(size=(30, 4))
    found = nearest(x, x, 2)
    assert found.rows[:, 0].tolist() == list(range(30))
    np.testing.assert_allclose(found.distance[:, 1], np.sort(np.linalg.norm(x[:, None] - x, axis=-1))[:, 1])


def test_pictures_hold_their_pixels_and_are_made_small():
    tiles = np.random.default_rng(0).integers(0, 255, (2, 3, 5, 4), dtype=np.uint8)
    sheet = images.sheet(tiles)
    assert sheet.shape == (11, 14, 2)
    np.testing.assert_array_equal(sheet[6:11, 5:9, 0], tiles[1, 1])
    assert (sheet[..., 1] == 0).sum() == 14 + 2 * 10
    assert images.shrunk(tiles, 2) is tiles
    large = np.full((3, 10, 200, 100, 3), 7, np.uint8)
    small = images.shrunk(large, 3)
    assert small.shape[2] <= images.LARGEST and small.size <= 3 * images.BUDGET and (small == 7).all()


def test_the_command_gives_the_settings_again(monkeypatch, image_run):
    from vaefit import fitting
    from vaefit.cli.main import run as command_line
    from vaefit.settings import Settings

    calls = []

    def fit(rows, **keywords):
        calls.append((rows, keywords))
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "fit", fit)
    name, *arguments = shlex.split(again(image_run))
    assert name == "vaefit"
    command_line([*arguments, "--quiet"])
    rows, keywords = calls[0]
    own = {"out", "force", "display", "recipe", "init_from", "report"}
    settings = Settings.of(**{k: v for k, v in keywords.items() if k not in own})
    assert rows == image_run.source["path"]
    filled = {"schedule_epochs": image_run.settings.schedule_epochs}
    assert settings.with_(**filled).all() == image_run.settings.all()
