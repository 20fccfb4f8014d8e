"""The labeling page in a browser: keys, what is drawn when, and what survives."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs thresher[web]")

from active_learning import Desk
from thresher.app import serve_labels
from thresher.app.web.pictures import ColumnPictures
from thresher.core.errors import StorageError

from .conftest import png
from .sessions import HOSTILE, HOSTILE_CLASSES, image_session, number_session, text_session

pytestmark = pytest.mark.browser
TOKEN = "token-of-the-browser-tests"
CODES = {"Enter": 13, " ": 32, "Escape": 27, "Delete": 46, "Backspace": 8}
CODES |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9}
ALT, SHIFT = 1, 8
ROW = "document.querySelector('article:not([hidden])')?.dataset.row"


class Browser:
    """A person at the page."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def js(self, code: str) -> Any:
        return self.driver.execute_script(f"return {code}")

    def wait(self, code: str, *, seconds: float = 20) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.js(code)
            if found:
                return found
            time.sleep(0.02)
        raise TimeoutError(f"{code}\n{self.text()}\n{self.driver.get_log('browser')}")

    def press(self, *keys: str, modifiers: int = 0) -> None:
        for key in keys:
            code = CODES.get(key, ord(key.upper()) if len(key) == 1 else 0)
            event = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
            text = "\r" if key == "Enter" else key if len(key) == 1 and modifiers != ALT else ""
            down = {"type": "keyDown", **event, **({"text": text} if text else {})}
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", down)
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def text(self) -> str:
        return str(self.js("document.body.innerText"))

    @property
    def row(self) -> str:
        return str(self.wait(ROW))

    def on(self, row: str) -> None:
        self.wait(f"{ROW} === '{row}'")

    def size(self, width: int, height: int) -> None:
        view = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)

    def unsent(self) -> int:
        keys = "Object.keys(localStorage).filter((key) => key.startsWith('thresher/'))"
        return int(self.js(f"{keys}.length"))

    def saved(self) -> None:
        self.wait("Object.keys(localStorage).every((key) => !key.startsWith('thresher/'))")


@pytest.fixture
def browser(chromium: Any) -> Iterator[Browser]:
    found = Browser(chromium)
    found.size(1280, 860)
    yield found
    for handle in chromium.window_handles[1:]:
        chromium.switch_to.window(handle)
        chromium.close()
    chromium.switch_to.window(chromium.window_handles[0])
    chromium.get("about:blank")


@pytest.fixture
def served(browser: Browser) -> Iterator[Callable[..., str]]:
    """Serve a session in this process and open its page; return the link."""
    stops: list[tuple[threading.Event, threading.Thread]] = []

    def serve(folder: Path, *, annotator: str = "ann", **options: Any) -> str:
        stop, ready, links = threading.Event(), threading.Event(), {}

        def say(given: Mapping[str, str]) -> None:
            links.update(given)
            ready.set()

        def work() -> None:
            serve_labels(
                folder, annotators=[annotator], port=0, token=TOKEN, say=say, stop=stop, **options
            )

        thread = threading.Thread(target=work)
        thread.start()
        stops.append((stop, thread))
        assert ready.wait(30)
        browser.driver.get(links[annotator])
        browser.wait("document.querySelector('.progress')")
        return links[annotator]

    yield serve
    with suppress(Exception):
        browser.driver.get("about:blank")
    for stop, thread in stops:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def log(folder: Path, columns: str = "row_id, kind, label") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "labels.db")) as connection, connection:
        return connection.execute(f"SELECT {columns} FROM answers ORDER BY id").fetchall()


