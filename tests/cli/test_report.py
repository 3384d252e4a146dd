"""`vaefit report`: a page from the command line, and mistakes."""

import pytest


def test_report_writes_a_page_and_says_so(vaefit, fitted, tmp_path):
    said = vaefit("report", fitted, "--no-data", "--out", tmp_path / "page.html", "--json", "-q")
    assert said.code == 0, said.err
    page = (tmp_path / "page.html").read_bytes()
    assert said.json == {"out": str(tmp_path / "page.html"), "bytes": len(page), "data": False}
    assert len(page) < 8_000_000 and page.startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "page.pdf"), "--out must end in .html, .htm, found 'page.pdf'"),
        (("nope.tar.gz",), "nope.tar.gz: expected a folder, archive or file, found nothing there"),
    ],
)
def test_mistakes_are_one_line(vaefit, fitted, arguments, message):
    said = vaefit("report", fitted, *arguments, "-q")
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1 and message in said.err
