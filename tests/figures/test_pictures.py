"""What the pictures show: pixels where they are pixels, and every plot for every kind of history."""

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.stats import percentileofscore

from pictures import tiles_of
from vaefit.data import Dataset, choose_transform, transform_from_dict
from vaefit.errors import DataError, RunError
from vaefit.figures import cells, curves, latent_map, marginals, reconstructions, samples
from vaefit.figures.style import save
from vaefit.run import Reconstruction


def pixels(*shape):
    """The transform of 8-bit images."""
    return transform_from_dict({"kind": "pixels", "shape": list(shape), "levels": 256, "dequantise": True})


def reconstruction(inputs, samples):
    """Inputs with outputs that differ from them by a known step."""
    outputs = np.stack([inputs * 0.5 + 10 * k for k in range(samples)], axis=1).astype(np.float32)
    return Reconstruction(inputs.astype(np.float32), outputs.mean(1), outputs.std(1), outputs)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("shape", [(8, 6), (5, 7, 3)])
def test_grid_shows_input_mean_and_samples_to_the_pixel(rows, shape, tmp_path):
    inputs = np.random.default_rng(0).integers(0, 250, (rows, *shape))
    found = reconstruction(inputs, 4)
    save(reconstructions.draw(found, pixels(*shape)), tmp_path / "x.png")
    shown = tiles_of(tmp_path / "x.png", rows, 6, *shape[:2])
    for i in range(rows):
        wanted = [found.input[i], found.mean[i], *found.samples[i]]
        for tile, values in zip(shown[i], wanted, strict=True):
            rgb = values if len(shape) == 3 else np.repeat(values[..., None], 3, -1)
            np.testing.assert_allclose(tile, np.clip(rgb, 0, 255), atol=1)


def test_grid_has_titles_and_at_most_ten_samples(tmp_path):
    found = reconstruction(np.full((2, 4, 4), 100), 30)
    drawn = reconstructions.draw(found, pixels(4, 4))
    save(drawn, tmp_path / "x.png")
    assert [text.get_text() for text in drawn.axes[0].texts] == ["input", "mean", "samples"]
    with Image.open(tmp_path / "x.png") as picture:
        ink = np.asarray(picture.convert("L")) < 255
    assert not ink[0].any() and ink[:, 0].any(), "titles are cut off, or there is a margin at the left"
    tiles_of(tmp_path / "x.png", 2, 12, 4, 4)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1)])
def test_two_valued_rows_are_black_and_white(low, high, tmp_path):
    transform = transform_from_dict({"kind": "two-valued", "shape": [4, 4], "low": low, "high": high})
    rows = np.where(np.eye(4), float(high), float(low))[None].astype(np.float32)
    save(samples.draw(rows, transform), tmp_path / "x.png")
    np.testing.assert_array_equal(tiles_of(tmp_path / "x.png", 1, 1, 4, 4)[0][0][..., 0], 255 * np.eye(4))


def test_sheet_leaves_missing_tiles_white(tmp_path):
    save(samples.draw(np.zeros((5, 4, 4), np.float32), pixels(4, 4)), tmp_path / "x.png")
    shown = tiles_of(tmp_path / "x.png", 2, 3, 4, 4)
    assert [[int(tile.max()) for tile in line] for line in shown] == [[0, 0, 0], [0, 0, 255]]


def test_more_rows_than_a_picture_can_hold_are_refused():
    found = reconstruction(np.zeros((4000, 8, 8)), 1)
    with pytest.raises(DataError, match="too many for one picture"):
        reconstructions.draw(found, pixels(8, 8))


@pytest.mark.parametrize("columns", [1, 5, 60])
def test_tables_are_drawn(columns, tmp_path):
    rows = np.random.default_rng(0).normal(size=(20, columns)).astype(np.float32)
    transform = choose_transform(Dataset.from_array(rows))
    save(reconstructions.draw(reconstruction(rows[:3], 4), transform), tmp_path / "profiles.png")
    save(samples.draw(rows, transform), tmp_path / "distributions.png")
    for name in ("profiles", "distributions"):
        assert _ink(tmp_path / f"{name}.png") > 0.005


def _ink(path):
    with Image.open(path) as picture:
        return np.mean(np.asarray(picture.convert("L")) < 200)


def history(epochs, *, validated, start=0):
    """Records as training writes them."""
    for epoch in range(start, epochs + 1):
        elbo = -100 / (epoch + 1)
        bound = {"elbo": elbo, "rate": 1.0, "distortion": -elbo - 1.0}
        record = {"epoch": epoch, "best": True}
        record |= {**bound, "loss": -elbo, "learning_rate": 1e-3} if epoch else {}
        yield record | ({"validation": bound} if validated else {})


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize("epochs", [1, 2, 60])
def test_curves_are_drawn(epochs, validated, tmp_path):
    records = list(history(epochs, validated=validated, start=0 if validated else 1))
    save(curves.draw(records), tmp_path / "x.png")
    assert _ink(tmp_path / "x.png") > 0.005