def test_one_key_a_label_and_the_next_row_is_there_before_it_is_saved(
    browser: Browser, served: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, given, go = text_session(tmp_path / "lab"), Desk.answer, threading.Event()

    def slow(self: Desk, *arguments: Any, **options: Any) -> Any:
        go.wait(20)
        return given(self, *arguments, **options)

    monkeypatch.setattr(Desk, "answer", slow)
    served(folder)
    rows = [browser.row]
    for key in "1221":
        browser.press(key)
        rows.append(browser.row)
    assert len(set(rows)) == 5  # each key drew another row
    assert log(folder) == []  # while nothing was saved
    assert browser.unsent() == 4
    go.set()
    browser.saved()
    names = ["good", "bad", "bad", "good"]
    assert [entry[1:] for entry in log(folder)] == [("label", name) for name in names]
    assert len({entry[0] for entry in log(folder)}) == 4
    # No row was passed over: those that were drawn are the first ones that were handed out.
    with closing(sqlite3.connect(folder / "labels.db")) as connection, connection:
        query = "SELECT position FROM asked WHERE arm <> 'claimed' ORDER BY ask, slot LIMIT 5"
        assert [str(place) for (place,) in connection.execute(query)] == rows
    seconds = [entry[0] for entry in log(folder, "seconds")]
    assert all(0 < each < 60 for each in seconds)
    browser.press(" ")
    browser.saved()
    assert log(folder)[-1][1:] == ("skip", None)
    assert "in this visit" in browser.text()


def test_a_key_that_is_held_down_is_one_label(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    served(folder := text_session(tmp_path / "lab"))
    assert browser.row
    for repeat in (False, True, True, True):
        browser.driver.execute_cdp_cmd(
            "Input.dispatchKeyEvent",
            {"type": "keyDown", "key": "1", "text": "1", "autoRepeat": repeat},
        )
    browser.saved()
    assert len(log(folder)) == 1


def test_undo_goes_back_to_any_depth_also_after_a_reload(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    link = served(folder := text_session(tmp_path / "lab"))
    rows = []
    for key in ("1", "2", "1", " "):
        rows.append(browser.row)
        browser.press(key)
    browser.press("z", "z")
    browser.on(rows[2])
    assert browser.js("document.querySelector('[aria-pressed=true] bdi').textContent") == "good"
    browser.press("2")
    browser.on(rows[3])  # the one that was undone first comes next
    browser.saved()
    browser.driver.get(link)
    browser.wait(ROW)
    for row in (rows[2], rows[1], rows[0]):
        browser.press("z")
        browser.on(row)
    browser.press("z")
    browser.wait("document.body.innerText.includes('There is nothing to undo.')")
    browser.saved()
    kinds = [entry[1] for entry in log(folder)]
    assert kinds == ["label", "label", "label", "skip", "undo", "undo", "label", *["undo"] * 3]


def test_answers_survive_a_killed_server_and_a_closed_page(
    browser: Browser, tmp_path: Path
) -> None:
    folder = text_session(tmp_path / "lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "thresher", "serve-labels", str(folder), "--no-browser"]
    command += ["--annotator", "ann", "--port", str(port), "--token", TOKEN]

    def start() -> subprocess.Popen[str]:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert "http" in server.stdout.readline()
        return server

    server = start()
    try:
        link = f"http://127.0.0.1:{port}/?token={TOKEN}&as=ann"
        browser.driver.get(link)
        browser.wait(ROW)
        browser.press("1", "2")
        browser.saved()
        server.kill()
        server.communicate()
        browser.press("1", "1", "2")  # labeling goes on from the rows that are here
        browser.wait("document.body.innerText.includes('3 answers are not saved yet')")
        assert "The server does not answer." in browser.text()
        assert browser.unsent() == 3
        browser.driver.get("about:blank")  # the page is gone
        server = start()
        browser.driver.get(link)
        browser.wait(ROW)
        browser.saved()
        assert [entry[2] for entry in log(folder)] == ["good", "bad", "good", "good", "bad"]
        assert len({entry[0] for entry in log(folder)}) == 5
        server.kill()  # and a page that stays open goes on by itself
        server.communicate()
        browser.press("1")
        browser.wait("!document.getElementById('banner').hidden")
        server = start()
        browser.saved()
        browser.wait("document.getElementById('banner').hidden")
        assert len(log(folder)) == 6
    finally:
        server.send_signal(signal.SIGKILL)
        server.communicate()


def test_twenty_unsaved_answers_pause_the_page_with_the_reason(
    browser: Browser, served: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, given, full = text_session(tmp_path / "lab"), Desk.answer, [True]

    def answer(self: Desk, *arguments: Any, **options: Any) -> Any:
        if full[0]:
            raise StorageError("Nothing was written: the disk is full. Free some.", full=True)
        return given(self, *arguments, **options)

    monkeypatch.setattr(Desk, "answer", answer)
    served(folder)
    for _ in range(25):
        browser.press("1")
        time.sleep(0.02)
    browser.wait("document.body.innerText.includes('Labeling pauses')")
    assert browser.unsent() == 20
    assert "Nothing was written: the disk is full. Free some." in browser.text()
    full[0] = False
    browser.wait(ROW)
    browser.saved()
    assert len(log(folder)) == 20
    assert browser.js("document.getElementById('banner').hidden")


def test_an_answer_that_is_refused_for_good_shows_its_row_again(
    browser: Browser, served: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, given, refused = text_session(tmp_path / "lab"), Desk.answer, []

    def answer(self: Desk, *arguments: Any, **options: Any) -> Any:
        if not refused:
            refused.append(arguments[1])
            return given(self, arguments[0], arguments[1], "no class", **options)
        return given(self, *arguments, **options)

    monkeypatch.setattr(Desk, "answer", answer)
    served(folder)
    first = browser.row
    browser.press("1")
    browser.wait("document.body.innerText.includes('An answer was not taken.')")
    assert "must be one of 'good', 'bad'" in browser.text()
    browser.press("2")
    browser.on(first)
    browser.press("1")
    browser.saved()
    assert [entry[2] for entry in log(folder)] == ["bad", "good"]


def test_two_tabs_show_different_rows_and_each_undoes_its_own(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    link = served(folder := text_session(tmp_path / "lab"))
    one = browser.row
    browser.press("1")
    browser.driver.switch_to.new_window("tab")
    browser.size(1280, 860)
    browser.driver.get(link)
    other = browser.row
    assert other != one
    browser.press("2")
    browser.saved()
    browser.driver.switch_to.window(browser.driver.window_handles[0])
    browser.press("z")
    browser.on(one)
    browser.saved()
    assert [entry[1] for entry in log(folder)] == ["label", "label", "undo"]
    assert log(folder)[2][0] == log(folder)[0][0]


def test_hostile_rows_are_only_text(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    folder = text_session(tmp_path / "lab", HOSTILE, classes=HOSTILE_CLASSES, audit=0)
    browser.driver.get_log("browser")  # of earlier tests
    served(folder)
    seen = {}
    for _ in HOSTILE:
        row = int(browser.row)
        seen[row] = browser.js("document.querySelector('.text').textContent")
        assert browser.js("document.querySelectorAll('.text *').length") == 0
        if row == 4:
            assert "Show all 1,000,000 characters" in browser.text()
            more = browser.driver.find_element("css selector", ".content button")
            browser.driver.execute_script("arguments[0].scrollIntoView({block: 'nearest'})", more)
            more.click()  # the classes below do not cover it
            browser.wait("document.querySelector('.text').textContent.length === 1000000")
        browser.press("1")
        browser.wait(f"{ROW} !== '{row}'")
    assert seen[0] == HOSTILE[0]
    assert seen[1] == "\\u202eevil\\u202c gpj.exe"  # the mark of direction is written out
    assert seen[2] == "a\\u0000b"
    assert seen[3] == HOSTILE[3]
    assert len(seen[4]) == 4000
    browser.saved()
    assert browser.js("window.broken") is None
    assert {entry[2] for entry in log(folder)} == {HOSTILE_CLASSES[0]}
    names = browser.js("[...document.querySelectorAll('.class bdi')].map((one) => one.textContent)")
    assert names == [name.replace("\u202e", "\\u202e") for name in HOSTILE_CLASSES]
    assert browser.driver.get_log("browser") == []


def test_a_broken_image_is_named_with_its_reason(
    browser: Browser, served: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{number}.png": png(40, 30, (9 * number, 0, 0)) for number in range(6)}
    folder = image_session(tmp_path / "lab", files, audit=0)
    served(folder)
    browser.wait("document.querySelector('.content img')?.naturalWidth === 40")
    source = browser.js("document.querySelector('.content img').getAttribute('src')")
    assert source.startswith(f"/media/{browser.row}?v=")
    svg = b"<svg onload='window.broken = 1'/>"
    monkeypatch.setattr(ColumnPictures, "data", lambda *_: svg)
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.driver.refresh()
    browser.wait("document.querySelector('.broken')?.innerText.includes('SVG')")
    assert browser.js("window.broken") is None
    browser.press("1")
    browser.saved()
    assert len(log(folder)) == 1


def test_one_of_five_hundred_classes_is_typed_and_gets_a_key(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    kinds = ("apple", "apricot", "éclair", "zebra", "to be")
    classes = tuple(f"{kind} {number}" for number in range(100) for kind in kinds)
    folder = text_session(tmp_path / "lab", classes=classes)
    served(folder)
    names = "[...document.querySelectorAll('#matches li')].map((one) => one.textContent)"
    for typed, wanted in (("apr", "apricot 0"), ("ecl", "éclair 0"), ("99", "apple 99")):
        first = browser.row
        if typed == "99":  # digits are keys of classes: the field takes them after a slash
            browser.press("/")
        browser.press(*typed)
        assert browser.wait(names)[0] == wanted
        browser.press("Enter")
        browser.wait(f"{ROW} && {ROW} !== '{first}'")
        assert browser.js("document.activeElement.tagName") == "BODY"
    browser.driver.refresh()  # keys stay the same
    assert browser.row
    browser.press("1", "2", "3")  # those used before have the digits
    browser.press("/", *"zebra 7", "ArrowDown", "Enter")
    browser.press("z")  # the last is undone: z begins no name
    browser.saved()
    browser.wait(ROW)
    given = [entry[2] for entry in log(folder)]
    names_given = ["apricot 0", "éclair 0", "apple 99"]
    assert given == [*names_given, *names_given, "zebra 70", None]
    browser.press(*"qqq")
    browser.wait("document.getElementById('matches').innerText.includes('No class is called so.')")
    browser.press("Escape")
    assert browser.js("document.querySelector('[role=combobox]').value") == ""


def test_spans_by_keyboard_count_characters_as_python_does(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    text = "😀 Ada Lovelace met 李娜 in Paris."
    folder = text_session(
        tmp_path / "lab", (text,) * 3, task="spans", classes=("person", "place"), audit=0
    )
    served(folder)
    assert browser.row
    browser.press("ArrowRight", "ArrowRight")
    browser.press("ArrowRight", modifiers=SHIFT)
    browser.press("1")
    browser.press("ArrowRight", "ArrowRight", "1", "ArrowRight", "ArrowRight", "2")
    shown = browser.js("[...document.querySelectorAll('.marks q')].map((one) => one.textContent)")
    assert shown == ["Ada Lovelace", "李娜", "Paris"]
    browser.press("[")
    browser.press("Delete")
    browser.press("Enter")
    browser.saved()
    spans = json.loads(log(folder)[0][2])
    assert [(text[s["start"] : s["end"]], s["label"]) for s in spans] == [
        ("Ada Lovelace", "person"),
        ("Paris", "place"),
    ]
    # With the mouse: what was selected on the page, without the spaces at its ends.
    browser.driver.execute_script(
        "const piece = document.querySelector('.spans span').firstChild;"
        "const range = document.createRange(); range.setStart(piece, 2); range.setEnd(piece, 7);"
        "getSelection().removeAllRanges(); getSelection().addRange(range);"
        "document.querySelector('.spans').dispatchEvent(new Event('mouseup'));"
    )
    browser.press("2", "Enter")
    browser.saved()
    (span,) = json.loads(log(folder)[1][2])
    assert (text[span["start"] : span["end"]], span["label"]) == ("Ada", "place")


def test_spans_behind_the_fold_of_a_long_text(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    text = "Ada " * 2000 + "went to Paris"
    folder = text_session(
        tmp_path / "lab", (text,) * 2, task="spans", classes=("person", "place"), audit=0
    )
    served(folder)
    assert browser.row
    assert "Only the first 4,000 characters are shown" in browser.text()
    browser.press("ArrowRight", "1")
    shown = "[...document.querySelectorAll('button')].find((one) => one.textContent === {!r})"
    browser.js(shown.format("Show all 8,013 characters") + ".click()")
    browser.wait("document.querySelector('.spans').textContent.includes('went to Paris')")
    assert "Only the first" not in browser.text()
    browser.driver.execute_script(
        "const piece = [...document.querySelectorAll('.spans > span')].at(-1).firstChild;"
        "const range = document.createRange();"
        "range.setStart(piece, piece.length - 5); range.setEnd(piece, piece.length);"
        "getSelection().removeAllRanges(); getSelection().addRange(range);"
        "document.querySelector('.spans').dispatchEvent(new Event('mouseup'));"
    )
    browser.press("2", "Enter")
    browser.saved()
    spans = json.loads(log(folder)[0][2])
    assert [(text[s["start"] : s["end"]], s["label"]) for s in spans] == [
        ("Ada", "person"),
        ("Paris", "place"),
    ]
    # On going back the answer lies behind the fold, so that all of the text is shown at once.
    browser.press("z")
    browser.wait("document.querySelector('.spans')?.textContent.includes('went to Paris')")


def test_boxes_by_mouse_and_by_keyboard(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    files = {f"{number}.png": png(400, 200, (number, 9, 9)) for number in range(3)}
    folder = image_session(tmp_path / "lab", files, task="boxes", audit=0)
    served(folder)
    browser.wait("document.querySelector('.content img')?.naturalWidth === 400")
    layer = browser.driver.find_element("css selector", "svg.boxes")
    image = browser.driver.find_element("css selector", ".content img")
    assert layer.rect == pytest.approx(image.rect, abs=1)
    size = [layer.rect[side] for side in ("width", "height")]
    assert size == pytest.approx([480, 240], abs=1)  # enlarged, in its own shape
    scale = layer.rect["width"] / 400
    draw = ActionChains(browser.driver, duration=20)
    draw.move_to_element_with_offset(layer, round(-100 * scale), round(-50 * scale))
    draw.click_and_hold().move_by_offset(round(120 * scale), round(60 * scale)).release().perform()
    browser.press("2")
    browser.press("Escape", "1", "+")
    browser.press("ArrowRight", modifiers=ALT)
    browser.press("ArrowDown", modifiers=SHIFT)
    browser.press("Enter")
    browser.saved()
    small, middle = sorted(json.loads(log(folder)[0][2]), key=lambda box: float(box["x"]))
    wanted = {"x": 100, "y": 50, "width": 120, "height": 60, "label": "dog"}
    assert small.pop("label") == wanted.pop("label")
    assert small == pytest.approx(wanted, abs=2)
    assert middle == {"x": 134.3, "y": 66.7, "width": 133.3, "height": 74.7, "label": "cat"}


def test_sets_and_numbers(browser: Browser, served: Callable[..., str], tmp_path: Path) -> None:
    folder = text_session(tmp_path / "sets", task="multi_label", classes=("a", "b", "c"))
    served(folder)
    assert browser.row
    browser.press("3", "1", "2", "2", "Enter", "Enter")
    browser.saved()
    assert [entry[2] for entry in log(folder)] == ['["a", "c"]', "[]"]
    folder = number_session(tmp_path / "numbers")
    served(folder)
    browser.wait("document.activeElement?.className === 'number'")
    browser.press(*"much", "Enter")
    browser.wait("document.querySelector('.problem').textContent === 'A number is needed.'")
    for _ in "much":
        browser.press("Backspace")
    browser.press(*"-2,5", "Enter", " ", "z", *"7", "Enter")
    browser.saved()
    assert [entry[1:] for entry in log(folder)] == [
        ("label", "-2.5"),
        ("skip", None),
        ("undo", None),
        ("label", "7.0"),
    ]


def test_a_name_is_asked_for_and_kept(browser: Browser, tmp_path: Path) -> None:
    stop, ready, links = threading.Event(), threading.Event(), {}
    folder = text_session(tmp_path / "lab")

    def say(given: Mapping[str, str]) -> None:
        links.update(given)
        ready.set()

    server = threading.Thread(
        target=lambda: serve_labels(folder, port=0, say=say, stop=stop, token=TOKEN)
    )
    server.start()
    try:
        assert ready.wait(30)
        browser.driver.get(links[""])
        browser.wait("document.activeElement?.id === 'name'")
        browser.press(*"Zoë 1", "Enter")
        assert browser.row
        browser.press("1")
        browser.saved()
        browser.driver.refresh()
        assert browser.row
        assert "Zoë 1" in browser.text()
        assert log(folder, "annotator") == [("Zoë 1",)]
    finally:
        browser.driver.get("about:blank")
        stop.set()
        server.join(30)


def test_the_page_says_what_screen_readers_need(
    browser: Browser, served: Callable[..., str], tmp_path: Path
) -> None:
    served(text_session(tmp_path / "lab"))
    row = browser.row
    assert browser.js("document.querySelector('#live[aria-live=polite]').textContent").startswith(
        f"text {row}"
    )
    browser.press("1")
    browser.wait(f"document.querySelector('#live').textContent.startsWith('text {browser.row}')")
    nameless = (
        "[...document.querySelectorAll('button, input, a, svg[role], [role]')].filter((one) => "
        "one.offsetParent && !(one.ariaLabel || one.textContent.trim() || one.labels?.length))"
    )
    assert browser.js(f"{nameless}.map((one) => one.outerHTML.slice(0, 80))") == []
    assert browser.js("document.querySelectorAll('h1').length") == 1
    assert browser.js("document.querySelector('[role=progressbar]').ariaValueMax") == "60"
    seen = set()
    for _ in range(12):
        browser.press("Tab")
        width = "getComputedStyle(document.activeElement).outlineStyle"
        name = browser.js("document.activeElement.textContent.trim()")
        if browser.js("document.activeElement.tagName") != "BODY":
            assert browser.js(width) == "solid", name
            seen.add(name)
    assert {"1good", "2bad", "Undo Z", "Skip Space", "Keys ?"} <= seen
    browser.press("?")
    browser.wait("document.querySelector('dialog[open]')")
    assert "label the row" in browser.text()
    before = browser.row
    browser.press("1")  # of the dialog, not of the row
    browser.press("Escape")
    browser.wait("!document.querySelector('dialog[open]')")
    assert browser.row == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 500, 1280])
def test_nothing_is_cut_at_any_width_in_either_theme(
    browser: Browser, served: Callable[..., str], tmp_path: Path, width: int, scheme: str
) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        classes = ("a" * 60, *(f"class {number}" for number in range(20)))
        served(text_session(tmp_path / "lab", classes=classes))
        browser.size(width, 800)
        assert browser.row
        assert browser.js("document.documentElement.scrollWidth") <= width
        ground = browser.js("getComputedStyle(document.body).backgroundColor")
        assert (sum(json.loads(f"[{ground[4:-1]}]")) < 200) == (scheme == "dark")
        heights = "[...document.querySelectorAll('.class')].map((one) => one.offsetHeight)"
        assert min(browser.js(heights)) >= 44  # for a finger
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
