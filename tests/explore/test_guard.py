"""Who may talk to the page: nobody but the page itself, opened by its address."""

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from explorer import BASE, PORT, Opened
from vaefit.explore.guard import Guard


def stranger(opened: Opened) -> TestClient:
    """A client without the cookie."""
    return TestClient(opened.guard, base_url=BASE)


def test_without_the_cookie_nothing_is_told(images):
    client = stranger(images)
    for path in ("/", "/assets/page.js", "/api/known", "/api/rows/shown/0", "/api/nothing"):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "open this page by the address" in answer.text
    assert client.post("/api/look", content=b"x").status_code == 403
    assert client.post("/api/decode", json={"z": [[0, 0]]}).status_code == 403


def test_the_token_is_exchanged_once_for_a_cookie_that_scripts_cannot_read(images):
    guard = Guard(images.guard._app, PORT)
    first = TestClient(guard, base_url=BASE)
    answer = first.get(guard.address, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and f"vaefit-{PORT}=" in cookie
    assert first.get("/").status_code == 200
    assert first.get(guard.address).status_code == 200  # the same browser may open the address again
    second = TestClient(guard, base_url=BASE).get(guard.address)
    assert second.status_code == 403 and "used already" in second.text


@pytest.mark.parametrize("token", ["", "x", "é" * 10])
def test_a_wrong_token_opens_nothing(images, token):
    guard = Guard(images.guard._app, PORT)
    assert TestClient(guard, base_url=BASE).get("/", params={"token": token}).status_code == 403
    assert TestClient(guard, base_url=BASE).get(guard.address).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        "127.0.0.1:80",
        f"127.0.0.1.evil.example:{PORT}",
        "",
    ],
)
def test_other_hosts_are_refused_even_with_the_cookie(images, host):
    # A foreign name that was made to point to this machine (DNS rebinding).
    answer = images.client.get("/api/known", headers={"host": host})
    assert answer.status_code == 403
    assert "only at 127.0.0.1" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"origin": f"http://localhost:{PORT}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},  # another port of this machine
    ],
)
def test_foreign_origins_are_refused_even_with_the_cookie(images, headers):
    answer = images.client.post("/api/decode", json={"z": [[0, 0]]}, headers=headers)
    assert answer.status_code == 403
    assert "another page asked" in answer.json()["error"]


def test_the_page_itself_may_ask(images):
    headers = {"origin": BASE, "sec-fetch-site": "same-origin"}
    assert images.client.post("/api/decode", json={"z": [[0, 0]]}, headers=headers).status_code == 200


def test_every_answer_has_the_headers_that_keep_foreign_things_out(images):
    for answer in (images.client.get("/"), images.client.get("/nope"), stranger(images).get("/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        sources = policy.split("script-src")[1].split(";")[0]
        assert sources.strip() == "'self'"
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers


def test_the_page_names_no_other_address(images):
    page = images.client.get("/").text
    assert "http://" not in page and "https://" not in page
    for name in (
        "page.css",
        "live.css",
        "explore.css",
        "page.js",
        "live.js",
        "look.js",
        "explore.js",
        "plotly.js",
    ):
        assert f"/assets/{name}" in page
        assert images.client.get(f"/assets/{name}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../app.py",
        "/assets/..%2fapp.py",
        "/assets/%2e%2e/%2e%2e/settings.toml",
        "/assets/....//....//etc/passwd",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/C:%5cWindows%5cwin.ini",
        "/assets/page.js%00.css",
        "/settings.toml",
        "/model.safetensors",
        "/api/rows/shown/-1",
        "/api/rows/shown/999",
        "/api/rows/other/0",
        "/api/rows/map/999",
    ],
)
def test_path_tricks_find_nothing(images, path):
    answer = images.client.get(path)
    assert answer.status_code == 404
    assert "there is no" in answer.json()["error"]
    assert "import" not in answer.text and "root:" not in answer.text


def test_a_wrong_method_is_a_sentence(images):
    answer = images.client.get("/api/decode")
    assert (answer.status_code, answer.json()["error"]) == (405, "/api/decode takes no GET")


def test_websockets_are_refused(images):
    with pytest.raises(WebSocketDisconnect), images.client.websocket_connect("/"):
        pass
