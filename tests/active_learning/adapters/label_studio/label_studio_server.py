"""The real Label Studio server for the tests, where it is installed.

It needs an environment of its own, since it pins NumPy and OpenCV below ours:

    python3 -m venv FOLDER && FOLDER/bin/pip install label-studio
    THRESHER_LABEL_STUDIO=FOLDER pytest -m label_studio tests/active_learning/adapters

A server that runs already, with a database of its own, is given by its address in place of FOLDER.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_label_studio import TOKEN

INSTALL = (
    "needs a Label Studio server: python3 -m venv FOLDER && FOLDER/bin/pip install label-studio, "
    "then THRESHER_LABEL_STUDIO=FOLDER"
)
START_S = 540
PASSWORD = "secret-password-1"


@pytest.fixture(scope="session")
def real_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the real server; it makes its database first, which takes a minute or more."""
    environment = os.environ.get("THRESHER_LABEL_STUDIO")
    if not environment:
        pytest.skip(INSTALL)
    if environment.startswith("http"):
        yield environment
        return
    folder = tmp_path_factory.mktemp("label-studio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [Path(environment, "bin", "label-studio"), "start", "--no-browser",
             "--internal-host", "127.0.0.1", "--port", str(port), "--data-dir", folder,
             "--username", "ann@example.com", "--password", PASSWORD,
             "--user-token", TOKEN],
            env=kept | {
                "LABEL_STUDIO_BASE_DATA_DIR": str(folder), "DJANGO_DB": "sqlite",
                "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "SSRF_PROTECTION_ENABLED": "false",
                "ML_BLOCK_LOCAL_IP": "false",
                "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "COLLECT_ANALYTICS": "0",
                "LATEST_VERSION_CHECK": "0",
            },
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(START_S):
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    pytest.fail(f"Label Studio did not start:\n{log.read_text()[-3000:]}")
