"""Image files of every kind, in folders and archives."""

import io
import os
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaefit.data import read
from vaefit.data.decode import ALPHA, DEPTH, decode, prepare_pillow
from vaefit.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 4), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 4, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (5, 4), dtype=np.uint16)


def encoded(image: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def pgm(value: int, height: int = 2, width: int = 3) -> bytes:
    return f"P5\n{width} {height}\n255\n".encode() + bytes([value] * (height * width))


FACES = {
    f"train/{who}/img{i}.pgm": pgm(10 * k + i)
    for k, who in enumerate(("face", "non-face"))
    for i in (10, 2, 1)
}
OTHERS = {"README": b"hello", "train/notes.txt": b"x", ".hidden.png": b"x", "__MACOSX/train/._img1.pgm": b"x"}


@pytest.mark.parametrize(
    ("suffix", "kind", "pixels"),
    [
        ("png", "PNG", GREY),
        ("png", "PNG", RGB),
        ("png", "PNG", DEEP),
        ("tif", "TIFF", GREY),
        ("tiff", "TIFF", RGB),
        ("tif", "TIFF", DEEP),
        ("bmp", "BMP", GREY),
        ("BMP", "BMP", RGB),
        ("gif", "GIF", GREY),
        ("pgm", "PPM", GREY),
        ("pgm", "PPM", DEEP),
        ("ppm", "PPM", RGB),
        ("webp", "WEBP", RGB),
    ],
)
def test_lossless_formats_give_exactly_their_pixels(tmp_path, suffix, kind, pixels):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    fill(tmp_path, {f"a.{suffix}": encoded(pixels, kind, **options)})
    data = read(tmp_path)
    assert data.shape == pixels.shape
    assert data.levels == (65536 if pixels is DEEP else 256)
    np.testing.assert_array_equal(data.values[0].reshape(pixels.shape), pixels)
    assert (data.names, data.labels, data.notices) == ((f"a.{suffix}",), None, ())


def test_jpeg_is_close(tmp_path):
    smooth = np.add.outer(np.arange(16) * 8, np.arange(16) * 7).astype(np.uint8)
    fill(tmp_path, {"a.jpg": encoded(smooth, "JPEG", quality=95)})
    np.testing.assert_allclose(read(tmp_path / "a.jpg").values[0], smooth.ravel(), atol=6)


def test_ascii_and_two_byte_pgm():
    assert decode(b"P2\n# comment\n3 1\n255\n1 2 3\n", "a").pixels.tolist() == [[1, 2, 3]]
    deep = decode(b"P5\n2 1\n65535\n\x01\x00\x00\x02", "a").pixels
    assert (deep.tolist(), deep.dtype) == ([[256, 2]], np.uint16)


@pytest.mark.parametrize(
    "head", [b"P5\n4 5\n255\n", b"P5 4 5 255 ", b"P5\n# c\n4 5\n255\n", b"P5\n4  5\n255\n"]
)
def test_the_quick_way_through_pgm_agrees_with_pillow(head):
    data = head + GREY.tobytes() + b"trailing"
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(decode(data, "a").pixels, np.asarray(image))


def test_alpha_is_dropped_and_counted(tmp_path):
    rgba = np.dstack([RGB, GREY])
    fill(tmp_path, {"a.png": encoded(rgba, "PNG"), "b.png": encoded(RGB, "PNG")})
    data = read(tmp_path)
    np.testing.assert_array_equal(data.values[0], data.values[1])
    assert data.notices == ("alpha channel dropped from 1 image",)


def test_palette_cmyk_and_one_bit(tmp_path):
    palette = Image.fromarray(RGB).quantize(4)
    cmyk = Image.fromarray(RGB).convert("CMYK")
    fill(tmp_path, {"a.png": encoded(palette, "PNG"), "b.tif": encoded(cmyk, "TIFF")})
    data = read(tmp_path)
    np.testing.assert_array_equal(data.values[0].reshape(RGB.shape), np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(data.values[1].reshape(RGB.shape), np.asarray(cmyk.convert("RGB")))
    bits = decode(encoded(Image.fromarray(GREY > 127), "PNG"), "bits")
    np.testing.assert_array_equal(bits.pixels, np.where(GREY > 127, 255, 0))


def test_sixteen_bit_colour_says_that_it_was_reduced(tmp_path):
    ppm = b"P6\n1 1\n65535\n" + bytes([255, 255, 128, 0, 0, 0])
    data = read(fill(tmp_path, {"a.ppm": ppm}))
    assert data.values.tolist() == [[255, 128, 0]]
    assert data.notices == ("16-bit colour reduced to 8 bits in 1 image",)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    half = np.zeros((16, 8), np.uint8)
    half[:8] = 255
    image = Image.fromarray(half).convert("RGB")
    pixels = decode(encoded(image, kind, exif=exif), "a").pixels[..., 0]
    assert pixels.shape == (8, 16)
    assert pixels[:, 12].min() > 200
    assert pixels[:, 4].max() < 50


def png_of_16_bit_colour(channels: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(f">{channels}H", *range(256, 256 * (channels + 1), 256)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_16_bit_png_colour():
    assert decode(png_of_16_bit_colour(3), "a").changes == (DEPTH,)
    picture = decode(png_of_16_bit_colour(4), "a")
    assert (picture.pixels.tolist(), picture.changes) == ([[[1, 2, 3]]], (ALPHA, DEPTH))


def test_a_photograph_with_a_second_one_behind_it():
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    picture = decode(encoded(frames[0], "MPO", save_all=True, append_images=frames[1:]), "a.jpg")
    assert (picture.pixels.shape, picture.changes) == ((5, 4, 3), ())


def test_pipes_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a.pgm")
    for path in (tmp_path, tmp_path / "a.pgm"):
        with pytest.raises(DataError, match="pipe"):
            read(path)


def test_only_the_first_frame_of_an_animation(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    data = read(fill(tmp_path, {"a.gif": data}))
    assert data.n == 1
    assert data.notices == ("only the first frame taken of 1 image",)


def test_grayscale_turns_colour_grey_and_leaves_grey_alone(tmp_path):
    fill(tmp_path, {"a.png": encoded(GREY, "PNG"), "b.png": encoded(RGB, "PNG")})
    data = read(tmp_path, grayscale=True)
    np.testing.assert_array_equal(data.values[0], GREY.ravel())
    np.testing.assert_array_equal(data.values[1], np.asarray(Image.fromarray(RGB).convert("L")).ravel())


@pytest.mark.parametrize("top", [200, 40000])
def test_resizing_is_antialiased_in_8_and_16_bits(tmp_path, top):
    stripes = np.tile(np.array([0, top], np.uint8 if top < 256 else np.uint16), (32, 16))
    fill(tmp_path, {"a.png": encoded(stripes, "PNG")})
    data = read(tmp_path, size=(8, 8))
    assert data.shape == (8, 8)
    assert data.levels == (256 if top < 256 else 65536)
    np.testing.assert_allclose(data.values[0].reshape(8, 8)[:, 2:-2], top / 2, rtol=0.03)


def test_resizing_makes_different_sizes_one(tmp_path):
    fill(tmp_path, {"a.pgm": pgm(7, 4, 6), "b.pgm": pgm(9, 3, 3)})
    data = read(tmp_path, size=(5, 2))
    assert data.shape == (5, 2)
    assert data.values[:, 0].tolist() == [7, 9]


def archives(folder: Path, files: dict[str, bytes]) -> list[Path]:
    paths = []
    for suffix, mode in {
        "tar": "w",
        "tar.gz": "w:gz",
        "tgz": "w:gz",
        "tar.bz2": "w:bz2",
        "tar.xz": "w:xz",
    }.items():
        paths.append(folder / f"faces.{suffix}")
        with tarfile.open(paths[-1], mode) as tar:  # pyright: ignore[reportCallIssue, reportArgumentType]
            for name, data in files.items():
                member = tarfile.TarInfo("./" + name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    paths.append(folder / "faces.zip")
    with zipfile.ZipFile(paths[-1], "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return paths


def test_folders_and_archives_of_the_same_files_are_the_same(tmp_path):
    folder = fill(tmp_path / "folder", FACES | OTHERS)
    wanted = read(folder)
    assert wanted.names == tuple(f"train/{w}/img{i}.pgm" for w in ("face", "non-face") for i in (1, 2, 10))
    assert wanted.labels == ("train/face",) * 3 + ("train/non-face",) * 3
    assert wanted.values[:, 0].tolist() == [1, 2, 10, 11, 12, 20]
    assert wanted.notices == ("skipped 2 files that are not images",)
    for path in archives(tmp_path, FACES | OTHERS):
        found = read(str(path))
        np.testing.assert_array_equal(found.values, wanted.values)
        assert (found.names, found.labels, found.notices) == (wanted.names, wanted.labels, wanted.notices), (
            path
        )


@pytest.mark.parametrize("pattern", ["train/face/*", "./train/face/*", "*n/face/img?*.pgm"])
def test_include_chooses_a_folder(tmp_path, pattern):
    for path in [fill(tmp_path / "folder", FACES | OTHERS), *archives(tmp_path, FACES | OTHERS)]:
        data = read(path, include=[pattern])
        assert data.names == tuple(f"train/face/img{i}.pgm" for i in (1, 2, 10))
        assert (data.labels, data.notices) == (None, ())


def test_limit_takes_the_first_in_natural_order_and_decodes_no_more(tmp_path):
    files = FACES | {"train/non-face/img10.pgm": b"damaged"}
    for path in [fill(tmp_path / "folder", files), *archives(tmp_path, files)]:
        data = read(path, limit=4)
        assert data.names[-1:] == ("train/non-face/img1.pgm",) if data.names else False
        assert data.n == 4


def test_limit_sheds_the_rest_of_a_long_archive(tmp_path):
    files = {f"{i}.pgm": pgm(i % 251) for i in reversed(range(1100))}
    data = read(archives(tmp_path, files)[0], limit=3)
    assert data.names == ("0.pgm", "1.pgm", "2.pgm")
    assert data.values[:, 0].tolist() == [0, 1, 2]


def test_skip_bad_goes_on_and_counts(tmp_path):
    fill(tmp_path, {"a.png": encoded(GREY, "PNG")[:60], "b.pgm": pgm(1), "c.pgm": b"", "d.pgm": pgm(2)})
    data = read(tmp_path, skip_bad=True)
    assert data.names == ("b.pgm", "d.pgm")
    assert data.values[:, 0].tolist() == [1, 2]
    assert "skipped 2 damaged images" in data.notices[-1]
    assert read(tmp_path, skip_bad=True, limit=1).names == ("b.pgm",)


def test_large_images_are_decoded_in_threads_in_the_same_order(tmp_path):
    images = RNG.integers(0, 256, (5, 120, 110, 3), dtype=np.uint8)
    fill(tmp_path, {f"{i}.png": encoded(image, "PNG") for i, image in enumerate(images)})
    np.testing.assert_array_equal(read(tmp_path).values, images.reshape(5, -1))


def test_links_that_loop_end(tmp_path):
    fill(tmp_path, {"a/1.pgm": pgm(1)})
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    assert read(tmp_path).names == ("a/1.pgm",)


def test_progress_is_told_and_ends_complete(tmp_path):
    calls = []
    fill(tmp_path, FACES)
    read(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (6, 6)


def test_float_tiff_is_plain_numbers(tmp_path):
    values = np.linspace(-1, 2, 20, dtype=np.float32).reshape(5, 4)
    data = read(fill(tmp_path, {"a.tif": encoded(values, "TIFF")}))
    assert data.levels is None
    np.testing.assert_array_equal(data.values[0], values.ravel())


def test_reading_leaves_no_warning_filter_behind(tmp_path, recwarn):
    import warnings

    before = list(warnings.filters)
    read(fill(tmp_path, FACES))
    prepare_pillow()
    assert warnings.filters == before
    assert not recwarn
