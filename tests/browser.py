"""A real browser for tests of pages: headless Chromium that may fetch nothing but the page itself.

Without Chromium or Playwright these tests are skipped with a reason; with REQUIRE_BROWSER=1 they fail.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

DESKTOP, PHONE = (1280, 900), (390, 844)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

Visit = Callable[..., AbstractContextManager["Page"]]


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium, started once."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        _missing(f"no Chromium ({', '.join(NAMES)}) on the PATH; install Debian's package chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright is not installed; make install")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def visit(browser: "Browser") -> Visit:
    """`with visit(path) as page:` opens a file, and fails if it asks for more or reports an error."""

    @contextmanager
    def opened(where: Path | str, size: tuple[int, int] = DESKTOP, dark: bool = False) -> Iterator["Page"]:
        address = where.as_uri() if isinstance(where, Path) else where
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, has_touch=size == PHONE
        )
        page, problems = context.new_page(), []
        context.route("**/*", lambda route: _only(address, route, problems))
        page.on("console", lambda m: problems.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        try:
            page.goto(address)
            yield page
        finally:
            context.close()
        assert not problems, problems

    return opened


def _only(address: str, route: "Route", problems: list[str]) -> None:
    """Let through what lies at the page's own address."""
    asked = route.request.url
    if asked == address or (address.startswith("http") and asked.startswith(_origin(address))):
        route.continue_()
    else:
        problems.append(f"request: {asked}")
        route.abort()


def _origin(address: str) -> str:
    return "/".join(address.split("/")[:3]) + "/"


def _missing(reason: str) -> NoReturn:
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"REQUIRE_BROWSER=1, and {reason}")
    pytest.skip(reason)
