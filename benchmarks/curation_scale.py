"""Claim: near duplicates from disk in bounded memory, the same bytes from every executor.

Vectors, n × 128, are generated: normal clusters in a space whose axes shrink as i^-0.5, as those of
embeddings do, and 2 % copies turned by an angle of cosine .92 to .995. They are written in four
shards, and curated by `curation.sharded.curate_shards` in a fresh process whose peak memory and CPU
time (children included) are recorded; planted copies that the search found are counted beside the
recall that the search measured itself. With --in-memory the same vectors go through
`neighbor_graph` and `find_near_duplicates`.

The second part curates --table-rows rows with labels by every executor, by two workers, in other
shards, and by a process that is killed twice (SIGKILL) and started again: the manifest's files must
not differ in a byte. Ray is left out, with a note, where it is not installed.

With --row-state the steps that hold some numbers for every row in memory (equal rows, stars,
manifest) run alone, on made-up hashes and 1.2 pairs a row: what grows with the rows.

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
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation import find_near_duplicates
from curation.decisions.policy import Policy
from curation.sharded import curate_shards, neighbor_pairs, open_vectors
from curation.sharded.curating import SaveRows
from curation.sharded.edges import EDGE, Edges
from curation.sharded.equal_rows import FindEqual
from curation.sharded.manifest_columns import Given, Twins, make_manifest
from curation.sharded.stars import GroupByStars
from thresher.core import Embeddings, neighbor_graph
from thresher.core.files import write_json

DIMENSIONS, CLUSTERS, SPREAD, PLANTED = 128, 5000, 0.6, 0.02
THRESHOLD, BATCH, SHARDS = 0.9, 50_000, 4


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
    """Return the peak memory and CPU time after each step that holds every row."""
    for name in ("hash", "equal", "rows", "stars", "edges"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, (rows, 2), dtype=np.uint64)
    hashes[rng.integers(rows, size=rows // 100)] = hashes[: rows // 100]
    np.save(folder / "hash" / "hashes.npy", hashes)
    np.save(folder / "hash" / "alive.npy", np.ones(rows, bool))
    del hashes
    low = np.sort(rng.integers(0, rows - 1000, int(1.2 * rows)))
    for at, part in enumerate(np.array_split(low, max(1, rows // 3_000_000))):
        edges = np.empty(len(part), EDGE)
        edges["low"], edges["similarity"] = part, 0.95
        edges["high"] = part + 1 + np.arange(len(part)) % 900
        np.save(folder / "edges" / f"edges-{at:03d}.npy", edges)
    del low
    found = [usage() | {"step": "write what they read"}]
    FindEqual((folder / "hash",))(None, folder / "equal")
    found.append(usage() | {"step": "equal rows"})
    ids = pa.array(np.arange(rows)).cast(pa.string())
    by_id = pc.sort_indices(ids).to_numpy().astype(np.int64)
    SaveRows(by_id, np.zeros(rows, bool), np.zeros(rows))(None, folder / "rows")
    del by_id
    stars = GroupByStars(Edges((folder / "edges",)), folder / "equal", folder / "rows")
    stars(None, folder / "stars")
    found.append(usage() | {"step": "stars"})
    given, twins = Given(ids, None, None, ()), Twins.read(folder / "stars")
    manifest = make_manifest(twins, None, given, policy=Policy(), header={})
    manifest.save(folder / "manifest")
    return [*found, usage() | {"step": "manifest"}]


def state(folder: Path, rows: int) -> list[dict[str, Any]]:
    home = folder / "state"
    home.mkdir(parents=True)
    answer = home / "answer.json"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=write_state, args=(home, rows, answer))
    process.start()
    process.join()
    found: list[dict[str, Any]] = json.loads(answer.read_text())
    return found


def write_state(home: Path, rows: int, answer: Path) -> None:
    write_json(answer, row_state(home, rows))


CURATE = """
import sys, numpy as np
from curation.sharded import curate_shards
if __name__ == "__main__":
    folder, work, executor, workers, shards = sys.argv[1:]
    cut = "whole" if shards == "1" else "cut"
    parts = range(int(shards))
    curate_shards(
        [f"{folder}/{cut}-vectors-{at}.npy" for at in parts], work, threshold=0.9,
        pred_probs=[f"{folder}/{cut}-probs-{at}.npy" for at in parts],
        labels=np.load(f"{folder}/labels.npy"), executor=executor,
        workers=int(workers), method="partition",
    )
