"""The commands of the tutorial on labeling images run as they stand; a program labels by color."""

from __future__ import annotations

import io
import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="needs thresher[web]")

from PIL import Image

from thresher.app.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/tutorials/label_images.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0].strip().splitlines()
SPEC = {"warm": (40, 0, -40), "cold": (-40, 0, 40)}


def write_photos(folder: Path) -> None:
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(60):
        tint = SPEC["warm" if number % 2 else "cold"]
        image = np.full((48, 48, 3), 128.0) + tint
        for size in (4, 8, 16):
            blots = draw.normal(0, 26, (size, size, 3))
            image += np.kron(blots, np.ones((48 // size, 48 // size, 1)))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")
    (folder / "copy.png").write_bytes((folder / "07.png").read_bytes())
    (folder / "cut-off.png").write_bytes((folder / "08.png").read_bytes()[:900])


class Person:
    """Looks at pictures through the page's own addresses, and says what color they have."""

    def __init__(self, link: str) -> None:
        self.url = link.partition("/?")[0]
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(jar)
        self.opener.open(link).close()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if data else {}
        request = urllib.request.Request(self.url + path, data, headers)
        with self.opener.open(request) as answer:
            return answer.read()

    def label(self, count: int) -> int:
        who, done = {"annotator": "ann", "lease": "tab"}, 0
        while done < count:
            body = {**who, "count": 5, "have": []}
            rows = json.loads(self.ask("/api/label/next", body))["rows"]
            messages = []
            for row in rows:
                pixels = np.asarray(Image.open(io.BytesIO(self.ask(f"/media/{row['row']}"))))
                name = "warm" if pixels[..., 0].mean() > pixels[..., 2].mean() else "cold"
                message = {"key": f"k{done}", "kind": "label", "label": name, "seconds": 1.0}
                messages.append({**who, **message, "row": row["row"]})
                done += 1
            replies = json.loads(self.ask("/api/label/answers", {"messages": messages}))["replies"]
            assert all(reply["saved"] for reply in replies)
        return done


def test_the_commands_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_photos(tmp_path / "photos")
    shown = {}
    for line in COMMANDS:
        program, *words = shlex.split(line)
        assert program == "thresher"
        command = [sys.executable, "-m", "thresher", *words]
        if words[0] == "serve-labels":
            server = subprocess.Popen(
                [*command, "--no-browser", "--port", "0"],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert server.stdout is not None
            try:
                assert Person(server.stdout.readline().split()[1]).label(40) >= 40
            finally:
                server.send_signal(signal.SIGINT)
                server.communicate(timeout=60)
            assert server.returncode == 0
        else:  # here: to start a process takes longer than most commands
            monkeypatch.setattr(sys, "argv", ["thresher", *words])
            code = None
            try:
                main()
            except SystemExit as leaving:
                code = leaving.code
            shown[" ".join(words[:2])] = said = "".join(capsys.readouterr())
            assert not code, said
    assert "cut-off.png" in shown["curate photos"]
    assert len(list((tmp_path / "clean/clean").glob("*.png"))) == 60
    assert "40 of 60 rows labeled" in shown["label status"]
    labeled = datasets.load_dataset(str(tmp_path / "labeled"), split="train")
    assert len(labeled) == 40
    for row in labeled:
        pixels = np.asarray(row["image"])
        name = labeled.features["label"].int2str(row["label"])
        assert name == ("warm" if pixels[..., 0].mean() > pixels[..., 2].mean() else "cold")
    assert (tmp_path / "doubtful.csv").exists()
