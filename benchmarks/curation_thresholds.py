"""Claim: the threshold of near-duplicate texts that is learnt from them finds more, and is honest.

Ours: `text_graph` with the threshold that it learns, and with .8 as before. Said: the precision
that `suggest_text_threshold` expects at that threshold, beside the share of the texts found that
have a duplicate. Peers at their default thresholds: datasketch and rensa (128 MinHash values of
word sets), SemHash (on our built-in text vectors, since its own model needs a download); every pair
that a tool reports counts.

Sets: records with all true pairs, and real texts with copies edited once or twice in twelve ways.
The last two took no part in choosing the rule. Texts that are duplicates by nature
among those with planted copies count as wrong, so that precision is understated there.

Data: the folder in THRESHER_DATA holds ``dup_records.parquet`` and ``dup_records_pairs.parquet``,
``text_classification.parquet``, ``text_pairs.parquet`` and ``text_noisy_labels_hausa.parquet``
(columns as in ``peers/text_corpora.py``).

Run: THRESHER_DATA=… python benchmarks/curation_thresholds.py --out thresholds.json
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from curation import suggest_text_threshold, text_graph
from thresher.core.encoders import get_encoder
from thresher.core.files import write_json

sys.path.insert(0, str(Path(__file__).resolve().parent))
from peers.text_corpora import Labeled, planted, records

Pairs = tuple[np.ndarray, np.ndarray]
Found = tuple[Pairs, dict[str, Any]]

SETS: dict[str, tuple[bool, Callable[[Path], Labeled]]] = {
    "Hausa news": (True, lambda at: planted(at, "hausa_news", rows=1500, copies=300)),
    "Banking77": (True, lambda at: planted(at, "banking77", rows=4000, copies=400)),
    "Cora": (True, lambda at: records(at, "cora")[1]),
    "Febrl": (True, lambda at: records(at, "febrl1")[1]),
    "TREC": (True, lambda at: planted(at, "trec", rows=4000, copies=400)),
    "Abt-Buy, one shop": (True, lambda at: one_shop(at)),
    "CDDB": (True, lambda at: records(at, "cddb", singles=3500)[1]),
    "MRPC": (True, lambda at: planted(at, "mrpc", rows=2500, copies=250)),
    "STS-B": (True, lambda at: planted(at, "stsb", rows=3000, copies=100)),
    "movie reviews": (True, lambda at: planted(at, "rt_polarity", rows=3000, copies=300)),
    "SUBJ": (False, lambda at: planted(at, "subj", rows=3000, copies=30)),
    "SICK": (False, lambda at: planted(at, "sick", rows=2000, copies=200)),
}


def one_shop(folder: Path) -> Labeled:
    """Names of one shop's products, each different, with 100 edited copies."""
    from peers.text_corpora import edited

    rows, _ = records(folder, "abt-buy")
    names = rows.loc[rows["source"] == "A", "text"].str.split(" | ", regex=False).str[0]
    texts, rng = names.drop_duplicates().tolist(), np.random.default_rng(0)
    chosen = rng.choice(len(texts), 100, replace=False)
    made = [edited(texts[row], int(rng.integers(1, 3)), rng) for row in chosen]
    return [*texts, *made], np.concatenate([np.arange(len(texts)), chosen])


def learnt(texts: list[str]) -> Found:
    graph = text_graph(texts)
    # With next to no target the lowest level is taken, which is the floor.
    said = suggest_text_threshold(texts, floor=graph.threshold, target_precision=1e-3)
    first, second, _ = graph.expand().pairs()
    return (first, second), {
        "threshold": graph.threshold,
        "said": said.precision if said.threshold == graph.threshold else None,
        "why": graph.method.partition("; threshold ")[2],
    }


def usual(texts: list[str]) -> Found:
    first, second, _ = text_graph(texts, threshold=0.8).expand().pairs()
    return (first, second), {"threshold": 0.8}


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower()) or [text]


def as_pairs(found: set[tuple[int, int]]) -> Pairs:
    array = np.array(sorted(found), np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def by_index(index: Any, values: list[Any], threshold: float) -> Found:
    for row, value in enumerate(values):
        index.insert(row, value)
    found = {
        (min(row, other), max(row, other))
        for row, value in enumerate(values)
        for other in index.query(value)
        if other != row and value.jaccard(values[other]) >= threshold
    }
    return as_pairs(found), {"threshold": threshold}


def with_datasketch(texts: list[str]) -> Found:
    from datasketch import MinHash, MinHashLSH

    values = MinHash.bulk([[word.encode() for word in words(text)] for text in texts])
    return by_index(MinHashLSH(threshold=0.9, num_perm=128), values, 0.9)


def with_rensa(texts: list[str]) -> Found:
    from rensa import RMinHash, RMinHashLSH

    values = []
    for text in texts:
        value = RMinHash(num_perm=128, seed=42)
        value.update(words(text))
        values.append(value)
    return by_index(RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16), values, 0.8)


