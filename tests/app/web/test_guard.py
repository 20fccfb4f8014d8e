"""Only the browser that followed the printed link is answered, and only to itself."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette", reason="needs thresher[web]")

from starlette.testclient import TestClient

from .conftest import HOST, TOKEN

JSON = {"content-type": "application/json"}


def test_without_the_cookie_nothing_is_answered(stranger: TestClient) -> None:
    for path in ("/", "/echo", "/api/about", "/media/0", "/thumb/0", "/static/api.js", "/nowhere"):
        answer = stranger.get(path, follow_redirects=False)
        assert answer.status_code == 401, path
        assert "Open the link" in answer.text
    assert stranger.post("/api/echo/echo", json={}).status_code == 401


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "é"])
def test_a_wrong_token_gives_no_cookie(stranger: TestClient, token: str) -> None:
    answer = stranger.get("/", params={"token": token})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_the_token_is_exchanged_for_a_cookie_that_scripts_and_sites_cannot_use(
    stranger: TestClient,
) -> None:
    answer = stranger.get("/", params={"token": TOKEN, "as": "ann&bob"})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("thresher-8765=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert TOKEN not in answer.text
    assert 'content="0; url=/?as=ann%26bob"' in answer.text
    assert stranger.get("/api/about").json()["title"] == "a folder"


def test_what_a_link_says_stays_no_markup(stranger: TestClient) -> None:
    answer = stranger.get("/", params={"token": TOKEN, "as": '"><script>alert(1)</script>'})
    assert "<script>" not in answer.text


def test_a_cookie_of_another_port_or_server_is_not_taken(stranger: TestClient) -> None:
    for name, value in (("thresher-8765", "0" * 64), ("thresher-9999", "x"), ("token", TOKEN)):
        answer = stranger.get("/api/about", headers={"cookie": f"{name}={value}"})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "", "[::1"]
)
def test_other_names_of_the_server_are_refused(friend: TestClient, host: str) -> None:
    answer = friend.get("/api/about", headers={"host": host})
    assert answer.status_code == 421
    assert "--allow-host" in answer.json()["error"]


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST"])
def test_its_own_names_are_known(stranger: TestClient, host: str) -> None:
    assert stranger.get("/api/about", headers={"host": host}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"origin": HOST, "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_other_sites_change_nothing(friend: TestClient, headers: dict[str, str]) -> None:
    answer = friend.post("/api/echo/echo", json={"a": 1}, headers=headers)
    assert answer.status_code == 403


def test_other_sites_load_no_parts(friend: TestClient) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert friend.get("/media/0", headers=headers).status_code == 403
    assert friend.get("/api/about", headers={"origin": "http://evil.example"}).status_code == 403
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert friend.get("/api/about", headers=headers).status_code == 200  # a link was followed


def test_the_page_itself_may(friend: TestClient) -> None:
    headers = {"origin": HOST, "sec-fetch-site": "same-origin"}
    assert friend.post("/api/echo/echo", json={"a": 1}, headers=headers).json() == {"a": 1}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_forms_of_other_sites_are_no_json(friend: TestClient, kind: str) -> None:
    answer = friend.post("/api/echo/echo", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 415


def test_get_changes_nothing(friend: TestClient) -> None:
    answer = friend.get("/api/echo/echo")
    assert answer.status_code == 405
    assert answer.json()["error"] == "'/api/echo/echo' does not take GET."


@pytest.mark.parametrize("path", ["/api/about", "/static/api.js", "/media/0", "/nowhere"])
def test_every_answer_has_the_headers(friend: TestClient, path: str) -> None:
    headers = friend.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_faults_are_worded(friend: TestClient) -> None:
    send = friend.post
    wrong = send("/api/echo/echo", json={"wrong": 1})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "`wrong` is wrong. Leave it out.")
    bug = send("/api/echo/echo", json={"bug": 1})
    assert bug.status_code == 500
    assert "ZeroDivisionError" in bug.json()["error"]
    for content in (b"{", b"\xff", b"[1]", b"[" * 900):
        assert send("/api/echo/echo", content=content, headers=JSON).status_code == 400
    large = send("/api/echo/echo", content=b'{"a":"' + b"x" * 2000 + b'"}', headers=JSON)
    assert large.status_code == 413
    assert "1,000 bytes" in large.json()["error"]
    assert friend.get("/nowhere").json()["error"] == "There is nothing at '/nowhere'."


@pytest.mark.parametrize("path", ["/static/../guard.py", "/static/%2e%2e/guard.py", "/static//etc"])
def test_static_files_do_not_lead_out(friend: TestClient, path: str) -> None:
    assert friend.get(path).status_code == 404
