"""Claim: pairs on disk are grouped with a byte a row in memory, 20 times faster than by datatrove.

Pairs are made up: groups of 2 to 6 rows, rows of a group strewn over all rows, four of five pairs
of a group there, in random order, some twice. They are grouped by what `curate_shards` uses once
the search has found its pairs (`curation.sharded.edges`, `curation.sharded.stars`), in a process
of its own on one thread: sorting and merging them, counting neighbors, ranking the rows, choosing,
and finding the closest kept row are all in the time. The same pairs, written in its own format, go
through the third stage of datatrove's MinHash chain (`MinhashDedupCluster`, one task, in Python;
union and find), where an environment that has it is given. It keeps one row of a connected
component, and Thresher a greedy maximal independent set that leaves no dropped row without a close
kept one; the kept rows of the smaller sizes are checked against `curation.duplicates.stars`.

Run: OMP_NUM_THREADS=1 python benchmarks/curation_grouping.py --pairs 4000000 --alone 100000000
         --peer-python VENV/bin/python --out grouping.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from curation.duplicates.stars import group_by_stars as group_in_memory
from curation.sharded.arrays import BLOCK_ROWS, blocks
from curation.sharded.edges import Edges, MergeRuns, RunWriter
from curation.sharded.equal_rows import EqualRows
from curation.sharded.facts import RowFacts
from curation.sharded.row_ids import CountedIds
from curation.sharded.stars import group_by_stars
from curation.sharded.work import open_work
from thresher.core.files import write_json
from thresher.core.neighbors import NeighborGraph

CHUNK, SIZES, SHARE, FILE_ROWS = 4_000_000, (2, 6), 0.8, 1_000_000
CHECKED = 5_000_000  # pairs up to which the kept rows are compared with those made in memory


def make_pairs(folder: Path, pairs: int) -> int:
    """Write ``pairs-000.npy`` and on, uint32 (m, 2), and return how many rows they name."""
    rng = np.random.default_rng(0)
    total = int(pairs / 1.35)
    sizes = rng.integers(SIZES[0], SIZES[1] + 1, total // 3)
    rows = int(sizes.sum())
    strewn = rng.permutation(rows).astype(np.uint32)
    starts = np.cumsum(sizes) - sizes
    found = []
    for first in range(SIZES[1]):
        for second in range(first + 1, SIZES[1]):
            both = np.flatnonzero((sizes > second) & (rng.random(len(sizes)) < SHARE))
            found.append(np.stack([strewn[starts[both] + first], strewn[starts[both] + second]], 1))
    joined = np.concatenate(found)
    del found
    joined = joined[rng.permutation(len(joined))[:pairs]]
    joined[rng.integers(len(joined), size=len(joined) // 50)] = joined[: len(joined) // 50]
    for at, start in enumerate(range(0, len(joined), CHUNK)):
        np.save(folder / f"pairs-{at:03d}.npy", joined[start : start + CHUNK])
    return rows


def similarity_of(pairs: np.ndarray) -> np.ndarray:
    """Make up the similarity of pairs, the same for a pair that comes twice; (0.9, 1)."""
    mixed = (pairs[:, 0] ^ pairs[:, 1]) * np.uint32(2654435761)
    share = (mixed >> np.uint32(8)).astype(np.float32) * np.float32(2**-24 / 10.1)
    return np.asarray(np.float32(0.9) + share)


def group(folder: Path, rows: int) -> dict[str, Any]:
    """Group the pairs on disk."""
    start, before = time.perf_counter(), usage()["cpu_s"]
    work_folder = folder / "work"
    with open_work(work_folder) as work:
        parts, ranges = work.parts(rows), blocks(rows)
        homes = []
        for name, (low, high) in ranges.items():
            home = work_folder / "rows" / name
            home.mkdir(parents=True)
            np.save(home / "same_as.npy", np.arange(low, high, dtype=np.uint32))
            np.save(home / "copies.npy", np.ones(high - low, np.uint32))
            homes.append(home)
        runs = work_folder / "runs"
        runs.mkdir()
        writer = RunWriter(runs, rows=rows)
        for path in sorted(folder.glob("pairs-*.npy")):
            pairs = np.load(path)
            for at in range(0, len(pairs), CHUNK // 8):
                piece = pairs[at : at + CHUNK // 8]
                writer.add((piece[:, 0], piece[:, 1], similarity_of(piece)))
        writer.flush()
        merged = work.do("merge", MergeRuns((runs,), parts), key=rows, shards=ranges)
        edges = Edges(merged, parts, work.part_blocks)
        facts = RowFacts(None, None, CountedIds(rows))
        grouped = group_by_stars(edges, EqualRows(tuple(homes), BLOCK_ROWS), facts, work, key=rows)
        kept = np.concatenate([grouped.kept.read(*span) for span in ranges.values()])
        np.save(folder / "kept.npy", kept)
        cost = usage()
        return {
            "cpu_s": cost["cpu_s"] - before,
            "wall_s": time.perf_counter() - start,
            "peak_gb": cost["peak_gb"],
            "disk_gb": sum(p.stat().st_size for p in work_folder.rglob("*.npy")) / 1e9,
            "pairs": len(edges),
            "rows": rows,
            "kept": int(kept.sum()),
        }


def usage() -> dict[str, float]:
    """Return CPU time and peak memory of this process; ru_maxrss counts what started it, too."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e9
    return {"cpu_s": own.ru_utime + own.ru_stime, "peak_gb": peak}


def answer(folder: Path, rows: int) -> None:
    write_json(folder / "answer.json", group(folder, rows))


