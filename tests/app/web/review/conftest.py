"""Chromium, started once, and reviews that are served to it."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from contextlib import contextmanager

import pytest

pytest.importorskip("starlette", reason="needs thresher[web]")

import uvicorn

from thresher.app.review_opening import open_desk
from thresher.app.web.application import make_app
from thresher.app.web.review.site import review_site

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
TOKEN = "token-of-the-tests"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@pytest.fixture(scope="session")
def chromium():
    """A browser of 1280 by 800 pixels; tests resize it."""
    pytest.importorskip("selenium", reason="pip install selenium")
    if not (shutil.which(CHROMIUM) and shutil.which(DRIVER)):
        pytest.skip("apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, "--window-size=1280,800"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, service=Service(DRIVER))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


class Served:
    """A review behind a port, which can be stopped and started again."""

    def __init__(self, folder, data):
        self.folder, self.data = folder, data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def start(self):
        self.desk = open_desk(self.folder, self.data)
        app = make_app(review_site(self.desk, title=self.folder.name), token=TOKEN)
        config = uvicorn.Config(app, port=self.port, log_level="error", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self):
        self.server.should_exit = True
        self.thread.join()

    @property
    def link(self):
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}&as=ann"


@contextmanager
def serving(folder, data):
    served = Served(folder, data)
    try:
        yield served
    finally:
        if served.thread.is_alive():
            served.stop()
