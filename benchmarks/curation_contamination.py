"""Claim: benchmark items are found in texts of any size at 10 MB a CPU-second and more, in 1 GB.

Texts of 200 words from a vocabulary of 20,000 whose frequencies fall as in language (Zipf), a
fourth of them with accents and curly quotes, in JSON Lines of 20 MB, made here. In 20, 200 and
1,000 MB some 400 passages of 13 to 40 words of 2,000 items are planted. `decontaminate` in a
process of its own for each size: MB of text a CPU-second, peak memory, and planted passages that
are found. Beside it datatrove's n-grams on the smallest size. `find_repeated_spans` on the same
texts with copied spans, and on small ones against a suffix array by plain Python.

Paraphrases: half of the pairs of MRPC, STS-B and SICK that people call paraphrases are planted
among texts of four other sets; the first sentence of each pair is an item. Levels and rules were
chosen on MRPC. Of pairs with words in common only one stays, so that no planted text tells another
item.

Data: the folder in THRESHER_DATA holds ``text_pairs.parquet`` (``dataset``, ``text1``, ``text2``,
``score``) and ``text_classification.parquet`` (``dataset``, ``text``).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_contamination.py \
         --peer-python VENV/bin/python --out contamination.json
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curation import decontaminate, find_repeated_spans
from thresher.core.files import write_json

SIZES = (20, 200, 1000)
FILE_MB, WORDS, ITEMS, PLANTED = 20, 200, 2000, 400
PEER = Path(__file__).resolve().parent / "peers" / "ngram_decontamination.py"
PARAPHRASES = {"mrpc": 1.0, "stsb": 4.5, "sick": 4.5}


def vocabulary(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = ["".join(rng.choice(letters, size)) for size in rng.integers(2, 11, 20_000)]
    chances = 1 / np.arange(10, len(words) + 10)
    return np.array(words, object), np.cumsum(chances / chances.sum())


def make_texts(folder: Path, megabytes: int, *, seed: int = 0) -> dict[str, Any]:
    """Write files of texts with planted passages; return items, and the rows that hold one."""
    rng = np.random.default_rng(seed)
    words, upto = vocabulary(rng)

    def draw(count: int) -> list[str]:
        return words[np.searchsorted(upto, rng.random(count))].tolist()

    items = [draw(40) for _ in range(ITEMS)]
    spans = [draw(80) for _ in range(20)]
    files = max(1, megabytes // FILE_MB)
    planted, copied, row = [], [], 0
    known: set[int] = set()
    for number in range(files):
        lines = []
        size = 0
        while size < FILE_MB * 1e6:
            text = draw(WORDS)
            if rng.random() < PLANTED / files / 18_000:
                length, item = int(rng.integers(13, 41)), items[int(rng.integers(ITEMS))]
                start = int(rng.integers(0, 41 - length))
                text[20:20] = item[start : start + length]
                planted.append(row)
            if rng.random() < 0.002:
                span = int(rng.integers(len(spans)))
                text[100:100] = spans[span]
                if span in known:
                    copied.append(row)
                known.add(span)
            joined, end = " ".join(text[:-20]), " ".join(text[-20:])
            if row % 4 == 0:
                end = end.replace("e", "é").replace(" a", "’ “a")
            joined = f"{joined} {end}"
            lines.append(json.dumps({"text": joined}, ensure_ascii=False))
            size += len(joined)
            row += 1
        (folder / f"{number:03d}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"items": [" ".join(item) for item in items], "planted": planted, "copied": copied}


def alone(what: str, folder: Path, out: Path) -> dict[str, Any]:
    """Run one function in a process of its own."""
    command = [sys.executable, __file__, "--one", what, str(folder), str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def one(what: str, folder: Path, out: Path) -> dict[str, Any]:
    files = sorted(folder.glob("*.jsonl"))
    start = time.process_time()
    if what == "spans":
        table = find_repeated_spans(files, out).table
    else:
        items = json.loads((folder / "items.json").read_text())
        decontaminate(files, {"made": items}, out, paraphrases=what == "paraphrases")
        table = pq.read_table(out / "passages.parquet")
    return {
        "cpu_s": time.process_time() - start,
        "peak_mb": peak_mb(),
        "rows": sorted(set(table["row"].to_pylist())),
    }


def peak_mb() -> float:
    """Return the peak memory of this process; in rusage that of its parent would count."""
    (line,) = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(line) / 1024


def measured(megabytes: int, peer: str | None) -> list[dict[str, Any]]:
    with TemporaryDirectory() as name:
        folder = Path(name) / "texts"
        folder.mkdir()
        truth = make_texts(folder, megabytes)
        (folder / "items.json").write_text(json.dumps(truth["items"]))
        size = sum(path.stat().st_size for path in folder.glob("*.jsonl")) / 1e6
        found = []
        for what in ("contamination", "spans", *(["paraphrases"] if megabytes <= 20 else [])):
            result = alone(what, folder, Path(name) / what)
            wanted = set(truth["copied"] if what == "spans" else truth["planted"])
            rows = set(result.pop("rows"))
            hit, other = len(wanted & rows), len(rows - wanted)
            found.append({"what": what, "mb": size, **result, "planted": len(wanted),
                          "found": hit, "other": other})  # fmt: skip
        if peer is not None and megabytes <= 20:
            files = sorted(map(str, folder.glob("*.jsonl")))
            command = [peer, str(PEER), str(folder / "items.json"), *files]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            result = json.loads(done.stdout.splitlines()[-1])
            rows, wanted = set(result.pop("rows")), set(truth["planted"])
            counts = {"planted": len(wanted), "found": len(wanted & rows)}
            counts["other"] = len(rows - wanted)
            found.append(result | {"what": "datatrove", "mb": size} | counts)
    return found


def plain(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def apart(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keep pairs that share few of their rare words with pairs kept before."""
    words = [set(plain(first)) | set(plain(second)) for first, second in pairs]
    counts = Counter(word for each in words for word in each)
    rare = [{word for word in each if counts[word] < 0.1 * len(words)} for each in words]
    kept: list[int] = []
    for at, each in enumerate(rare):
        if each and all(len(each & rare[k]) < 0.35 * min(len(each), len(rare[k])) for k in kept):
            kept.append(at)
    return [pairs[at] for at in kept]