"""


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
        for cut, parts in (("whole", 1), ("cut", 7)):
            for name, array in (("vectors", vectors), ("probs", probs)):
                for at, part in enumerate(np.array_split(array, parts)):
                    np.save(home / f"{cut}-{name}-{at}.npy", part)
        ways = [("serial", 1, 1, 0), ("processes", 2, 1, 0), ("processes", 3, 7, 0)]
        ways += [("serial", 1, 7, 2), ("processes", 2, 7, 2)]
        if importlib.util.find_spec("ray"):
            ways += [("ray", 2, 1, 0), ("ray", 2, 7, 2)]
        return [one_way(home, way, at) for at, way in enumerate(ways)]
    finally:
        shutil.rmtree(home)


def one_way(home: Path, way: tuple[str, int, int, int], at: int) -> dict[str, Any]:
    executor, workers, shards, kills = way
    work = home / f"work-{at}"
    words = [str(home), str(work), executor, str(workers), str(shards)]
    script = home / "curate.py"
    script.write_text(CURATE)
    command = [sys.executable, str(script), *words]
    killed = 0
    for number in range(kills):
        process = subprocess.Popen(command)
        wait_for_step(process, work, "own" if number else "distribute")
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    subprocess.run(command, check=True)
    digest = hashlib.sha256()
    for name in ("manifest.json", "manifest.parquet"):
        digest.update((work / "manifest" / name).read_bytes())
    return {
        "executor": executor,
        "workers": workers,
        "shards": shards,
        "killed": killed,
        "sha256": digest.hexdigest(),
    }


def wait_for_step(process: subprocess.Popen[bytes], work: Path, step: str) -> None:
    """Wait until a step has written something, or the process has ended."""
    while process.poll() is None and not any(work.glob(f"{step}-*/0*")):
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
    digests = {item["sha256"] for item in found["table"]}
    ways = [
        [item["executor"], item["workers"], item["shards"], item["killed"], item["sha256"][:12]]
        for item in found["table"]
    ]
    header = ["rows × 128", "", "CPU-s", "peak GB", "pairs", "planted found", "measured recall"]
    note = (
        f"Generated vectors, cosine {THRESHOLD}, one process, one thread; see the script. "
        f"{len(digests)} different manifest(s) over all ways below, {found['table_rows']:,} rows "
        "with labels. Made on a busy machine, which costs CPU-seconds too."
    )
    tables = [
        {"caption": "Memory and recall", "header": header, "rows": rows},
        {
            "caption": "The same bytes whoever does the work",
            "header": ["executor", "workers", "files", "killed", "sha256 of the manifest"],
            "rows": ways,
        },
    ]
    if found["row_state"]:
        steps = [
            [item["step"], f"{item['peak_gb']:.2f}", f"{item['cpu_s']:.0f}"]
            for item in found["row_state"]
        ]
        caption = (
            f"The steps that hold every row, alone: {found['row_state_rows']:,} rows and 1.2 pairs "
            "a row, made up"
        )
        header = ["after", "peak GB so far", "CPU-s so far"]
        tables.append({"caption": caption, "header": header, "rows": steps})
    missing = "" if found["ray"] else " Ray was not installed."
    return {"title": "Curation from disk", "note": note + missing, "tables": tables}


def joined(found: dict[str, Any], scale: list[dict[str, Any]]) -> dict[str, Any]:
    """Put sizes that were measured now in place of, or beside, those of an earlier result."""
    fresh = {(item["rows"], item["method"]) for item in scale}
    kept = [item for item in found["scale"] if (item["rows"], item["method"]) not in fresh]
    ordered = sorted([*kept, *scale], key=lambda item: (item["rows"], item["method"]))
    return found | {"scale": ordered}


def shown(recall: list[float] | None) -> str:
    return "exact" if recall is None else f"{recall[0]:.4f} ({recall[1]:.4f} to {recall[2]:.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--table-rows", type=int, default=60_000)
    parser.add_argument("--in-memory", action="store_true", help="beside it, in memory")
    parser.add_argument("--row-state", type=int, default=0, help="rows of its steps")
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
            "row_state_rows": options.row_state,
            "row_state": state(folder, options.row_state) if options.row_state else [],
            "table": same_bytes(options.table_rows, folder) if options.table_rows else [],
        }
        results = [scale(rows, folder=folder, compare=options.in_memory) for rows in options.rows]
        found["scale"] = [item for part in results for item in part]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.add_to:
        found = joined(json.loads(options.add_to.read_text()), found["scale"])
    found["page"] = page(found)
    print(json.dumps(found, indent=2))
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
