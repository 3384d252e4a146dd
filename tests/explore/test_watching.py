"""A fit's page while the fit goes on: asked by the display of the fit itself, between epochs."""

import json
import shutil
import threading
import urllib.error
import urllib.request

import equinox as eqx
import jax
import numpy as np
import pytest

from explorer import TINY
from vaefit import fit, fitting
from vaefit.cli.main import run
from vaefit.display import Silent
from vaefit.explore import watching


class Onlooker(Silent):
    """Opens the page when it is told of, and asks for news at every epoch."""

    def __init__(self) -> None:
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.address, self.page, self.seen, self.notices = "", "", [], []

    def open(self, address: str) -> None:
        self.address = address.split("?", maxsplit=1)[0]
        self.page = self.browser.open(address, timeout=10).read().decode()

    def news(self, query: str = "") -> dict:
        return json.loads(self.browser.open(f"{self.address}api/news{query}", timeout=10).read())

    def on_epoch(self, record) -> None:
        self.seen.append(self.news())

    def notice(self, message: str) -> None:
        self.notices.append(message)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures at once, and no long goodbye."""
    for name, value in {"LEAST_SECONDS": 0.0, "PATIENCE": 0.0, "FAREWELL": 0.3}.items():
        monkeypatch.setattr(watching, name, value)


def leaves(fitted):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(fitted.model, eqx.is_array))]


def test_the_page_shows_the_fit_closes_with_it_and_changes_nothing(digits):
    on = Onlooker()
    watched = fit(digits[:60], display=on, watch=on.open, **{**TINY, "epochs": 3})
    assert "watch.js" in on.page and "Training" in on.page
    assert [news["records"] for news in on.seen] == [1, 2, 3, 4]  # epoch 0 is the start
    assert on.seen[-1]["last"]["epoch"] == 3 and on.seen[-1]["at"] == 3
    assert on.seen[-1]["epochs"] == 3 and on.seen[-1]["curves"].count('class="plot"') == 4
    # The server is gone.
    with pytest.raises(urllib.error.URLError):
        on.news()
    # Opened by nobody, or not there at all: the same weights, to the bit.
    told = []
    unattended = fit(digits[:60], watch=told.append, **{**TINY, "epochs": 3})
    alone = fit(digits[:60], **{**TINY, "epochs": 3})
    assert len(told) == 1
    for one, two, three in zip(*map(leaves, (watched, unattended, alone)), strict=True):
        np.testing.assert_array_equal(one, three)
        np.testing.assert_array_equal(two, three)


def test_a_run_taken_up_again_shows_what_was_before(run_of_images, tmp_path):
    shutil.copytree(run_of_images.folder, tmp_path / "run")
    on = Onlooker()
    fitting.resume(tmp_path / "run", epochs=2, display=on, watch=on.open)
    assert [news["records"] for news in on.seen] == [3]


def test_training_goes_on_without_its_picture(digits, monkeypatch):
    def broken(*_):
        raise OSError("no picture today")

    monkeypatch.setattr(watching, "picture_of", broken)
    on = Onlooker()
    fitted = fit(digits[:60], display=on, watch=on.open, **{**TINY, "epochs": 2})
    assert fitted.summary["epochs"] == 2


def test_what_stops_a_fit_is_told_to_the_page(digits):
    said = []

    class Stopping(Onlooker):
        def on_epoch(self, record) -> None:
            def listen():
                while not said:
                    said.extend(filter(None, [self.news()["ending"]]))

            threading.Thread(target=listen, daemon=True).start()
            raise KeyboardInterrupt

    on = Stopping()
    with pytest.raises(KeyboardInterrupt):
        fit(digits[:60], display=on, watch=on.open, **TINY)
    assert said == ["The fit was stopped: KeyboardInterrupt"]


def test_pictures_of_images_and_of_tables(run_of_images, run_of_table, digits):
    made = watching.picture_of(run_of_images, run_of_images.dataset(digits[:2]))
    assert [len(line) for line in made["images"]] == [7, 7]
    assert made["images"][0][0].startswith("data:image/png;base64,")
    made = watching.picture_of(run_of_table, run_of_table.dataset([[0.5, None, "up"]]))
    assert made["columns"] == ["x", "y", "kind"]
    assert made["cells"][0][0] == ["0.50", None, "up"] and made["cells"][0][1][1] is not None


@pytest.mark.parametrize("more", [("--quiet",), ("--seeds", "2"), ("--dry-run",)])
def test_what_does_not_go_together(more, capsys, tmp_path):
    assert run(["fit", str(tmp_path), "--watch", *more]) == 2
    assert more[0] in capsys.readouterr().err
