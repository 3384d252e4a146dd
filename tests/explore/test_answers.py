"""What the page says of a row is what the package says; bad uploads get a sentence."""

import io
import json
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from explorer import Opened, opened, png
from vaefit import score
from vaefit.explore import app as app_module
from vaefit.explore.known import cost


def settled(found: Opened) -> Opened:
    """Once all of the run's rows are scored."""
    for _ in range(600):
        known = found.client.get("/api/known").json()
        if known["scored"] == known["of"] and known["usual"]:
            return found
        time.sleep(0.05)
    raise AssertionError("the rows were not scored")


def wrong(answer, *words):
    """A problem is one sentence in JSON, and no stack trace."""
    assert 400 <= answer.status_code < 500, answer.text
    message = answer.json()["error"]
    assert "\n" not in message and "Traceback" not in answer.text and ".py" not in message
    for word in words:
        assert word in message, message
    return answer.json()


def test_decoded_latents_are_those_of_the_model(images):
    z = np.random.default_rng(0).normal(size=(11, 2)).astype(np.float32)
    answer = images.client.post("/api/decode", json={"z": z.tolist()})
    mean, sd, chances = map(int, answer.headers["x-widths"].split(","))
    assert (mean, sd, chances) == (64, 64, 0)
    found = np.frombuffer(answer.content, "<f4")
    expected = images.run.decode(z).reshape(11, 64)
    np.testing.assert_allclose(found[: 11 * 64].reshape(11, 64), expected, rtol=1e-5, atol=1e-4)
    assert (found[11 * 64 :] > 0).all()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        [],
        {"z": []},
        {"z": [[1]]},
        {"z": [[1, "a"]]},
        {"z": [[1, None]]},
        {"z": [[0, 0]] * 65},
        {"z": [[1e99, 0]]},
    ],
)
def test_other_latents_are_refused(images, asked):
    wrong(images.client.post("/api/decode", json=asked), "to decode")


def test_latents_that_are_no_json(images):
    for content in (b"[[", b"\xff", b"[" * 100_000, b'{"z": [[NaN, 0]]}'):
        wrong(images.client.post("/api/decode", content=content))


def test_an_image_is_looked_at(images, digits, run_of_images):
    settled(images)
    answer = images.client.post("/api/look", content=png(digits[100]), headers={"x-name": "%3Cb%3E.png"})
    found = answer.json()
    expected = score(run_of_images, digits[100:101])
    assert found["nats"] == pytest.approx(-expected.score[0], abs=1e-3)
    assert found["standard_error"] == pytest.approx(expected.standard_error[0], rel=1e-2)
    assert found["percentile"] == pytest.approx(expected.percentile[0], abs=1e-9)
    mean, sd = run_of_images.encode(digits[100:101])
    np.testing.assert_allclose([found["mean"], found["sd"]], [mean[0], sd[0]], rtol=1e-4)
    assert found["notes"] == [] and found["same"] is None
    # The picture of what is odd adds up to what the row costs beyond the usual.
    known = images.explorer.known
    excess = cost(run_of_images, run_of_images.dataset(digits[100:101])) - known.usual
    assert found["excess"] == pytest.approx(float(excess.sum()), abs=1e-3)
    distances = [row["distance"] for row in found["nearest"]]
    assert distances == sorted(distances) and len(distances) == 6
    everywhere = np.linalg.norm(run_of_images.encode(known.rows)[0] - mean[0], axis=1)
    assert distances[0] == pytest.approx(everywhere.min(), rel=1e-4)


def test_a_training_row_is_found_again(images):
    known = images.explorer.known
    pixels = known.rows.values[7].reshape(8, 8)
    found = images.client.post("/api/look", content=png(pixels)).json()
    assert found["same"] == int(known.numbers[7])
    assert found["nearest"][0]["distance"] == pytest.approx(0, abs=1e-5)
    again = images.client.post("/api/look/known/7").json()
    assert again["nats"] == pytest.approx(found["nats"], abs=1e-4)
    assert images.client.get("/api/rows/known/7").json()["name"] == f"row {known.numbers[7] + 1}"


