"""Claim: `thresher advise` orders levers as they turn out, and its intervals hold, for little CPU.

For each set the levers are really pulled: the student of a run is trained on all rows, without
copies, without the labels that a run would leave out, on twice as many rows (held back until then),
on half of them chosen by active learning, on half of them as a core set, for half the epochs, and
images augmented; a whole run gives the bytes of its files, what they lose, and, timed one row at a
time, in batches and behind a cache of equal rows, what they take. Worths are compared lever by
lever with what the advice predicted: Spearman's correlation within each set and bottleneck, raw and
with ties, and the share of 80 % intervals that hold what was measured. CPU-seconds are those of a
process after Python has started and Thresher is loaded; with loading it they are given too. Of
half the epochs nothing counts that they win: a run tries short lengths first by itself.

Images are learned from pixels, as their settings ask, but on the sets marked ``start``: there a run
fits a head to the vectors of EfficientNet-Lite0, and so do the levers. Such a fit draws nothing; a
seed draws which of the rows held back are judged on and which are the further labels.

The spreads and usual values in ``thresher/app/advising/transfer.py`` were chosen on fifteen sets;
those marked ``fresh`` in ``advise_parts/sets.py`` took no part and are reported apart, and of them
those marked ``late``, which came last, once more.

Data: the folder in THRESHER_DATA holds ``text_classification.parquet`` (``dataset``, ``text``,
``label_name``), ``text_noisy_labels_hausa.parquet`` (``text``, ``clean_label``, ``noisy_label``),
``tabular_adult.parquet``, ``tabular_small.npz``, CIFAR-10 as ``cifar10_train.parquet`` and
``cifar10_test.parquet`` (``jpeg``, ``label``), and
photographs as ``imagenette224_subset.parquet`` (``jpeg``, ``label_name``) and
``copydetect_photos_dev.parquet`` (``id``, ``kind``, ``jpeg``), and ``mnist_test_label_errors.npz``
(``images``, ``labels``).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/advise.py --out advise.json
Finished cells are kept in ``advise.jsonl`` beside it with the fingerprint of the code that trained
them; a benchmark that was stopped goes on there. Levers that other code pulled count where training
on all rows, repeated once a set, ends with the very same accuracy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from advise_parts.comparing import (
    BY_BOTTLENECK,
    compared,
    is_fresh,
    is_late,
    pairs_of,
    summary,
    widths,
)
from advise_parts.journal import code_of, read_cells, write_cell
from advise_parts.pages import page, shares, spread
from advise_parts.pulling import Pulled, arms_of
from advise_parts.running import whole_run
from advise_parts.sets import TASKS, Task

SEEDS = 4
ADVICE = tuple(f"advice {name}" for name in BY_BOTTLENECK)
KINDS = (*ADVICE, "levers", "run")
Cells = dict[str, dict[str, Any]]


def cell(task: Task, kind: str, share: float) -> dict[str, Any]:
    """Do one cell in this process, which has done nothing else."""
    rows = task.dataset()
    start = time.process_time()
    from thresher.app import advise

    loading = time.process_time() - start
    if kind == "run":
        return {"start_cpu_s": loading, **whole_run(task)}
    with TemporaryDirectory() as folder:
        start = time.process_time()
        found = advise(
            rows,
            out=folder,
            bottleneck=kind.removeprefix("advice "),
            share=share,
            settings=task.settings(),
        )
        cpu = time.process_time() - start
        return {"cpu_s": cpu, "start_cpu_s": loading, **found.to_json()}


def pull_levers(file: Path, name: str, seeds: range) -> None:
    """Pull the levers of a set that are not yet pulled."""
    task, done = TASKS[name], read_cells(file).get(name, {})
    pulled = Pulled(task)
    done = _confirmed(file, pulled, done)
    for seed, arm in product(seeds, arms_of(task)):
        kind = f"{arm}|{seed}"
        if kind not in done:
            told = {other: record["found"] for other, record in done.items()}
            done[kind] = write_cell(file, name, kind, pulled.train(arm, seed, told))


def _confirmed(file: Path, pulled: Pulled, done: Cells) -> Cells:
    """Keep levers that other code pulled where it trains as today's does."""
    other = {
        kind for kind, record in done.items() if "|" in kind and record["code"] != code_of(kind)
    }
    if not other:
        return done
    first = done.get("all|0", {"found": {"accuracy": None}})["found"]
    same = pulled.train("all", 0, {})["accuracy"] == first["accuracy"]
    for kind in other if same else ():
        done[kind] = write_cell(file, pulled.task.name, kind, done[kind]["found"])
    return {kind: record for kind, record in done.items() if same or kind not in other}


def in_process(name: str, kind: str, share: float) -> dict[str, Any]:
    """Do one cell in a process of its own."""
    command = [sys.executable, __file__, "--cell", name, kind, "--share", str(share)]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
    return found


def report(done: dict[str, Cells]) -> dict[str, Any]:
    """Return what is written: tables for readers, and all figures."""
    told = {
        name: {kind: record["found"] for kind, record in done[name].items()}
        for name in TASKS
        if name in done
    }
    rows = [row for name, found in told.items() for row in compared(name, found)]
    pairs = pairs_of(rows)
    inner, whole = (shares(told, start=start) for start in (False, True))
    return {
        "claim": __doc__.partition("\n")[0],
        "summary": {
            "took no part": summary(rows, pairs, is_fresh),
            "of them, eight of before": summary(
                rows, pairs, lambda name: is_fresh(name) and not is_late(name)
            ),
            "of them, four that came last": summary(rows, pairs, is_late),
            "tuned on": summary(rows, pairs, lambda name: not is_fresh(name)),
            "all": summary(rows, pairs),
        },
        "cpu_share": spread(inner),
        "cpu_share_with_start": spread(whole),
        "levers_from_other_code": sum(
            record["code"] != code_of(kind)
            for cells in done.values()
            for kind, record in cells.items()
            if kind not in ADVICE
        ),
        "widths_on_sets_tuned_on": widths([row for row in rows if not is_fresh(row["set"])]),
        "pairs": pairs,
        "levers": rows,
        "page": page(rows, pairs, inner=inner, whole=whole),
        "versions": {name: version(name) for name in ("numpy", "scipy", "torch")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("advise.json"))
    parser.add_argument("--sets", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--again", action="store_true", help="make the advice anew")
    parser.add_argument("--cell", nargs=2, metavar=("SET", "KIND"), help="one cell, as JSON")
    options = parser.parse_args()
    if options.cell:
        name, kind = options.cell
        print(json.dumps(cell(TASKS[name], kind, options.share)))
        return
    file = options.out.with_suffix(".jsonl")
    for name, kind in product(options.sets, options.only):
        if kind == "levers":
            pull_levers(file, name, range(options.seeds))
        elif kind not in read_cells(file).get(name, {}) or (kind in ADVICE and options.again):
            write_cell(file, name, kind, in_process(name, kind, options.share))
    text = json.dumps(report(read_cells(file)), indent=2)
    options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
