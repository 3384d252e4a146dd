"""What the pictures show: pixels where they are pixels, and every plot for every kind of history."""

import numpy as np
import pytest
from PIL import Image

from vaefit import figures
from vaefit.data import Dataset, choose_transform, transform_from_dict
from vaefit.errors import DataError, RunError
from vaefit.run import Reconstruction


def pixels(*shape):
    """The transform of 8-bit images."""
    return transform_from_dict({"kind": "pixels", "shape": list(shape), "levels": 256, "dequantise": True})


def reconstruction(inputs, samples):
    """Inputs with outputs that differ from them by a known step."""
    outputs = np.stack([inputs * 0.5 + 10 * k for k in range(samples)], axis=1).astype(np.float32)
    return Reconstruction(inputs.astype(np.float32), outputs.mean(1), outputs.std(1), outputs)


def tiles_of(path, lines, columns, height, width, head):
    """The tiles of a mosaic in a picture, at the data's own resolution."""
    with Image.open(path) as opened:
        picture = np.asarray(opened.convert("RGB"))[head:]
    down, across = lines * (height + figures.GAP) - figures.GAP, columns * (width + figures.GAP) - figures.GAP
    scale = picture.shape[0] // down
    assert picture.shape[:2] == (down * scale, across * scale), "the mosaic is not drawn in whole pixels"
    small = picture[scale // 2 :: scale, scale // 2 :: scale]
    assert (np.repeat(np.repeat(small, scale, 0), scale, 1) == picture).all(), "the mosaic is blurred"
    step_down, step_across = height + figures.GAP, width + figures.GAP
    rows = [small[i * step_down :][:height] for i in range(lines)]
    return [[row[:, j * step_across :][:, :width] for j in range(columns)] for row in rows]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("shape", [(8, 6), (5, 7, 3)])
def test_grid_shows_input_mean_and_samples_to_the_pixel(rows, shape, tmp_path):
    inputs = np.random.default_rng(0).integers(0, 256, (rows, *shape))
    found = reconstruction(inputs, 4)
    figures.reconstructions(found, pixels(*shape), tmp_path / "x.png")
    shown = tiles_of(tmp_path / "x.png", rows, 6, *shape[:2], figures.HEAD)
    for i in range(rows):
        wanted = [found.input[i], found.mean[i], *found.samples[i]]
        for tile, values in zip(shown[i], wanted, strict=True):
            rgb = values if len(shape) == 3 else np.repeat(values[..., None], 3, -1)
            np.testing.assert_allclose(tile, np.clip(rgb, 0, 255), atol=1)


def test_grid_has_titles_and_at_most_ten_samples(tmp_path):
    found = reconstruction(np.full((2, 4, 4), 100), 30)
    figures.reconstructions(found, pixels(4, 4), tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        head = np.asarray(picture.convert("L"))[: figures.HEAD]
    assert (head < 100).any(), "no titles"
    assert (head[0] == 255).all(), "titles are cut off"
    tiles_of(tmp_path / "x.png", 2, 12, 4, 4, figures.HEAD)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1)])
def test_two_valued_rows_are_black_and_white(low, high, tmp_path):
    transform = transform_from_dict({"kind": "two-valued", "shape": [4, 4], "low": low, "high": high})
    rows = np.where(np.eye(4), float(high), float(low))[None].astype(np.float32)
    figures.samples(rows, transform, tmp_path / "x.png")
    np.testing.assert_array_equal(tiles_of(tmp_path / "x.png", 1, 1, 4, 4, 0)[0][0][..., 0], 255 * np.eye(4))


def test_sheet_leaves_missing_tiles_white(tmp_path):
    figures.samples(np.zeros((5, 4, 4), np.float32), pixels(4, 4), tmp_path / "x.png")
    shown = tiles_of(tmp_path / "x.png", 2, 3, 4, 4, 0)
    assert [[int(tile.max()) for tile in line] for line in shown] == [[0, 0, 0], [0, 0, 255]]


def test_more_rows_than_a_picture_can_hold_are_refused(tmp_path):
    found = reconstruction(np.zeros((4000, 8, 8)), 1)
    with pytest.raises(DataError, match="too many for one picture"):
        figures.reconstructions(found, pixels(8, 8), tmp_path / "x.png")


@pytest.mark.parametrize("columns", [1, 5, 60])
def test_tables_are_drawn(columns, tmp_path):
    rows = np.random.default_rng(0).normal(size=(20, columns)).astype(np.float32)
    transform = choose_transform(Dataset.from_array(rows))
    figures.reconstructions(reconstruction(rows[:3], 4), transform, tmp_path / "profiles.png")
    figures.samples(rows, transform, tmp_path / "distributions.png")
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
    figures.curves(records, tmp_path / "x.png")
    assert _ink(tmp_path / "x.png") > 0.005


@pytest.mark.parametrize("records", [[], list(history(0, validated=True))], ids=["nothing", "only the start"])
def test_curves_without_an_epoch_are_drawn(records, tmp_path):
    figures.curves(records, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_curves_of_numbers_that_are_not_finite_are_drawn(tmp_path):
    records = list(history(30, validated=True))
    records[7]["validation"] = {"elbo": float("nan"), "rate": float("inf"), "distortion": float("nan")}
    figures.curves(records, tmp_path / "x.png")
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
    figures._limit_to_settled(axes, points)
    assert axes.found is not None
    assert -12 < axes.found[0] < -9 < 0 <= axes.found[1] < 2


def test_limits_are_left_alone_when_nothing_dwarfs():
    axes = Limits()
    figures._limit_to_settled(axes, [(epoch, float(epoch)) for epoch in range(100)])
    assert axes.found is None


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG")]
)
def test_supported_kinds_of_pictures(suffix, start, tmp_path):
    figures.samples(np.zeros((2, 4, 4), np.float32), pixels(4, 4), tmp_path / "new" / f"x.{suffix}")
    assert (tmp_path / "new" / f"x.{suffix}").read_bytes().startswith(start)


def test_other_kinds_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"expected a name ending in .png, .pdf or .svg, found .xyz"):
        figures.samples(np.zeros((2, 4, 4), np.float32), pixels(4, 4), tmp_path / "x.xyz")
    assert not list(tmp_path.iterdir())


def test_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        figures.samples(np.zeros((2, 4, 4), np.float32), pixels(4, 4), tmp_path / "file" / "x.png")
