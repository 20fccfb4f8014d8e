"""Claim: on the labeling page the next row is seen at once, however many answers are stored.

A session of 200,000 texts with 1,000,000 answers in its file (ten people, 100,000 rows), served by
`thresher.app.serve_labels` while models are fitted in the background, and headless Chromium on the
same machine. Times are taken in the page: from the key to the second animation frame after it in
which the next row stands; and from the key until the server has said that the answer is on disk.
CPU is that of the threads that serve (event loop, workers, the writer), from the kernel's counters.

Peer: Label Studio, in an environment of its own (`pip install label-studio`), in the same run and
browser: the same texts and classes with hotkeys, timed from Ctrl+Enter in the same way. Give the
path of its program with --label-studio or in THRESHER_LABEL_STUDIO; without it, it is left out.

Needs chromium and chromium-driver, and pip install 'thresher[dev]'.

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_page.py --label-studio PROGRAM --out FILE
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from peers.processes import family

from thresher.app import label_init, serve_labels
from thresher.core.embeddings import Embeddings
from thresher.core.files import write_json
from thresher.core.labels import Answer, Labels

CLASSES = ("good", "bad")
PEOPLE, DIMENSIONS = 10, 16
CODES = {"Enter": 13}
CONTROL = 2
CHOSEN = (
    "document.querySelector('input[type=radio]:checked, input[type=checkbox]:checked, "
    "[class*=choice] input:checked')"
)
TICKS = os.sysconf("SC_CLK_TCK")
Found = dict[str, Any]

# From a key to the second frame with another row; from a stored answer to its removal.
CLOCKS = """
window.drawn = []; window.saved = [];
const shown = () => %s;
window.addEventListener("keydown", (event) => {
  if (!(%s)) return;
  const began = performance.now(), before = shown();
  const look = () => {
    const now = shown();
    if (now && now !== before) requestAnimationFrame(() => drawn.push(performance.now() - began));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}, true);
const put = Storage.prototype.setItem, take = Storage.prototype.removeItem, open = new Map();
Storage.prototype.setItem = function (key, value) {
  open.set(key, performance.now());
  put.call(this, key, value);
};
Storage.prototype.removeItem = function (key) {
  if (open.has(key)) saved.push(performance.now() - open.get(key));
  take.call(this, key);
};
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Open a headless browser."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.add_argument("--window-size=1280,900")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def press(driver: Any, key: str, *, modifiers: int = 0) -> None:
    """Send one key to the page."""
    code = CODES.get(key, ord(key.upper()[0]))
    event = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
    event["code"] = "Enter" if key == "Enter" else f"Digit{key}"
    text = {} if modifiers else {"text": "\r" if key == "Enter" else key}
    driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", **event, **text})
    driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})