def bad_images() -> dict[str, tuple[bytes, str]]:
    """Uploads that are no image like those fitted, and words of what is said."""
    grey = np.zeros((8, 8), np.uint8)
    floats = io.BytesIO()
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(floats, "tiff")
    # The size stands in the first chunk, with its checksum behind it.
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    bomb += png(grey)[33:]
    return {
        "empty": (b"", "found nothing"),
        "text": (b"hello", "found data that is none"),
        "html": (b"<script>alert(1)</script>", "found data that is none"),
        "cut short": (png(np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8))[:70], "damaged"),
        "signature alone": (b"\x89PNG\r\n\x1a\n", "expected a"),
        "wrong size": (png(np.zeros((5, 9), np.uint8)), "8x8 in grey, found 5x9 in grey"),
        "colour": (png(np.dstack([grey, grey + 1, grey])), "8x8 in grey, found 8x8 in colour"),
        "NaN": (floats.getvalue(), "NaN"),
        "16 bits": (png(np.zeros((8, 8), np.uint16)), "16-bit"),
        "bomb": (bomb, "far larger"),
        "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "found data that is none"),
    }


@pytest.mark.parametrize("name", list(bad_images()))
def test_bad_images_get_a_sentence(images, name):
    content, words = bad_images()[name]
    wrong(images.client.post("/api/look", content=content), words)


def test_a_large_upload_is_refused_by_what_it_announces_and_by_what_it_is(images, monkeypatch):
    announced = images.client.post("/api/look", content=b"x", headers={"content-length": str(2**30)})
    assert announced.status_code == 413
    wrong(announced, "at most 32 MB")
    monkeypatch.setattr(app_module, "MOST_IMAGE", 2**20)
    streamed = images.client.post("/api/look", content=(bytes(2**19) for _ in range(4)))
    assert streamed.status_code == 413
    wrong(streamed, "at most 1 MB")


def test_what_may_be_made_to_fit_is_offered_where_the_fit_did_it_too(run_of_images, digits, images):
    other = png(np.zeros((16, 16, 3), np.uint8) + np.arange(3, dtype=np.uint8))
    assert (
        wrong(images.client.post("/api/look", content=other), "16x16 in colour", "8x8 in grey")["offers"]
        == []
    )
    sized = opened(run_of_images)
    try:
        sized.run.settings = sized.run.settings.with_(size="8x8")
        offers = wrong(sized.client.post("/api/look", content=other))["offers"]
        assert offers == ["resize", "grey"]
        found = sized.client.post("/api/look?resized=1&greyed=1", content=other)
        assert found.status_code == 200
        assert found.json()["notes"] == ["resized from 16x16 to 8x8"]
    finally:
        sized.run.settings = sized.run.settings.with_(size=None)
        sized.explorer.worker.stop()


@pytest.mark.parametrize(
    "text",
    [
        "x,y,kind\n0.5,1.02,up\n",
        "x\ty\tkind\n0.5\t1.02\tup",
        "0.5,1.02,up",
        "kind;y;x\nup;1.02;0.5",
        '{"x": 0.5, "y": 1.02, "kind": "up"}',
        '[{"kind": "up", "x": 0.5, "y": 1.02}]',
        '[0.5, 1.02, "up"]',
    ],
)
def test_a_row_may_be_written_in_many_ways(table, text):
    settled(table)
    found = table.client.post("/api/look", content=text.encode()).json()
    expected = score(table.run, [[0.5, 1.02, "up"]], explain=True)
    assert found["nats"] == pytest.approx(-expected.score[0], abs=1e-3)
    assert found["percentile"] == pytest.approx(expected.percentile[0], abs=1e-9)
    cells = {cell["name"]: cell for cell in found["cells"]}
    assert [cells[name]["value"] for name in ("x", "y", "kind")] == ["0.50", "1.02", "up"]
    usual = table.explorer.known.usual
    odd = [cells[name]["odd"] for name in ("x", "y", "kind")]
    np.testing.assert_allclose(odd, expected.explained[0] - usual, atol=1e-3)
    assert cells["kind"]["guess"] in ("up", "<script>") and cells["kind"]["low"] is None
    assert float(cells["x"]["low"]) <= float(cells["x"]["guess"]) <= float(cells["x"]["high"])


