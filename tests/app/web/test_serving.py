"""``thresher serve-labels``: what it prints, and what it says to mistakes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs thresher[web]")

from typer.testing import CliRunner

from thresher.app import serve_labels, serve_review
from thresher.app.cli.commands import app
from thresher.app.web.running import Place, bound, link
from thresher.core.errors import InputError, MissingExtraError

from .sessions import text_session


def test_the_command_prints_links_answers_them_and_ends(tmp_path: Path) -> None:
    folder = text_session(tmp_path / "lab")
    command = [sys.executable, "-m", "thresher", "serve-labels", str(folder), "--port", "0"]
    names = ["--annotator", "ann", "--annotator", "bob & co", "--no-browser"]
    server = subprocess.Popen([*command, *names], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        first, second, third = (server.stdout.readline() for _ in range(3))
        assert first.startswith("ann: http://127.0.0.1:")
        wanted = r"bob & co: http://127.0.0.1:\d+/\?token=\S{32}&as=bob\+%26\+co\n"
        assert re.fullmatch(wanted, second)
        assert third == "Ctrl-C ends it; all that was answered is saved.\n"
        url = first.split()[1]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with opener.open(url) as welcome:
            assert b"/?as=ann" in welcome.read()
        with opener.open(url.partition("?")[0]) as page:
            assert page.geturl().endswith("/label")
            assert b'<script type="module" src="/static/label.js">' in page.read()
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(url.partition("?")[0])
        refused.value.close()
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
        assert server.stdout.read() == "Ended.\n"
    finally:
        server.kill()
        server.communicate()


def test_a_port_in_use_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} of 127.0.0.1 is in use"):
            bound(Place(port=port))


@pytest.mark.parametrize(
    "place", [Place(port=70_000), Place(port=-1), Place(host="no.such.host.invalid")]
)
def test_a_place_that_is_none_is_said(place: Place) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        bound(place)


def test_tokens_are_random_or_long_enough() -> None:
    made = {Place().with_token().token for _ in range(20)}
    assert len(made) == 20
    assert min(map(len, made)) >= 32
    assert Place(token="a" * 16).with_token().token == "a" * 16
    with pytest.raises(InputError, match="16 characters or more, got 3"):
        Place(token="abc").with_token()


def test_links_lead_to_this_machine() -> None:
    place = Place(host="::1", token="t" * 16)
    assert link(place, 80, annotator="é") == f"http://[::1]:80/?token={'t' * 16}&as=%C3%A9"
    everywhere = link(Place(host="0.0.0.0", token="t"), 80)
    assert re.fullmatch(r"http://\d+\.\d+\.\d+\.\d+:80/\?token=t", everywhere)
    assert "0.0.0.0" not in everywhere


def test_the_install_line_is_said_where_the_extra_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)  # as if it were not installed
    found = CliRunner().invoke(app, ["serve-labels", str(tmp_path)]).exception
    assert isinstance(found, MissingExtraError)
    assert "Install it with: pip install 'thresher[web]'" in str(found)


def test_a_folder_without_a_session_is_said_before_anything_is_served(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["serve-labels", str(tmp_path), "--no-browser"]).exception
    assert isinstance(found, InputError)
    assert "thresher label init DATA" in str(found)


def test_a_run_is_served_as_a_review(decisions: Path, reviews: Path) -> None:
    stop, seen = threading.Event(), {}

    def look(links: Mapping[str, str]) -> None:
        seen.update(links)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        opener.open(links["ann"]).close()
        with opener.open(links["ann"].partition("?")[0]) as page:
            seen["page"] = page.geturl()
        stop.set()

    def answer(links: Mapping[str, str]) -> None:
        threading.Thread(target=look, args=(links,)).start()

    serve_review(decisions, data=str(reviews), people=["ann"], port=0, say=answer, stop=stop)
    assert seen["page"].endswith("/review")
    with pytest.raises(InputError, match="name the data with --data"):
        serve_labels(decisions, port=0)
    with pytest.raises(InputError, match="leave out the target, mode"):
        serve_labels(decisions, target=0.9, port=0)
    with pytest.raises(InputError, match="There is no folder"):
        serve_review(decisions / "nothing", port=0)