@pytest.mark.parametrize("records", [[], list(history(0, validated=True))], ids=["nothing", "only the start"])
def test_curves_without_an_epoch_are_drawn(records, tmp_path):
    save(curves.draw(records), tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_curves_of_numbers_that_are_not_finite_are_drawn(tmp_path):
    records = list(history(30, validated=True))
    records[7]["validation"] = {"elbo": float("nan"), "rate": float("inf"), "distortion": float("nan")}
    save(curves.draw(records), tmp_path / "x.png")
    assert _ink(tmp_path / "x.png") > 0.005


class Limits:
    """Remembers the limits it is given."""

    found: tuple[float, float] | None = None

    def set_ylim(self, low, high):
        """As matplotlib's axes have it."""
        self.found = (low, high)


def test_first_epochs_that_dwarf_the_rest_are_left_out():
    axes = Limits()
    points = [(0, -1e6), *((epoch, -10 + epoch / 10) for epoch in range(1, 101))]
    curves._limit_to_settled(axes, points)
    assert axes.found is not None
    assert -12 < axes.found[0] < -9 < 0 <= axes.found[1] < 2


def test_limits_are_left_alone_when_nothing_dwarfs():
    axes = Limits()
    curves._limit_to_settled(axes, [(epoch, float(epoch)) for epoch in range(100)])
    assert axes.found is None


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG")]
)
def test_supported_kinds_of_pictures(suffix, start, tmp_path):
    save(samples.draw(np.zeros((2, 4, 4), np.float32), pixels(4, 4)), tmp_path / "new" / f"x.{suffix}")
    assert (tmp_path / "new" / f"x.{suffix}").read_bytes().startswith(start)


def test_other_kinds_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"expected a name ending in .png, .pdf or .svg, found .xyz"):
        save(samples.draw(np.zeros((2, 4, 4), np.float32), pixels(4, 4)), tmp_path / "x.xyz")
    assert not list(tmp_path.iterdir())


def test_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        save(samples.draw(np.zeros((2, 4, 4), np.float32), pixels(4, 4)), tmp_path / "file" / "x.png")


def test_percentiles_are_those_of_scipy():
    column, values = np.array([3.0, 1.0, 1.0, np.nan, 2.0, 8.0]), np.array([0.0, 1.0, 2.5, 8.0, 9.0])
    truth = percentileofscore(column, values, kind="mean", nan_policy="omit")
    np.testing.assert_allclose(cells.percentiles(values, column), truth)


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_map_of_many_latents_is_that_of_principal_components(width):
    mean = np.random.default_rng(0).normal(size=(50, 5)) * [3.0, 0.1, 2.0, 0.1, 0.1]
    drawn = latent_map.draw(mean, np.ones_like(mean), [*"ab"] * 25, "label", width)
    axes = drawn.axes[0]
    u, s, _ = np.linalg.svd(mean - mean.mean(0), full_matrices=False)
    for number, points in enumerate(axes.collections):
        np.testing.assert_allclose(np.abs(points.get_offsets()), np.abs((u * s)[number::2, :2]), atol=1e-9)
    assert f"({100 * s[0] ** 2 / (s**2).sum():.0f}% of variance)" in axes.get_xlabel()
    assert _legend(axes) == ["a", "b"]


def _legend(axes):
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_rare_labels_share_a_colour_and_numbers_have_a_colour_bar():
    mean, sd = np.random.default_rng(0).normal(size=(2, 40, 2))
    drawn = latent_map.draw(mean, sd, [f"class {min(i, 14)}" for i in range(40)], "label")
    legend = _legend(drawn.axes[0])
    assert len(legend) == 10 and legend[-1] == "others" and "class 14" in legend
    drawn = latent_map.draw(mean, sd, [str(i) for i in range(40)], "age")
    assert drawn.axes[1].get_ylabel() == "age"


def test_columns_stand_beside_the_rows_own():
    rows = Dataset.from_table(pl.DataFrame({"kind": [*"abbb"] * 5, "x": [0.5, 2.6, 4.9, 7.75] * 5}))
    drawn = np.stack([np.arange(20) % 2, np.full(20, 1.25)], axis=1).astype(float)
    figure = marginals.draw(drawn, rows, choose_transform(rows), 3.25)
    numbers, kinds = (axes for axes in figure.axes if axes.axison)
    assert (numbers.get_xlabel(), kinds.get_xlabel()) == ("x", "kind")
    assert [tick.get_text() for tick in kinds.get_xticklabels()] == ["a", "b"]
    assert [bar.get_height() for bar in kinds.patches] == [0.25, 0.75, 0.5, 0.5]
    own, new = (steps.get_data().values for steps in numbers.patches)
    assert own.sum() == pytest.approx(1) and sorted(own)[-4:] == [0.25] * 4 and new.max() == 1