def test_columns_that_are_left_out_are_missing(table):
    found = table.client.post("/api/look", content=b"y,other\n1.0,9").json()
    cells = {cell["name"]: cell for cell in found["cells"]}
    assert cells["x"]["value"] is None and cells["x"]["guess"] is not None
    assert cells["x"]["odd"] is None
    assert any("missing" in note for note in found["notes"]) and any(
        "other" in note for note in found["notes"]
    )


BAD_ROWS = {
    "nothing": (b"", "found nothing"),
    "blanks": (b" \n\n", "found nothing"),
    "names alone": (b"x,y,kind\n", "names alone"),
    "two rows": (b"x,y,kind\n1,2,up\n3,4,up\n", "found 2"),
    "too few cells": (b"1,2", "expected 3 cells"),
    "too many cells": (b"1,2,up,4", "expected 3 cells"),
    "other columns": (b'{"a": 1, "b": 2}', "such as x, y, kind"),
    "no number": (b"x,y,kind\nmany,2,up\n", "'many'"),
    "unknown category": (b"x,y,kind\n1,2,sideways\n", "sideways"),
    "all missing": (b'{"x": null, "y": null}', "at least one cell"),
    "nested": (b'{"x": [1], "y": 2}', "single value"),
    "broken JSON": (b'{"x": 1', "as JSON"),
    "deep JSON": (b"[" * 100_000, "as JSON"),
    "JSON of nothing": (b"[]", "empty one"),
    "binary": (bytes(range(256)), "binary data"),
    "an image": (png(np.zeros((8, 8), np.uint8)), "binary data"),
}


@pytest.mark.parametrize("name", list(BAD_ROWS))
def test_bad_rows_get_a_sentence(table, name):
    content, words = BAD_ROWS[name]
    wrong(table.client.post("/api/look", content=content), words)


def test_text_of_the_data_stays_text(table):
    page = table.client.get("/").text
    inside = page.partition('id="data-live">')[2].partition("</script>")[0]
    assert "\\u003cscript\\u003e" in inside
    assert json.loads(inside)["row"]["columns"][2]["levels"]


def test_fifty_requests_at_once_are_served(images, digits):
    settled(images)
    image = png(digits[101])

    def ask(number):
        if number % 5 == 0:
            return images.client.post("/api/look", content=image)
        return images.client.post("/api/decode", json={"z": [[number / 10, 0.0]]})

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert {answer.status_code for answer in answers} == {200}
    looked = [answers[i].json()["nats"] for i in range(0, 50, 5)]
    assert np.ptp(looked) == 0
    means = [np.frombuffer(answers[i].content, "<f4")[:64] for i in range(50) if i % 5]
    expected = images.run.decode(np.array([[i / 10, 0.0] for i in range(50) if i % 5], np.float32))
    np.testing.assert_allclose(means, expected.reshape(-1, 64), rtol=1e-5, atol=1e-4)


def test_a_failure_inside_is_a_sentence_too(images, monkeypatch):
    def broken(*_):
        raise TypeError("secret detail of line 7")

    monkeypatch.setattr(app_module, "look", broken)
    client = images.client
    client._transport.raise_server_exceptions = False
    try:
        answer = client.post("/api/look/known/0")
    finally:
        client._transport.raise_server_exceptions = True
    assert answer.status_code == 500
    assert answer.json()["error"] == "vaefit failed here (TypeError); its terminal says more"
