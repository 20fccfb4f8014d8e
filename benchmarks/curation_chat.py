"""Claim: copies of six kinds among conversations: recall and precision are .95 or more.

Sets, copies and look-alikes: see `planted/chats.py`. Rules were made while looking at the first
set (docstrings of numpy and scipy); of the second and the last only these numbers were seen,
several times, and the third was judged once, after all rules stood. A copy counts as found where
one of its family goes and names another one of it; a row that goes for the sake of another family
is false. Peers name no twin: there a row that goes is right where another one of its family stays.

Peers: SemHash at the threshold of a grid that is best on the truth, by vectors of the encoder that
we ship, for prompt and answer and for the prompt alone; datatrove's MinHash as it stands (5-grams
of words, 14 bands of 8), for both too. See `peers/chat_dedup.py`; without `--peers` they are left
out.

Run: THRESHER_DATA=… python benchmarks/curation_chat.py --peers PYTHON --out chat.json
Data: ``text_classification.parquet`` in THRESHER_DATA; the packages' docs are installed with ours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from planted.chats import KINDS, LOOK_ALIKES, Planted, plant, sources

from curation import find_chat_issues
from thresher.core import embed
from thresher.core.files import write_json

OURS = "Thresher"
BASE, EACH = 1500, 80


def ours(planted: Planted) -> dict[str, Any]:
    rows = [
        {"messages": [{"role": role, "content": text} for role, text in turns]}
        for turns in planted.rows
    ]
    start = time.process_time()
    found = find_chat_issues(rows)
    cpu = time.process_time() - start
    twins = {row: int(twin) for row, twin in enumerate(found.duplicate_of) if twin >= 0}
    return judged(planted, twins) | {"cpu_s": cpu}


def judged(planted: Planted, twins: dict[int, int]) -> dict[str, Any]:
    """Count copies that were found by kind, and rows that go wrongly."""
    family = planted.family
    right = {row for row, twin in twins.items() if family[row] == family[twin]}
    caught = {family[row] for row in right}
    hits: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for number, kind in zip(family, planted.kind, strict=True):
        if kind in hits:
            hits[kind].append(number in caught)
    recall = {kind: float(np.mean(found)) for kind, found in hits.items()}
    wrong = [planted.kind[row] or "row as it was" for row in twins if row not in right]
    return {
        "recall": float(np.mean(list(recall.values()))),
        "recall by kind": recall,
        "precision": len(right) / max(1, len(twins)),
        "dropped": len(twins),
        "false": {kind: wrong.count(kind) for kind in dict.fromkeys(wrong)},
    }


def theirs(planted: Planted, python: str) -> dict[str, dict[str, Any]]:
    script = Path(__file__).parent / "peers" / "chat_dedup.py"
    sides = {
        "whole": ["\n".join(text for _, text in turns) for turns in planted.rows],
        "prompt": ["\n".join(t for role, t in turns if role == "user") for turns in planted.rows],
    }
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for side, texts in sides.items():
            vectors = embed(texts, encoder="meaning:text").vectors
            np.save(folder / f"{side}.npy", np.asarray(vectors, np.float32))
        pairs = zip(*sides.values(), strict=True)
        lines = [json.dumps({"whole": whole, "prompt": prompt}) for whole, prompt in pairs]
        (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
        done = subprocess.run(
            [python, str(script), work], capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"The peers failed:\n{done.stderr[-2000:]}")
    answers = json.loads(done.stdout)
    found = {}
    for name, answer in answers.items():
        tried = {
            threshold: judged_alone(planted, dropped)
            for threshold, dropped in answer["dropped"].items()
        }
        best = max(tried, key=lambda threshold: f1(tried[threshold]))
        found[name] = tried[best] | {"threshold": best, "cpu_s": answer["cpu_s"]}
    return found


def judged_alone(planted: Planted, dropped: list[int]) -> dict[str, Any]:
    """Judge dropped rows without twins: right where another one of the family stays."""
    gone, family = set(dropped), planted.family
    stays = {number: row for row, number in enumerate(family) if row not in gone}
    twins = {}
    for row in gone:
        stranger = next(at for at, number in enumerate(family) if number != family[row])
        twins[row] = stays.get(family[row], stranger)
    return judged(planted, twins)


def f1(found: dict[str, Any]) -> float:
    a, b = found["recall"], found["precision"]
    return 2 * a * b / max(1e-9, a + b)


def page(
    report: dict[str, dict[str, Any]], versions: dict[str, str], rows: dict[str, int]
) -> dict[str, Any]:
    header = ["data", "tool", "recall", "precision", *KINDS, "look-alikes that go", "CPU-s"]
    cells = []
    for data, tools in report.items():
        for tool, found in tools.items():
            false = sum(count for kind, count in found["false"].items() if kind.startswith("look"))
            name = f"{tool}, {found['threshold']}" if "threshold" in found else tool
            cells.append(
                [
                    f"{data} ({rows[data]:,} rows)",
                    name,
                    f"{found['recall']:.3f}",
                    f"{found['precision']:.3f}",
                    *(f"{found['recall by kind'][kind]:.2f}" for kind in KINDS),
                    f"{false} of {EACH * len(LOOK_ALIKES)}",
                    f"{found['cpu_s']:.1f}",
                ]
            )  # fmt: skip
    peers = ", ".join(f"{name} {number}" for name, number in versions.items())
    return {
        "title": "Copies among conversations",
        "note": f"{EACH} copies of each of six kinds, and as many look-alikes of each of four, "
        "among conversations made from documentation and from questions; recall is the mean of "
        "the kinds. Rules were made on the first set; the third was judged once, after all rules "
        f"stood. Peers at the best threshold of a grid on the truth. {peers}.",
        "tables": [{"caption": "", "header": header, "rows": cells}],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("curation_chat.json"))
    parser.add_argument("--peers", help="A Python with semhash and datatrove.")
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    folder = Path(os.environ["THRESHER_DATA"])
    rng = np.random.default_rng(0)
    report: dict[str, dict[str, Any]] = {}
    sizes = {}
    for name, make in sources(folder, rng, BASE).items():
        planted = plant(make(), rng, each=EACH)
        if options.only and name not in options.only:
            continue
        sizes[name] = len(planted.rows)
        report[name] = {OURS: ours(planted)}
        if options.peers:
            report[name] |= theirs(planted, options.peers)
        for tool, found in report[name].items():
            print(name, tool, json.dumps(found), flush=True)
    versions = {"Thresher": version("thresher"), "SemHash": "0.5.0", "datatrove": "0.10.1"}
    write_json(
        options.out,
        {"results": report, "versions": versions, "page": page(report, versions, sizes)},
    )


if __name__ == "__main__":
    main()