def paraphrased(root: Path) -> list[dict[str, Any]]:
    """Plant half of the paraphrases of each set among other texts, and judge what is found."""
    table = pq.read_table(root / "text_pairs.parquet").to_pandas()
    others = pq.read_table(root / "text_classification.parquet")["text"].to_pylist()
    results = []
    for name, least in PARAPHRASES.items():
        of_set = table[table["dataset"] == name]
        true = of_set[of_set["score"] >= least].drop_duplicates("text1").drop_duplicates("text2")
        pairs = apart(list(zip(true["text1"], true["text2"], strict=True)))
        hard = of_set[of_set["score"] <= (0 if name == "mrpc" else 3)]
        some = np.sort(np.random.default_rng(0).permutation(len(pairs))[: len(pairs) // 2])
        texts = [pairs[at][1] for at in some.tolist()] + others
        with TemporaryDirectory() as folder:
            path = Path(folder) / "texts.jsonl"
            path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
            found = decontaminate(
                path, {name: [first for first, _ in pairs]}, Path(folder) / "out", paraphrases=True
            )
            rows = pq.read_table(Path(folder) / "out" / "paraphrases.parquet").to_pylist()
            words = {(row["row"], int(row["item"])) for row in found.passages.to_pylist()}
            level = (found.paraphrases or {})["level"]
        told = {(row["row"], int(row["item"])) for row in rows}
        truth = set(enumerate(some.tolist()))
        results.append(
            {
                "set": name,
                "items": len(pairs),
                "planted": len(truth),
                "level": level,
                "stated": (found.paraphrases or {})["precision"],
                "by_words": len(truth & words),
                "found": len(truth & (told | words)),
                "right": len(truth & told),
                "told": len(told),
                "recall": len(truth & (told | words)) / len(truth),
                "precision": len(truth & told) / max(1, len(told)),
                "hard": share_above(hard, level),
            }
        )
        print(results[-1], flush=True)
    return results


def share_above(pairs: Any, level: float | None) -> float | None:
    """Return the share of pairs that people call no paraphrases and that reach the level."""
    from thresher.core.encoders.word_means import WordMeans

    if level is None:
        return None
    means = WordMeans()
    first, second = (means.encode(pairs[name].tolist()) for name in ("text1", "text2"))
    return float(((first * second).sum(axis=1) >= level).mean())


def spans_are_exact() -> dict[str, int]:
    """Compare spans with a suffix array by plain Python on texts with many repeats."""
    rng = np.random.default_rng(0)
    texts = [list(map(str, rng.integers(0, 50, rng.integers(0, 400)))) for _ in range(400)]
    for row in range(0, 400, 2):
        source = texts[int(rng.integers(400))]
        start = int(rng.integers(0, len(source) + 1))
        texts[row][5:5] = source[start : start + int(rng.integers(20, 120))]
    places = [(row, at) for row, text in enumerate(texts) for at in range(len(text))]
    places.sort(key=lambda place: texts[place[0]][place[1] :][:60])
    groups: dict[tuple[str, ...], set[tuple[int, int]]] = {}
    for one_of, next_of in pairwise(places):
        a, b = (texts[row][at : at + 50] for row, at in (one_of, next_of))
        if len(a) == 50 and a == b:
            groups.setdefault(tuple(a), set()).update((one_of, next_of))
    expected = {
        (row, word)
        for group in groups.values()
        for row, at in group - {min(group)}
        for word in range(at, at + 50)
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps({"text": " ".join(text)}) + "\n" for text in texts))
        spans = find_repeated_spans(path, Path(folder) / "out").table.to_pylist()
    found = set()
    for span in spans:
        text = " ".join(texts[span["row"]])
        first = len(text[: span["start"]].split())
        found |= {(span["row"], word) for word in range(first, first + span["words"])}
    return {"words": len(expected), "found": len(found & expected), "other": len(found - expected)}


def page(report: dict[str, Any]) -> dict[str, Any]:
    names = {"contamination": "items by words", "spans": "repeated spans", "datatrove": "datatrove",
             "paraphrases": "items by words and in other words"}  # fmt: skip
    speed = [
        [
            names[row["what"]],
            f"{row['mb']:,.0f}",
            f"{row['mb'] / row['cpu_s']:.1f}",
            f"{row['peak_mb']:,.0f}",
            f"{row['found']} of {row['planted']}",
            str(row["other"]),
        ]
        for row in report["speed"]
    ]
    told = [
        [
            row["set"],
            str(row["items"]),
            "none" if row["level"] is None else f"{row['level']:.2f}",
            f"{row['stated']:.3f}",
            f"{row['precision']:.3f}",
            f"{row['recall']:.3f} of {row['planted']}",
            "" if row["hard"] is None else f"{row['hard']:.2f}",
        ]
        for row in report["paraphrases"]
    ]
    exact = report["spans_exact"]
    return {
        "title": "Benchmark items and repeated passages in training texts",
        "note": "Made texts; some 400 passages of 13 to 40 words of 2,000 items planted, spans of "
        "80 words copied into one text in 500. Other: texts found in which none was planted. One "
        "thread, a process for each row, busy machine. Repeated spans against a suffix array by "
        f"plain Python, 400 texts: {exact['found']:,} of {exact['words']:,} words found, "
        f"{exact['other']} others. Paraphrases: levels and rules were chosen on MRPC, while the "
        "figures of all three sets were seen; planted "
        "among 39,697 texts of other sets; look-alikes are pairs that people call no paraphrases, "
        "which word vectors do not tell from those.",
        "tables": [
            {
                "caption": "Speed and what is found",
                "header": ["what", "MB", "MB a CPU-second", "peak MB", "found", "other"],
                "rows": speed,
            },
            {
                "caption": "Paraphrases",
                "header": ["set", "items", "level learnt", "precision stated", "true precision",
                           "recall", "look-alikes above"],
                "rows": told,
            },
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("curation_contamination.json"))
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--peer-python", help="a Python that has datatrove")
    parser.add_argument("--one", nargs=3, help="what, folder, out: measure here and print")
    options = parser.parse_args()
    if options.one:
        what, folder, out = options.one
        print(json.dumps(one(what, Path(folder), Path(out))))
        return
    report: dict[str, Any] = {"speed": []}
    for size in options.sizes:
        report["speed"] += measured(size, options.peer_python)
        print(*report["speed"], sep="\n", flush=True)
    report["paraphrases"] = paraphrased(Path(os.environ["THRESHER_DATA"]))
    report["spans_exact"] = spans_are_exact()
    report["versions"] = {name: version(name) for name in ("numpy", "pyarrow", "wordllama")}
    write_json(options.out, report | {"page": page(report)})


if __name__ == "__main__":
    main()