def wait(driver: Any, code: str, *, seconds: float) -> Any:
    """Return what an expression gives as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = driver.execute_script(f"return {code}")
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError(f"{code} did not become true within {seconds:g} s")


def texts(n: int) -> list[str]:
    """Return short reviews."""
    words = np.array(["fine", "cold", "quick", "rude", "warm", "late", "clean", "loud"])
    picks = np.random.default_rng(0).integers(len(words), size=(n, 6))
    return [f"{' '.join(words[row])}, visit {number}" for number, row in enumerate(picks)]


def session(folder: Path, *, rows: int, answers: int) -> None:
    """Start a session with so many answers in its file."""
    vectors = np.random.default_rng(1).standard_normal((rows, DIMENSIONS), dtype=np.float32)
    embeddings = Embeddings.from_vectors(vectors)
    data = datasets.Dataset.from_dict({"text": texts(rows), "row_id": embeddings.row_ids.tolist()})
    label_init(data, out=folder, classes=list(CLASSES), embeddings=embeddings)
    if not answers:
        return
    said = (vectors[:, 0] > 0).astype(int)
    with Labels(folder / "labels.db") as labels:
        for person in range(PEOPLE):
            ids = embeddings.row_ids[: answers // PEOPLE].tolist()
            labels.record(
                [
                    Answer(row_id, CLASSES[said[place]], f"person {person}")
                    for place, row_id in enumerate(ids)
                ]
            )


def thread_seconds() -> dict[int, float]:
    """Return the CPU-seconds of each thread of this process that serves, by its number."""
    serving = ("server", "AnyIO", "asyncio", "desk writer", "thumbnails")
    found = {}
    for thread in threading.enumerate():
        if thread.name.startswith(serving) and thread.native_id is not None:
            text = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
            user, system = text.rpartition(")")[2].split()[11:13]
            found[thread.native_id] = (int(user) + int(system)) / TICKS
    return found


def tree_seconds(pid: int) -> float:
    """Return the CPU-seconds of a process and all below it."""
    ticks = 0
    for process in family(pid):
        with suppress(OSError):  # it ended meanwhile
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def ours(driver: Any, folder: Path, *, labels: int, pause: float) -> Found:
    """Label by keys on our page."""
    stop, ready, links = threading.Event(), threading.Event(), dict[str, str]()

    def say(given: Mapping[str, str]) -> None:
        links.update(given)
        ready.set()

    server = threading.Thread(
        target=lambda: serve_labels(folder, annotators=["ann"], port=0, say=say, stop=stop),
        name="server",
    )
    server.start()
    try:
        ready.wait()
        driver.get(links["ann"])
        row = "document.querySelector('article:not([hidden])')?.dataset.row"
        wait(driver, row, seconds=300)
        driver.execute_script(CLOCKS % (row, "['1', '2'].includes(event.key)"))
        before = thread_seconds()
        for number in range(labels):
            press(driver, "12"[number % 2])
            wait(driver, f"window.drawn.length > {number}", seconds=60)
            time.sleep(pause)
        wait(driver, f"window.saved.length >= {labels}", seconds=60)
        after = thread_seconds()
        cpu = sum(seconds - before.get(thread, 0.0) for thread, seconds in after.items())
        drawn, saved = (
            driver.execute_script(f"return window.{name}") for name in ("drawn", "saved")
        )
    finally:
        driver.get("about:blank")
        stop.set()
        server.join()
    return {
        "drawn_ms": drawn,
        "saved_ms": saved,
        "cpu_ms_per_label": 1000 * cpu / labels,
        "keys": 1,
    }


@contextmanager
def label_studio(program: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """Start a server of Label Studio with a new SQLite file; give its address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"LABEL_STUDIO_BASE_DATA_DIR": str(folder), "DJANGO_DB": "sqlite"}
    environment |= {"LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "0"}
    environment |= {"SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "LATEST_VERSION_CHECK": "0"}
    command = [str(program), "start", "--no-browser", "--internal-host", "127.0.0.1"]
    command += ["--port", str(port), "--data-dir", str(folder), "--username", "ann@example.com"]
    command += ["--password", "password-of-ann-1", "--user-token", "t" * 40]
    with open(folder / "server.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            end = time.monotonic() + 900
            while time.monotonic() < end and server.poll() is None:
                try:
                    with urllib.request.urlopen(f"{url}/health", timeout=5):
                        break
                except OSError:
                    time.sleep(1)
            yield url, server.pid
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def call(url: str, body: object) -> Any:
    """Send JSON to Label Studio and return what it answers."""
    headers = {"Authorization": f"Token {'t' * 40}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def version_of(program: Path) -> str:
    """Return the version of Label Studio in the environment of its program."""
    code = "from importlib.metadata import version; print(version('label-studio'))"
    command = [str(program.parent / "python"), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def theirs(driver: Any, program: Path, *, labels: int) -> Found:
    """Label by keys on Label Studio's page."""
    choices = "".join(
        f'<Choice value="{name}" hotkey="{number + 1}"/>' for number, name in enumerate(CLASSES)
    )
    config = f'<View><Text name="text" value="$text"/><Choices name="label" toName="text">{choices}'
    with (
        tempfile.TemporaryDirectory() as folder,
        label_studio(program, Path(folder)) as (url, pid),
    ):
        body = {"title": "texts", "label_config": f"{config}</Choices></View>"}
        project = call(f"{url}/api/projects", body)["id"]
        tasks = [{"data": {"text": text}} for text in texts(200)]
        call(f"{url}/api/projects/{project}/import", tasks)
        driver.get(f"{url}/user/login")
        for name, text in (("email", "ann@example.com"), ("password", "password-of-ann-1")):
            driver.find_element("name", name).send_keys(text)
        driver.find_element("css selector", "form button[type=submit], form [type=submit]").click()
        driver.get(f"{url}/projects/{project}/data?labeling=1")
        text = "document.querySelector('[class*=richtext]')?.innerText.trim()"
        wait(driver, text, seconds=300)
        driver.execute_script(CLOCKS % (text, "event.key === 'Enter' && event.ctrlKey"))
        before = tree_seconds(pid)
        for number in range(labels):
            press(driver, "12"[number % 2])
            wait(driver, CHOSEN, seconds=120)
            press(driver, "Enter", modifiers=CONTROL)
            wait(driver, f"window.drawn.length > {number}", seconds=300)
        drawn = driver.execute_script("return window.drawn")
        cpu = tree_seconds(pid) - before
        driver.get("about:blank")
    return {
        "drawn_ms": drawn,
        "cpu_ms_per_label": 1000 * cpu / labels,
        "keys": 2,
        "version": version_of(program),
    }


def page(found: Found) -> Found:
    """Return the table for readers."""

    def line(name: str, one: Found) -> list[str]:
        drawn = np.percentile(one["drawn_ms"], [50, 95])
        saved = (
            [f"{ms:,.0f}" for ms in np.percentile(one["saved_ms"], [50, 95])]
            if "saved_ms" in one
            else ["", ""]
        )
        shown = [f"{ms:,.0f}" for ms in drawn]
        count = str(len(one["drawn_ms"]))
        return [name, count, str(one["keys"]), *shown, *saved, f"{one['cpu_ms_per_label']:.1f}"]

    rows = [line("thresher serve-labels", found["ours"])]
    note = (
        f"{found['answers']:,} answers stored, {found['rows']:,} rows, training in the background, "
        f"headless Chromium on the same {found['cpus']} cores; load {found['load']:.0f} meanwhile."
    )
    if "theirs" in found:
        rows.append(line(f"Label Studio {found['theirs']['version']}, 200 rows", found["theirs"]))
        ratio = np.median(found["theirs"]["drawn_ms"]) / np.median(found["ours"]["drawn_ms"])
        note += f" Median from key to next row: Label Studio takes {ratio:,.0f} times as long."
    header = ["page", "labels", "keys per label", "next row ms p50", "p95"]
    header += ["saved ms p50", "p95", "server CPU-ms per label"]
    table = {
        "caption": "From the last key of a label to the next row, and to disk",
        "header": header,
        "rows": rows,
    }
    return {"title": "The labeling page", "note": note, "tables": [table]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=300)
    parser.add_argument("--pause", type=float, default=0.2, help="Seconds between labels.")
    parser.add_argument("--their-labels", type=int, default=12)
    parser.add_argument(
        "--label-studio", type=Path, default=os.environ.get("THRESHER_LABEL_STUDIO")
    )
    options = parser.parse_args()
    found: Found = {"rows": options.rows, "answers": options.answers, "cpus": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder, chromium() as driver:
        session(Path(folder) / "session", rows=options.rows, answers=options.answers)
        found["ours"] = ours(
            driver, Path(folder) / "session", labels=options.labels, pause=options.pause
        )
        found["load"] = os.getloadavg()[0]
        if options.label_studio is not None:
            found["theirs"] = theirs(driver, options.label_studio, labels=options.their_labels)
    found |= {"page": page(found), "python": platform.python_version()}
    for line in found["page"]["tables"][0]["rows"]:
        print(" | ".join(line))
    print(found["page"]["note"])
    if options.out is not None:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
