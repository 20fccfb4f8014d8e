"""A person at the real page: what keys and the mouse make there is what the session records."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from label_studio_server import PASSWORD
from people_of_label_studio import Desk, Place, desk_at

from active_learning.adapters.label_studio.config import Shown
from active_learning.adapters.label_studio.incoming import pull
from active_learning.adapters.label_studio.outgoing import push

pytestmark = [pytest.mark.browser, pytest.mark.label_studio]
ANN = "ann@example.com"
# Two characters that JavaScript counts as four, and a line end of two.
TEXT = "ab 😀😀\r\nmid\nhello there"
LONG_S = 90.0
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--window-size=1400,1000")  # fmt: skip
PLACE_OF = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode()); ) {
  const at = node.data.indexOf(arguments[0]);
  if (at < 0 || !node.parentElement.closest('[class*=richtext]')) continue;
  const range = document.createRange();
  range.setStart(node, at);
  range.setEnd(node, at + arguments[0].length);
  const box = range.getBoundingClientRect();
  return [box.left, box.right, box.top + box.height / 2];
}
"""


@pytest.fixture
def driver() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(programs):
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in FLAGS:
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    yield made
    made.quit()


def until(true: Any) -> Any:
    end = time.monotonic() + LONG_S
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.2)
    assert found
    return found


def press(driver: Any, key: str, *, code: str, number: int, modifiers: int = 0) -> None:
    event = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
    driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", **event})
    driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})


def drag(driver: Any, left: float, right: float, middle: float) -> None:
    for kind, x in (("mousePressed", left + 1), ("mouseMoved", right), ("mouseReleased", right)):
        event = {"type": kind, "x": x, "y": middle, "button": "left", "clickCount": 1}
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def test_a_span_marked_on_the_page_lies_where_it_was_marked(
    driver: Any, real_url: str, tmp_path: Path
) -> None:
    shown = Shown("text", ("t",), lambda rows: {row: {"t": TEXT} for row in rows})
    with httpx.Client(timeout=120) as http:
        desk = desk_at(Place(real_url, http, None), tmp_path, task="spans", shown=shown)
        (row,) = push(desk.connection, n=1)
        log_in(driver, real_url)
        open_task(driver, desk)
        press(driver, "2", code="Digit2", number=50)  # the second class
        drag(driver, *driver.execute_script(PLACE_OF, "hello"))
        until(lambda: "dog" in driver.page_source)
        time.sleep(1)
        press(driver, "Enter", code="Enter", number=13, modifiers=2)  # Ctrl: submit
        until(lambda: pull(desk.connection).new)
        start = TEXT.index("hello")
        wanted = [{"start": start, "end": start + 5, "label": "dog"}]
        assert desk.connection.session.recorded() == {(row, ANN): wanted}


def log_in(driver: Any, url: str) -> None:
    driver.get(f"{url}/user/login")
    fields = until(lambda: driver.find_elements("name", "email"))
    fields[0].send_keys(ANN)
    driver.find_element("name", "password").send_keys(PASSWORD, "\n")
    until(lambda: "/user/login" not in driver.current_url)


def open_task(driver: Any, desk: Desk) -> None:
    (task,) = desk.tasks()
    driver.get(f"{desk.connection.address}?task={task['id']}")
    until(lambda: driver.execute_script(PLACE_OF, "hello"))
