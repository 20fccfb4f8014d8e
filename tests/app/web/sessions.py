"""Small labeling sessions for the tests of the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from thresher.app.cli.commands import app

# Markup, a turned direction, a zero character, a character outside the basic plane, a long text.
HOSTILE = (
    "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>",
    "\u202eevil\u202c gpj.exe",
    "a\x00b",
    "😀 Ada met Bob in Paris",
    "x" * 1_000_000,
    "شكرا לך thanks",
)
HOSTILE_CLASSES = ("<b>bold</b>", 'say "no"', "\u202egood", "a'; DROP TABLE answers; --")


def text_session(
    out: Path,
    texts: tuple[str, ...] = tuple(f"text {number}" for number in range(60)),
    *,
    classes: tuple[str, ...] = ("good", "bad"),
    task: str = "classification",
    audit: float = 0.2,
) -> Path:
    """Start a session on texts."""
    data = out.parent / f"{out.name}.jsonl"
    data.write_text("\n".join(json.dumps({"body": text}) for text in texts) + "\n")
    return _started(out, data, len(texts), ["--text", "body"], classes, task, audit)


def image_session(
    out: Path,
    files: dict[str, bytes],
    *,
    classes: tuple[str, ...] = ("cat", "dog"),
    task: str = "classification",
    audit: float = 0.2,
) -> Path:
    """Start a session on image files."""
    folder = out.parent / f"{out.name}-images"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return _started(out, folder, len(files), [], classes, task, audit)


def number_session(out: Path, rows: int = 40) -> Path:
    """Start a session on rows of numbers, to be given a number each."""
    data = out.parent / f"{out.name}.csv"
    lines = [f"{number},{number * 1.23456789:.8f}," for number in range(rows)]
    data.write_text("\n".join(["rooms,area,note", *lines]) + "\n")
    options = ["--features", "rooms,area"]
    return _started(out, data, rows, options, (), "regression", 0.2)


def _started(
    out: Path,
    data: Path,
    rows: int,
    options: list[str],
    classes: tuple[str, ...],
    task: str,
    audit: float,
) -> Path:
    vectors = out.parent / f"{out.name}.npy"
    rng = np.random.default_rng(0)
    np.save(vectors, rng.normal(size=(rows, 4)).astype(np.float32))
    more = ["--classes", ",".join(classes)] if classes else []
    arguments = ["label", "init", str(data), "--out", str(out), "--embeddings", str(vectors)]
    arguments += ["--task", task, "--audit", str(audit), *options, *more]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception or result.output
    return out
