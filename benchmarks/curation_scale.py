"""Claim: near duplicates from disk in bounded memory, the same bytes from every executor.

Vectors, n × 128, are generated: normal clusters in a space whose axes shrink as i^-0.5, as those of
embeddings do, and 2 % copies turned by an angle of cosine .92 to .995. They are written in four
shards, and curated by `curation.sharded.curate_shards` in a fresh process whose peak memory and CPU
time (children included) are recorded; planted copies that the search found are counted beside the
recall that the search measured itself. With --in-memory the same vectors go through
`neighbor_graph` and `find_near_duplicates`.

The second part curates --table-rows rows with labels by every executor, by two workers, in other
shards, and by a process that is killed twenty times (SIGKILL) and started again: the manifest's
files must not differ in a byte. Then all rows by arrival, at once and in steps that are added to
one another, exactly: again the same bytes. Ray is left out, with a note, where it is not installed.

With --row-state the steps that know of every row (equal rows, stars, manifest) run alone, on
vectors of 8 numbers and 1.2 made-up pairs a row: what grows with the rows. Several sizes may be
given.

Run: OMP_NUM_THREADS=1 python benchmarks/curation_scale.py --rows 1000000 --out scale.json
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import multiprocessing
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from curation import find_near_duplicates
from curation.sharded import curate_shards, neighbor_pairs, open_vectors
from curation.sharded.arrays import blocks
from curation.sharded.columns import Parts
from curation.sharded.deciding import DecideRows, manifest_ranges
from curation.sharded.edges import Edges, MergeRuns, RunWriter
from curation.sharded.equal_rows import EqualRows
from curation.sharded.facts import RowFacts
from curation.sharded.pairs import find_equal_rows
from curation.sharded.row_ids import CountedIds
from curation.sharded.stars import group_by_stars
from curation.sharded.work import open_work
from thresher.core import Embeddings, ManifestParts, neighbor_graph
from thresher.core.files import write_json

DIMENSIONS, CLUSTERS, SPREAD, PLANTED = 128, 5000, 0.6, 0.02
THRESHOLD, BATCH, SHARDS = 0.9, 50_000, 4
NARROW, STATE_BATCH = 8, 1_000_000


def generate(folder: Path, rows: int) -> list[str]:
    """Write the shards, and ``planted.npy``, int64 (m, 2): copies and what they copy."""
    rng = np.random.default_rng(0)
    scale = (np.arange(1, DIMENSIONS + 1) ** -0.5).astype(np.float32)
    centers = rng.standard_normal((CLUSTERS, DIMENSIONS)).astype(np.float32) * scale
    paths = [str(folder / f"vectors-{at}.npy") for at in range(SHARDS)]
    each = rows // SHARDS
    planted = []
    for at, path in enumerate(paths):
        shard = np.lib.format.open_memmap(path, "w+", np.float32, (each, DIMENSIONS))
        for start in range(0, each, BATCH):
            count = min(BATCH, each - start)
            noise = rng.standard_normal((count, DIMENSIONS)).astype(np.float32) * scale
            block = np.sqrt(1 - SPREAD**2) * centers[rng.integers(CLUSTERS, size=count)]
            block = unit(block.astype(np.float32) + np.float32(SPREAD) * noise)
            copies = int(count * PLANTED)
            source = rng.choice(count - copies, copies, replace=False)
            block[count - copies :] = turned(block[source], rng, scale)
            shard[start : start + count] = block
            base = at * each + start
            planted.append(np.stack([base + source, base + np.arange(count - copies, count)], 1))
        shard.flush()
    np.save(folder / "planted.npy", np.concatenate(planted))
    return paths


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def turned(rows: np.ndarray, rng: np.random.Generator, scale: np.ndarray) -> np.ndarray:
    along = rng.standard_normal(rows.shape).astype(np.float32) * scale
    along = unit(along - (along * rows).sum(axis=1, keepdims=True) * rows)
    cosine = rng.uniform(0.92, 0.995, (len(rows), 1)).astype(np.float32)
    return np.asarray(cosine * rows + np.sqrt(1 - cosine**2) * along)


def from_disk(folder: Path, paths: list[str]) -> dict[str, Any]:
    manifest = curate_shards(paths, folder / "work", threshold=THRESHOLD, method="partition")
    cost = usage()
    vectors, _ = open_vectors(paths)
    pairs = neighbor_pairs(vectors, folder / "work", threshold=THRESHOLD, method="partition")
    planted = np.sort(np.load(folder / "planted.npy"), axis=1)
    found = pairs.edges.holds(planted[:, 0], planted[:, 1]).mean()
    return cost | {
        "kept": manifest.counts()["keep"],
        "pairs": len(pairs.edges),
        "planted_recall": float(found),
        "measured_recall": manifest.header["recall"],
        "search": manifest.header["search"],
    }


def in_memory(folder: Path, paths: list[str]) -> dict[str, Any]:
    vectors = np.concatenate([np.load(path) for path in paths])
    graph = neighbor_graph(Embeddings.from_vectors(vectors), threshold=THRESHOLD)
    result = find_near_duplicates(graph)
    cost = usage()
    planted = np.sort(np.load(folder / "planted.npy"), axis=1)
    first, second, _ = graph.pairs()
    keys = first * len(vectors) + second
    found = np.isin(planted[:, 0] * len(vectors) + planted[:, 1], keys).mean()
    recall = graph.recall
    return cost | {
        "kept": int(result.kept.sum()),
        "pairs": len(first),
        "planted_recall": float(found),
        "measured_recall": recall
        and [float(recall.estimate), float(recall.low), float(recall.high)],
        "search": graph.method,
    }


def usage() -> dict[str, float]:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "cpu_s": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        "peak_gb": max(own.ru_maxrss, children.ru_maxrss) * 1024 / 1e9,
    }


def measure(function: Any, folder: Path, paths: list[str], answer: Path) -> None:
    start = time.perf_counter()
    found = function(folder, paths)
    write_json(answer, found | {"wall_s": time.perf_counter() - start})


def in_fresh_process(function: Any, folder: Path, paths: list[str]) -> dict[str, Any]:
    answer = folder / "answer.json"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=measure, args=(function, folder, paths, answer))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"the measured process ended with {process.exitcode}")
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def scale(rows: int, *, folder: Path, compare: bool) -> list[dict[str, Any]]:
    home = folder / f"rows-{rows}"
    home.mkdir(parents=True)
    try:
        paths = generate(home, rows)
        methods = [("from disk", from_disk), ("in memory", in_memory)][: 1 + compare]
        found = []
        for name, function in methods:
            item = {"rows": rows, "method": name, **in_fresh_process(function, home, paths)}
            print(json.dumps(item), file=sys.stderr, flush=True)  # not lost if a later one fails
            found.append(item)
        return found
    finally:
        shutil.rmtree(home)


def row_state(folder: Path, rows: int) -> list[dict[str, Any]]:
    """Return the peak memory and CPU time after each step that knows of every row."""
    rng = np.random.default_rng(0)
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, NARROW)}
    with (folder / "vectors.npy").open("wb") as file:  # a map of it would count as memory
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, STATE_BATCH):
            block = rng.standard_normal((min(STATE_BATCH, rows - start), NARROW), np.float32)
            block[rng.integers(len(block), size=len(block) // 100)] = block[: len(block) // 100]
            file.write(block.tobytes())
    found = [usage() | {"step": "write vectors"}]
    vectors, ids = open_vectors([folder / "vectors.npy"])
    with open_work(folder / "work") as work:
        equal, _ = find_equal_rows(vectors, work)
        found.append(usage() | {"step": "equal rows"})
        parts, ranges = work.parts(rows), blocks(rows)
        merged = work.do("merge", MadeUp(equal, parts, rows), key=rows, shards=ranges)
        edges = Edges(merged, parts, work.part_blocks)
        found.append(usage() | {"step": "write pairs"})
        facts = RowFacts(None, None, CountedIds(len(ids)))
        grouped = group_by_stars(edges, equal, facts, work, key=rows)
        found.append(usage() | {"step": "stars"})
        decide = DecideRows(grouped, ids, None, (), "drop")
        decided = work.do("decide", decide, key=rows, shards=manifest_ranges(rows))
        ManifestParts.join(decided, folder / "manifest", header={})
    return [*found, usage() | {"step": "manifest"}]


@dataclass(frozen=True)
class MadeUp:
    """Task over row ranges: 1.2 pairs a row that lead up to 900 rows on, as `MergeRuns` writes."""

    equal: EqualRows
    parts: Parts
    rows: int

    def __call__(self, span: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        rng = np.random.default_rng(span[0])
        here = self.equal.searched(span)
        low = np.sort(rng.choice(here, int(1.2 * len(here))))
        high = low + 1 + np.arange(len(low)) % 900
        fits = high < self.rows
        high[~fits] = low[~fits]
        first = self.equal.same_as.take(high).astype(np.int64) == high
        use = first & (high > low)
        writer = RunWriter(folder, rows=self.rows)
        writer.add((low[use], high[use], np.full(use.sum(), 0.95, np.float32)))
        writer.flush()
        MergeRuns((folder,), self.parts)(span, folder)


def state(folder: Path, rows: int) -> list[dict[str, Any]]:
    home = folder / f"state-{rows}"
    home.mkdir(parents=True)
    answer = home / "answer.json"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=write_state, args=(home, rows, answer))
    process.start()
    process.join()
    found: list[dict[str, Any]] = json.loads(answer.read_text())
    shutil.rmtree(home)
    print(json.dumps({"rows": rows, "steps": found}), file=sys.stderr, flush=True)
    return found


def write_state(home: Path, rows: int, answer: Path) -> None:
    write_json(answer, row_state(home, rows))


CURATE = """
import sys, numpy as np
from curation.sharded import curate_shards
if __name__ == "__main__":
    folder, work, executor, workers, files = sys.argv[1:]
    parts = range(int(files))
    curate_shards(
        [f"{folder}/{files}-vectors-{at}.npy" for at in parts], work, threshold=0.9,
        pred_probs=[f"{folder}/{files}-probs-{at}.npy" for at in parts],
        labels=np.load(f"{folder}/labels.npy"), executor=executor,
        workers=int(workers), method="partition",
    )
