"""Reviews that are served to a browser."""

from __future__ import annotations

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

TOKEN = "token-of-the-tests"


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