def in_fresh_process(folder: Path, rows: int) -> dict[str, Any]:
    process = multiprocessing.get_context("spawn").Process(target=answer, args=(folder, rows))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"the measured process ended with {process.exitcode}")
    found: dict[str, Any] = json.loads((folder / "answer.json").read_text())
    return found


def same_as_in_memory(folder: Path, rows: int) -> bool:
    """Return whether the rows kept are those of a graph in memory."""
    pairs = np.concatenate([np.load(path) for path in sorted(folder.glob("pairs-*.npy"))])
    keys, once = np.unique(np.sort(pairs, axis=1), axis=0, return_index=True)
    scores = similarity_of(pairs[once])
    first, second = keys.astype(np.int64).T
    source, target = np.concatenate([first, second]), np.concatenate([second, first])
    both = np.concatenate([scores, scores])
    order = np.lexsort((target, -both, source))
    graph = NeighborGraph(
        row_ids=np.arange(rows).astype(str),
        indptr=np.searchsorted(source[order], np.arange(rows + 1)),
        indices=target[order],
        similarities=both[order],
        threshold=0.9,
        k=None,
        exact=True,
        recall=None,
        method="made up",
        same_as=None,
    )
    return bool(np.array_equal(group_in_memory(graph).kept, np.load(folder / "kept.npy")))


PEER = """
import json, sys, time
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupCluster
folder, lines = sys.argv[1], int(sys.argv[2])
step = MinhashDedupCluster(
    f"{folder}/dups", f"{folder}/removed", MinhashConfig(num_buckets=1), lines_to_buffer=lines
)
start, before = time.perf_counter(), time.process_time()
step.run()
print(json.dumps({
    "cpu_s": time.process_time() - before, "wall_s": time.perf_counter() - start,
    "peak_gb": int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) * 1.024e-6,
}))
"""


def by_datatrove(folder: Path, python: str) -> dict[str, Any]:
    """Write the pairs as datatrove reads them, and run its stage."""
    (folder / "dups").mkdir()
    with (folder / "dups" / "00000_00.dups").open("wb") as file:
        for path in sorted(folder.glob("pairs-*.npy")):
            pairs = np.load(path)
            quads = np.stack([pairs // FILE_ROWS, pairs % FILE_ROWS], axis=2).astype("<u4")
            file.write(quads.tobytes())
    assert struct.calcsize("<4I") == 16
    script = folder / "peer.py"
    script.write_text(PEER)
    command = [python, str(script), str(folder), "100000"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    removed = sum(path.stat().st_size // 4 for path in (folder / "removed").glob("*.remove"))
    return found | {"removed": removed}


def measure(pairs: int, home: Path, python: str | None) -> dict[str, Any]:
    folder = home / f"pairs-{pairs}"
    folder.mkdir()
    try:
        rows = make_pairs(folder, pairs)
        found: dict[str, Any] = {"asked": pairs, "ours": in_fresh_process(folder, rows)}
        if pairs <= CHECKED:
            found["same_as_in_memory"] = same_as_in_memory(folder, rows)
        if python:
            found["datatrove"] = by_datatrove(folder, python)
            found["times"] = found["datatrove"]["cpu_s"] / found["ours"]["cpu_s"]
        print(json.dumps(found), file=sys.stderr, flush=True)
        return found
    finally:
        shutil.rmtree(folder)


def page(found: dict[str, Any]) -> dict[str, Any]:
    rows = []
    for size in found["sizes"]:
        ours = size["ours"]
        rows.append([f"{ours['pairs']:,}", f"{ours['rows']:,}", "Thresher", f"{ours['cpu_s']:.0f}",
                     f"{ours['peak_gb']:.2f}", ""])  # fmt: skip
        if "datatrove" in size:
            peer = size["datatrove"]
            rows.append(["", "", "datatrove", f"{peer['cpu_s']:.0f}", f"{peer['peak_gb']:.2f}",
                         f"{size['times']:.1f}"])  # fmt: skip
    checked = [size["same_as_in_memory"] for size in found["sizes"] if "same_as_in_memory" in size]
    note = (
        "Made-up pairs, one thread; see the script. The rows kept equal those of the same graph in "
        f"memory in {sum(checked)} of {len(checked)} sizes checked. datatrove "
        f"{found['versions'].get('datatrove', 'was not given')}."
    )
    header = ["pairs", "rows", "", "CPU-s", "peak GB", "times ours"]
    table = {"caption": "Grouping pairs on disk", "header": header, "rows": rows}
    return {"title": "Grouping pairs", "note": note, "tables": [table]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="*", default=[4_000_000])
    parser.add_argument("--alone", type=int, nargs="*", default=[], help="sizes without datatrove")
    parser.add_argument("--peer-python", help="a Python that has datatrove")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="200,000 pairs")
    parser.add_argument("--add-to", type=Path, help="an earlier result to add these sizes to")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.alone = [200_000], []
    home = Path(tempfile.mkdtemp(prefix="thresher-grouping-", dir=options.folder))
    python = options.peer_python
    versions = {name: version(name) for name in ("numpy",)}
    if python:
        code = "from importlib.metadata import version; print(version('datatrove'))"
        asked = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
        versions["datatrove"] = asked.stdout.strip()
    try:
        sizes = [measure(pairs, home, python) for pairs in options.pairs]
        sizes += [measure(pairs, home, None) for pairs in options.alone]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if options.add_to:
        earlier = json.loads(options.add_to.read_text())
        again = {size["asked"] for size in sizes}
        sizes += [size for size in earlier["sizes"] if size["asked"] not in again]
        versions = earlier["versions"] | versions
    sizes.sort(key=lambda size: size["asked"])
    found = {"versions": versions, "python": platform.python_version(), "sizes": sizes}
    found["page"] = page(found)
    print(json.dumps(found, indent=2))
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