"""
ADD = """
import sys, numpy as np
from curation.sharded import curate_shards
if __name__ == "__main__":
    folder, work, executor, _, files = sys.argv[1:]
    labels, before, start = np.load(f"{folder}/labels.npy"), None, 0
    for at in range(int(files)):
        path = f"{folder}/{files}-vectors-{at}.npy"
        stop = start + len(np.load(path, mmap_mode="r"))
        done = work if at + 1 == int(files) else f"{work}-step-{at}"
        more = {"order": "arrival"} if before is None else {"against": before}
        curate_shards([path], done, threshold=0.9, labels=labels[start:stop], method="exact",
                      executor=executor, **more)
        before, start = done, stop
"""
CUTS = (1, 3, 7, 64)


def same_bytes(rows: int, folder: Path) -> list[dict[str, Any]]:
    """Curate the same rows in every way, and hash what was written."""
    home = folder / "table"
    home.mkdir(parents=True)
    try:
        vectors = np.concatenate([np.load(path) for path in generate(home, rows)])
        rng = np.random.default_rng(1)
        probs = rng.dirichlet(np.ones(10), len(vectors)).astype(np.float32)
        labels = np.where(rng.random(len(vectors)) < 0.9, probs.argmax(axis=1), 0)
        np.save(home / "labels.npy", labels)
        for parts in CUTS:
            ends = np.sort(rng.choice(np.arange(1, len(vectors)), parts - 1, replace=False))
            for name, array in (("vectors", vectors), ("probs", probs)):
                for at, part in enumerate(np.split(array, ends)):
                    np.save(home / f"{parts}-{name}-{at}.npy", part)
        at_once = "all rows at once"
        ways = [("serial", 1, 1, 0), ("processes", 2, 1, 0), ("processes", 3, 7, 0)]
        ways += [("serial", 1, 64, 0), ("serial", 1, 7, 20), ("processes", 2, 7, 20)]
        if importlib.util.find_spec("ray"):
            ways += [("ray", 2, 1, 0), ("ray", 2, 7, 2)]
        found = [one_way(home, way, f"way-{at}", CURATE, at_once) for at, way in enumerate(ways)]
        for parts, kills in ((1, 0), (3, 0), (7, 20)):
            said = "by arrival, at once" if parts == 1 else f"by arrival, in {parts} steps"
            way = ("serial", 1, parts, kills)
            found.append(one_way(home, way, f"arrival-{parts}", ADD, said))
        return found
    finally:
        shutil.rmtree(home)


def one_way(
    home: Path, way: tuple[str, int, int, int], name: str, code: str, said: str
) -> dict[str, Any]:
    executor, workers, files, kills = way
    work = home / name
    words = [str(home), str(work), executor, str(workers), str(files)]
    script = home / f"{name}.py"
    script.write_text(code)
    command = [sys.executable, str(script), *words]
    killed = 0
    moments = np.random.default_rng(2)
    for _ in range(kills):
        process = subprocess.Popen(command)
        wait_for_outputs(process, home, name)
        time.sleep(moments.uniform(0, 0.3))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    subprocess.run(command, check=True)
    digest = hashlib.sha256()
    for file in sorted(path.name for path in (work / "manifest").iterdir()):
        digest.update((work / "manifest" / file).read_bytes())
    found = {
        "rows": said,
        "executor": executor,
        "workers": workers,
        "shards": files,
        "killed": killed,
        "sha256": digest.hexdigest(),
    }
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


def wait_for_outputs(process: subprocess.Popen[bytes], home: Path, name: str) -> None:
    """Wait until one more piece of a step is there, or the process has ended."""

    def pieces() -> int:
        return sum(1 for _ in home.glob(f"{name}*/*-*/[!.]*"))

    before = pieces()
    while process.poll() is None and pieces() <= before:
        time.sleep(0.005)


def page(found: dict[str, Any]) -> dict[str, Any]:
    rows = [
        [
            f"{item['rows']:,}",
            item["method"],
            f"{item['cpu_s']:.0f}",
            f"{item['peak_gb']:.2f}",
            f"{item['pairs']:,}",
            f"{item['planted_recall']:.4f}",
            shown(item["measured_recall"]),
        ]
        for item in found["scale"]
    ]
    kinds = {item["rows"].partition(",")[0] for item in found["table"]}
    digests = {item["sha256"] for item in found["table"]}
    ways = [
        [item["rows"], item["executor"], item["workers"], item["shards"], item["killed"],
         item["sha256"][:12]]
        for item in found["table"]
    ]  # fmt: skip
    header = ["rows × 128", "", "CPU-s", "peak GB", "pairs", "planted found", "measured recall"]
    note = (
        f"Generated vectors, cosine {THRESHOLD}, one process, one thread; see the script. The ways "
        f"below make {len(digests)} different manifest(s), of the {len(kinds)} that are to differ: "
        f"all rows at once, and by arrival; {found['table_rows']:,} rows with labels. Made on a "
        "busy machine, which costs CPU-seconds too."
    )
    tables = [
        {"caption": "Memory and recall", "header": header, "rows": rows},
        {
            "caption": "The same bytes whoever does the work",
            "header": ["rows", "executor", "workers", "files", "killed", "sha256 of the manifest"],
            "rows": ways,
        },
    ]
    if found["row_state"]:
        sizes = found["row_state"]
        steps = [
            [each[0]["step"], *(f"{one['peak_gb']:.2f} GB, {one['cpu_s']:.0f} s" for one in each)]
            for each in zip(*(size["steps"] for size in sizes), strict=True)
        ]
        caption = (
            "The steps that know of every row, alone, 1.2 made-up pairs a row: peak memory and "
            "CPU-seconds so far"
        )
        header = ["after", *(f"{size['rows']:,} rows" for size in sizes)]
        tables.append({"caption": caption, "header": header, "rows": steps})
    missing = "" if found["ray"] else " Ray was not installed."
    return {"title": "Curation from disk", "note": note + missing, "tables": tables}


def joined(found: dict[str, Any], fresh: dict[str, Any]) -> dict[str, Any]:
    """Put what was measured now in place of, or beside, what an earlier result holds."""
    measured = {(item["rows"], item["method"]) for item in fresh["scale"]}
    kept = [item for item in found["scale"] if (item["rows"], item["method"]) not in measured]
    scale = sorted([*kept, *fresh["scale"]], key=lambda item: (item["rows"], item["method"]))
    again = {name: fresh[name] for name in ("table", "row_state", "table_rows") if fresh[name]}
    return found | again | {"scale": scale}


def shown(recall: list[float] | None) -> str:
    return "exact" if recall is None else f"{recall[0]:.4f} ({recall[1]:.4f} to {recall[2]:.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--table-rows", type=int, default=60_000)
    parser.add_argument("--in-memory", action="store_true", help="beside it, in memory")
    parser.add_argument("--row-state", type=int, nargs="*", default=[], help="rows of its steps")
    parser.add_argument("--folder", type=Path, help="on a disk with 20 times the vectors' size")
    parser.add_argument("--quick", action="store_true", help="20,000 rows")
    parser.add_argument("--add-to", type=Path, help="an earlier result to add these sizes to")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.quick:
        options.rows, options.table_rows = [20_000], 4000
    folder = Path(tempfile.mkdtemp(prefix="thresher-scale-", dir=options.folder))
    try:
        found: dict[str, Any] = {
            "versions": {name: version(name) for name in ("numpy", "pyarrow")},
            "python": platform.python_version(),
            "ray": version("ray") if importlib.util.find_spec("ray") else None,
            "table_rows": options.table_rows,
            "row_state": [
                {"rows": rows, "steps": state(folder, rows)} for rows in options.row_state
            ],
            "table": same_bytes(options.table_rows, folder) if options.table_rows else [],
        }
        results = [scale(rows, folder=folder, compare=options.in_memory) for rows in options.rows]
        found["scale"] = [item for part in results for item in part]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.add_to:
        found = joined(json.loads(options.add_to.read_text()), found)
    found["page"] = page(found)
    print(json.dumps(found, indent=2))
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