def with_semhash(texts: list[str]) -> Found:
    from semhash import SemHash

    encoder = get_encoder("builtin:text", modality="text", random_state=0)
    encoder = encoder.fit(texts) if hasattr(encoder, "fit") else encoder
    rows = [{"text": text, "row": str(row)} for row, text in enumerate(texts)]
    index = SemHash.from_embeddings(encoder.encode(texts), rows, model=encoder, columns=["text"])
    found = index.self_deduplicate(threshold=0.9)
    pairs = [(int(entry.record["row"]), int(entry.duplicate_of["row"])) for entry in found.filtered]
    return as_pairs({(min(pair), max(pair)) for pair in pairs}), {"threshold": 0.9}


TOOLS: dict[str, tuple[str | None, Callable[[list[str]], Found]]] = {
    "Thresher": (None, learnt),
    "Thresher at .8": (None, usual),
    "datasketch": ("datasketch", with_datasketch),
    "rensa": ("rensa", with_rensa),
    "SemHash": ("semhash", with_semhash),
}


def judged(pairs: Pairs, things: np.ndarray) -> dict[str, float]:
    right = things[pairs[0]] == things[pairs[1]]
    counts = np.bincount(things)
    total = int((counts * (counts - 1) // 2).sum())
    touched = np.unique(np.concatenate(pairs))
    alone = counts[things[touched]] == 1
    return {
        "precision": float(right.mean()) if len(right) else 1.0,
        "recall": float(right.sum() / total),
        "F1": float(2 * right.sum() / (len(right) + total)),
        "rows with a duplicate": float(1 - alone.mean()) if len(touched) else 1.0,
    }


def installed() -> dict[str, str]:
    found = {}
    for name, (package, _) in TOOLS.items():
        try:
            found[name] = version(package) if package else "this tree"
        except PackageNotFoundError:
            print(f"{name} is not installed and is left out")
    return found


def page(report: list[dict[str, Any]], versions: dict[str, str]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = []
    for r in report:
        said = r.get("said")
        rows.append(
            [
                r["data"] + ("" if r["took part"] else " *"),
                r["tool"],
                f"{r['threshold']:g}",
                "" if said is None else f"{said:.2f}",
                f"{r['rows with a duplicate']:.2f}",
                *(f"{r[name]:.3f}" for name in ("precision", "recall", "F1")),
                f"{r['cpu_s']:.1f}",
            ]
        )
    peers = ", ".join(f"{name} {value}" for name, value in versions.items() if value[0].isdigit())
    header = ["data", "tool", "threshold", "said", "rows with a duplicate"]
    return {
        "title": "Thresholds of near-duplicate texts",
        "note": "Precision, recall and F1 of all pairs reported. “said”: the precision that we "
        "expect, to be held against “rows with a duplicate”, the share of the texts found that "
        "have one. Sets with * took no part in choosing the rule. Peers at their default "
        f"thresholds. {peers}.",
        "tables": [
            {
                "caption": "",
                "header": [*header, "precision", "recall", "F1", "CPU-s"],
                "rows": rows,
            }
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("curation_thresholds.json"))
    parser.add_argument("--tools", nargs="*", choices=list(TOOLS))
    parser.add_argument("--only", action="append", choices=list(SETS), help="one of the sets")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    versions = installed()
    folder = Path(os.environ["THRESHER_DATA"])
    report: list[dict[str, Any]] = []
    for name, (took_part, load) in SETS.items():
        if options.only and name not in options.only:
            continue
        texts, things = load(folder)
        for tool in options.tools or TOOLS:
            if tool not in versions:
                continue
            start = time.process_time()
            pairs, more = TOOLS[tool][1](texts)
            cpu = time.process_time() - start
            key = {"data": name, "took part": took_part, "texts": len(texts), "tool": tool}
            report.append(key | {"cpu_s": cpu} | more | judged(pairs, things))
            print(report[-1], flush=True)
    write_json(
        options.out, {"results": report, "versions": versions, "page": page(report, versions)}
    )


if __name__ == "__main__":
    main()
