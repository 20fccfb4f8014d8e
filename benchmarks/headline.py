"""Claim: what half of the rows and a fifth of the labels cost in accuracy, lever by lever.

Four sets with near copies, leaked test rows and wrong labels: CIFAR-10N (people's labels, one
annotator), Banking77, photographs (Imagenette), Adult. A row for each way: everything as it comes,
each lever alone, the best composition from peers, `thresher run` with its defaults and with half of
the rows and a fifth of the labels, and a plain reference. All ways have the same network and as
many epochs, but "fewer epochs", and `thresher run` on texts and numbers, which finds out how many
of them its teacher takes. Test rows of which a copy leaked are judged for no way.

CPU-seconds are those of choosing, training and compressing, not of judging. FLOPs are those of
training. The time of one row is CPU time on one thread, the median of calls, the lowest of five
sessions. Where networks read an encoder's vectors (photographs), its bytes and time count.

Data, in the folder that THRESHER_DATA names: ``cifar10_train.parquet`` and ``cifar10_test.parquet``
(columns ``jpeg``, ``label``; https://www.cs.toronto.edu/~kriz/cifar.html),
``cifar10n_labels_first25k.parquet`` (columns ``clean``, ``random1``; http://noisylabels.com),
``text_classification.parquet`` (Banking77: https://github.com/PolyAI-LDN/task-specific-datasets),
``imagenette224_subset.parquet`` (https://github.com/fastai/imagenette), ``tabular_adult.parquet``.
Pruning needs ``pip install 'thresher[prune]'``. The peers have a Python of their own, see
``peers/headline.py``; without it their rows are left out.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/headline.py --work FOLDER \
         --peer-python VENV/bin/python --out headline.json
Finished cells are lines in FOLDER/cells.jsonl and are not done again: killed runs go on. Sets and
seeds may run beside each other in folders of their own, whose lines are then put into one;
``--tables`` writes the result from the finished cells and does no more.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from headline_parts import levers, whole
from headline_parts.bench import Bench, DoesNotApplyError
from headline_parts.composed import peers
from headline_parts.journal import read_cells
from headline_parts.pages import page, summary
from headline_parts.sets import SETS
from journal import append_record

from thresher.core.choice import available_cpus
from thresher.core.cpu import instruction_sets
from thresher.core.files import write_json

Way = Callable[[Bench], dict[str, Any]]


def ways(peer_python: str | None) -> dict[str, Way]:
    """Return the ways by name, in the order of the table."""
    found: dict[str, Way] = {
        "everything as it comes": levers.everything,
        "deduplicate": levers.deduplicate,
        "clean labels": levers.clean_labels,
        "core set, half": levers.core_set,
        "a quarter of the epochs": levers.fewer_epochs,
        "active learning, a fifth": levers.active_learning,
        "augmentation choice": levers.augmentation,
        "distillation": levers.distillation,
        "pruning": levers.pruning,
        "quantization": levers.quantization,
    }
    if peer_python:
        found["peers"] = partial(peers, python=peer_python, budget=False)
        found["peers, a fifth of the labels"] = partial(peers, python=peer_python, budget=True)
    return found | {
        "Thresher out of the box": whole.out_of_the_box,
        "Thresher, half of the rows, a fifth of the labels": whole.small_budget,
        "Thresher on the encoder's vectors": whole.on_vectors,
        "plain reference": whole.reference,
    }


def measure(bench: Bench, name: str, way: Way) -> dict[str, Any]:
    """Do one cell; of a way that does not apply the reason is kept."""
    start = time.process_time()
    try:
        found = way(bench)
    except DoesNotApplyError as reason:
        found = {"not": str(reason)}
    spent = round(time.process_time() - start, 1)
    cell = {"set": bench.task.name, "way": name, "seed": bench.seed}
    return {**cell, **found, "facts": bench.task.facts(), "cell_cpu_s": spent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--ways", nargs="+", help="some of the names in the table")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rows", type=int, help="fewer rows of each set")
    parser.add_argument("--peer-python", help="a Python that has the peers")
    parser.add_argument("--work", type=Path, help="keep cells and models here, and go on from them")
    parser.add_argument("--tables", action="store_true", help="only write the result again")
    parser.add_argument("--out", type=Path, default=Path("headline.json"))
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        if options.tables:
            cells = list(read_cells(work / "cells.jsonl").values())
        else:
            cells = fill(options, work, ways(options.peer_python))
    machine = (
        f"{platform.machine()}, {available_cpus()} processors, {', '.join(instruction_sets())}"
    )
    write_json(
        options.out,
        {"machine": machine, "cells": cells, "page": page(cells), "summary": summary(cells)},
    )


def fill(options: argparse.Namespace, work: Path, known: dict[str, Way]) -> list[dict[str, Any]]:
    """Do every cell that is missing, a seed after the other, and return all that are there."""
    log = work / "cells.jsonl"
    wanted = options.ways or list(known)
    for seed in options.seeds:
        for name in options.sets:
            make, rows = SETS[name]
            missing = [way for way in wanted if (name, way, seed) not in read_cells(log)]
            if not missing:
                continue
            folder = work / name / str(seed)
            folder.mkdir(parents=True, exist_ok=True)
            bench = Bench(make(seed, min(rows, options.rows or rows)), folder, seed)
            for way in missing:
                cell = measure(bench, way, known[way])
                append_record(log, cell)
                shown = ("accuracy", "rows", "labels", "cpu_s", "bytes", "ms", "cell_cpu_s", "not")
                print(name, seed, way, {key: cell[key] for key in shown if key in cell}, flush=True)
    return list(read_cells(log).values())


if __name__ == "__main__":
    main()
