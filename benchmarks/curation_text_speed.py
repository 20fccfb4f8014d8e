"""Claim: 200,000 short texts are checked for copies and damage in minutes on one thread.

Texts of 5 to 25 words from a vocabulary of 20,000 whose frequencies fall as in language (Zipf), a
twentieth of them edited copies of others, made here. `Curator` with the checks of quality, exact
and near duplicates, without a threshold given, in a process of its own for each size: CPU-seconds
of all threads, peak memory of the process, and the share of the planted copies that is dropped.

Run: OMP_NUM_THREADS=1 python benchmarks/curation_text_speed.py --out text_speed.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from curation import Curator
from thresher.core.files import write_json

sys.path.insert(0, str(Path(__file__).resolve().parent))
from peers.text_corpora import edited

SIZES = (20_000, 200_000)
STEPS = ("quality", "exact_duplicate", "near_duplicate")
COPIED = 20


def made(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Return texts, and for each the text that it is a copy of, itself for originals."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    lengths = rng.integers(2, 11, 20_000)
    vocabulary = ["".join(rng.choice(letters, length)) for length in lengths]
    chances = 1 / np.arange(10, len(vocabulary) + 10)
    copies = n // COPIED
    counts = rng.integers(5, 26, n - copies)
    drawn = rng.choice(len(vocabulary), counts.sum(), p=chances / chances.sum())
    words = [vocabulary[word] for word in drawn.tolist()]
    ends = np.cumsum(counts)
    texts = [" ".join(words[end - k : end]) for k, end in zip(counts, ends, strict=True)]
    sources = rng.choice(len(texts), copies, replace=False)
    copied = [edited(texts[row], 1, rng) for row in sources.tolist()]
    return [*texts, *copied], np.concatenate([np.arange(len(texts)), sources])


def measured(n: int) -> dict[str, Any]:
    texts, sources = made(n)
    rows = datasets.Dataset.from_dict({"text": texts})
    start = time.process_time()
    curator = Curator(list(STEPS)).fit(rows)
    cpu = time.process_time() - start
    dropped = np.asarray(curator.manifest_.actions == "drop")
    copies = np.flatnonzero(sources != np.arange(n))
    lost = dropped[copies] | dropped[sources[copies]]
    return {
        "texts": n,
        "cpu_s": cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threshold": curator.threshold_,
        "found": float(lost.mean()),
        "dropped": int(dropped.sum()),
        "how": curator.checks_.methods["near_duplicate"],
    }


def page(report: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = [
        [
            f"{r['texts']:,}",
            f"{r['cpu_s']:.0f}",
            f"{r['peak_mb']:,.0f}",
            f"{r['threshold']:g}",
            f"{r['found']:.3f}",
            f"{r['dropped']:,} of {r['texts'] // COPIED:,}",
        ]
        for r in report
    ]
    header = ["texts", "CPU-seconds", "peak MB", "threshold learnt", "copies found"]
    return {
        "title": "Many short texts",
        "note": "Quality, exact and near duplicates of generated texts of 5 to 25 words, a "
        "twentieth of them edited copies; one thread, one run each on a busy machine, which costs "
        "CPU-seconds too.",
        "tables": [
            {"caption": "", "header": [*header, "dropped, and copies planted"], "rows": rows}
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("curation_text_speed.json"))
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--one", type=int, help="measure this size here and print it")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one)))
        return
    report = []
    for size in options.sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        report.append(json.loads(done.stdout.splitlines()[-1]))
        print(report[-1], flush=True)
    versions = {name: version(name) for name in ("numpy", "scipy", "datasets")}
    write_json(options.out, {"results": report, "versions": versions, "page": page(report)})


if __name__ == "__main__":
    main()
