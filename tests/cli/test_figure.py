"""`vaefit figure`: at its final size, with its text as text, and of what it says it shows."""

import re
import shutil
import zlib

import numpy as np
import pytest

from pictures import tiles_of
from vaefit.figures import FIGURES

# What stands on each figure of the shared run: 60 digits of three folders, two latents.
WORDS = {
    "reconstructions": ("input", "mean", "samples"),
    "samples": (),
    "traversals": ("z0", "z1", " nats", "latent, in sds of the prior"),
    "latent-map": ("posterior mean of z0", "posterior mean of z1", "digit-0", "digit-1", "label"),
    "curves": ("ELBO (nats)", "rate (nats)", "distortion (nats)", "learning rate", "epoch", "validation"),
}


def pdf(path):
    """Width and height in inches, the text, and the raw file."""
    raw = path.read_bytes()
    box = [float(v) for v in re.search(rb"/MediaBox \[ ([\d. ]+) \]", raw)[1].split()]
    streams = [
        zlib.decompress(s) for s in re.findall(rb"/FlateDecode.*?stream\r?\n(.*?)endstream", raw, re.S)
    ]
    shown = b"".join(re.findall(rb"\[(.*?)\]\s*TJ", b"".join(streams), re.S))
    pieces = re.findall(rb"\(((?:\\.|[^\\)])*)\)", shown)
    # Two bytes a character; those of the text here are all of Latin-1.
    text = re.sub(rb"\\(.)", rb"\1", b"".join(pieces)).decode("latin-1").replace("\0", "")
    return (box[2] / 72, box[3] / 72), text, raw


def drawn(vaefit, *arguments):
    said = vaefit("figure", *arguments, "-q", "--json")
    assert (said.code, said.err) == (0, ""), said
    return said.json


@pytest.mark.parametrize("name", FIGURES)
def test_pdf_is_a_column_wide_with_its_text_in_truetype(vaefit, fitted, tmp_path, name):
    out = tmp_path / "x.pdf"
    found = drawn(vaefit, fitted, name, "--out", out)
    size, text, raw = pdf(out)
    assert found["inches"] == pytest.approx(size, abs=0.01) and size[0] == pytest.approx(3.25, abs=0.01)
    assert all(word in text for word in WORDS[name]), text
    fonts = raw.count(b"/FontFile2")
    assert b"/Type3" not in raw and (fonts > 0) == bool(WORDS[name])


@pytest.mark.parametrize("name", ["reconstructions", "curves"])
def test_svg_over_two_columns_has_its_text_as_text_and_the_same_bytes_again(vaefit, fitted, tmp_path, name):
    for out in ("x.svg", "again.svg"):
        drawn(vaefit, fitted, name, "--width", "two", "--out", tmp_path / out)
    text = (tmp_path / "x.svg").read_text()
    assert float(re.search(r'<svg [^>]*width="([\d.]+)pt"', text)[1]) / 72 == pytest.approx(6.75, abs=0.01)
    assert all(re.search(f"<text[^>]*>{re.escape(word)}", text) for word in WORDS[name])
    assert (tmp_path / "again.svg").read_text() == text


def test_rows_of_data_are_shown_as_asked(vaefit, fitted, folder, tmp_path):
    out = tmp_path / "x.png"
    drawn(vaefit, fitted, "reconstructions", folder, "--row", 7, "--row", 3, "--samples", 4, "--out", out)
    from vaefit.data import read

    rows = read(folder).values.reshape(-1, 8, 8)
    for line, row in zip(tiles_of(out, 2, 6, 8, 8), (7, 3), strict=True):
        np.testing.assert_array_equal(line[0][..., 0], rows[row])


def test_traversals_are_what_the_decoder_makes_of_moved_latents(vaefit, fitted, folder, tmp_path):
    from vaefit import load

    out, run = tmp_path / "x.png", load(fitted)
    drawn(vaefit, fitted, "traversals", folder, "--latent", 1, "--row", 3, "--out", out)
    z = np.tile(run.encode(folder)[0][3], (7, 1))
    z[:, 1] = np.arange(-3, 4)
    shown = np.stack(tiles_of(out, 1, 7, 8, 8)[0])[..., 0]
    np.testing.assert_allclose(shown, np.clip(run.decode(z), 0, 255), atol=1)


def test_latents_are_ordered_by_their_rate(fitted, folder):
    from vaefit import load
    from vaefit.figures.subject import Subject

    run = load(fitted)
    mean, sd = run.encode(folder)
    truth = (0.5 * (mean**2 + sd**2 - 1) - np.log(sd)).mean(axis=0)
    order, rates = Subject(run, 3.25, run.dataset(folder)).latents(2)
    np.testing.assert_allclose(rates, truth, rtol=1e-5)
    assert order == tuple(np.argsort(-truth))


def test_labels_of_data_colour_the_map(vaefit, fitted, folder, tmp_path):
    (tmp_path / "labels.txt").write_text("\n".join(["odd", "even"] * 30))
    out = tmp_path / "x.svg"
    drawn(vaefit, fitted, "latent-map", folder, "--labels", tmp_path / "labels.txt", "--out", out)
    text = out.read_text()
    assert ">odd<" in text and ">even<" in text and "digit-0" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("curvs",), ("figure", "curves")),
        (("curves", "--row", 1), ("--row is for reconstructions, traversals", "leave it out")),
        (("curves", "DATA"), ("DATA is for",)),
        (("latent-map", "--labels", "folders"), ("--labels is for rows of DATA",)),
        (("samples", "--width", "three"), ("--width must be one, two, or inches", "three")),
        (("reconstructions", "--row", 60), ("--row 60", "has rows 0 to 5")),
        (("traversals", "--latent", 2), ("--latent 2: this run has latents 0 to 1",)),
        (("traversals", "--row", 1, "--row", 2), ("start at one --row, found 2",)),
        (("samples", "--out", "x.gif"), ("--out must end in .png, .pdf, .svg",)),
    ],
)
def test_mistakes_are_one_line(vaefit, fitted, folder, tmp_path, arguments, words):
    given = [folder if a == "DATA" else a for a in arguments]
    out = () if "--out" in given else ("--out", tmp_path / "x.pdf")
    said = vaefit("figure", fitted, *given, *out, "-q")
    assert said.code == 2 and not said.out and len(said.err.strip().splitlines()) == 1, said
    assert all(word in said.err for word in words), said.err
    assert not list(tmp_path.iterdir())


def test_rows_that_are_gone_ask_for_data(vaefit, fitted, folder, tmp_path):
    moved = tmp_path / "run"
    shutil.copytree(fitted, moved)
    settings = (moved / "settings.toml").read_text()
    (moved / "settings.toml").write_text(settings.replace(str(folder), str(tmp_path / "gone")))
    said = vaefit("figure", moved, "latent-map", "--out", tmp_path / "x.pdf", "-q")
    assert said.code == 2 and "give DATA" in said.err and str(tmp_path / "gone") in said.err
    drawn(vaefit, moved, "latent-map", folder, "--out", tmp_path / "x.pdf")
    drawn(vaefit, moved, "curves", "--out", tmp_path / "x.pdf")
