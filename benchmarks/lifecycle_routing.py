"""Claim: of rows that belong to an adapter at most 1 % are told "none fits"; far rows nearly all.

Banking77's intents are dealt to eleven tasks of seven; nine have adapters, the rows of two are of
no task. `Router` is fitted on training rows and judged on test rows, over five deals: the share of
the rows of a task that were told none (miss), those sent to the right task, and those of no task
told none. Near: intents of the two other tasks, all of the same bank. Far: questions, film reviews
and sentences of three other sets, with the encoder that ``thresher[encoders]`` ships. The peer is
what is common, a logistic regression over the tasks, with the threshold on its highest probability
found on the same rows kept aside.

Data, in the folder that THRESHER_DATA names: ``emb_minilm_banking77.npz`` (``id``, ``emb``) and
``text_classification.parquet`` (``dataset``, ``split``, ``id``, ``text``, ``label_name``).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/lifecycle_routing.py --out routing.json
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression

from lifecycle import Router
from thresher.core import embed
from thresher.core.files import write_json

TASKS, KNOWN, SEEDS, MISS, ASIDE = 11, 9, range(5), 0.01, 0.25
FAR = ("trec", "rt_polarity", "subj")
FAR_ROWS = 1000


def load() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return Banking77 by encoder, its intents, which rows are for training, and far rows."""
    folder = Path(os.environ["THRESHER_DATA"])
    table = pq.read_table(folder / "text_classification.parquet").to_pandas()
    bank = table[table["dataset"] == "banking77"]
    with np.load(folder / "emb_minilm_banking77.npz") as file:
        place = {row: k for k, row in enumerate(file["id"].tolist())}
        minilm = file["emb"][[place[row] for row in bank["id"]]].astype(np.float32)
    rows = {"MiniLM": minilm, "shipped": encoded(bank["text"].tolist())}
    far = {
        name: encoded(table[table["dataset"] == name]["text"].tolist()[:FAR_ROWS]) for name in FAR
    }
    return rows, bank["label_name"].to_numpy(str), (bank["split"] == "train").to_numpy(), far


def encoded(texts: list[str]) -> np.ndarray:
    return np.asarray(embed(texts, encoder="meaning:text").vectors)


def tasks_of(intents: np.ndarray, seed: int) -> np.ndarray:
    names = np.unique(intents)
    dealt = np.random.default_rng(seed).permutation(len(names)) % TASKS
    return dealt[np.searchsorted(names, intents)]


def ours(rows: np.ndarray, tasks: np.ndarray, asked: np.ndarray, seed: int) -> dict[str, Any]:
    names = np.array([f"t{task:02}" for task in tasks])
    router = Router.fit(rows, names, miss_rate=MISS, calibration=ASIDE, random_state=seed)
    began = time.process_time()
    routes = router.route(asked)
    taken = time.process_time() - began
    return {
        "none": np.array([name is None for name in routes.adapters]),
        "task": np.array([int(name[1:]) for name in routes.nearest]),
        "ms": 1000 * taken / len(asked),
    }


def peer(rows: np.ndarray, tasks: np.ndarray, asked: np.ndarray, seed: int) -> dict[str, Any]:
    order = np.random.default_rng(seed).permutation(len(rows))
    aside, kept = np.split(order, [round(ASIDE * len(rows))])
    model = LogisticRegression(C=30, max_iter=500).fit(rows[kept], tasks[kept])
    highest = np.sort(model.predict_proba(rows[aside]).max(1))
    threshold = highest[int((len(aside) + 1) * MISS) - 1]
    began = time.process_time()
    chances = model.predict_proba(asked)
    taken = time.process_time() - began
    return {
        "none": chances.max(1) < threshold,
        "task": chances.argmax(1),
        "ms": 1000 * taken / len(asked),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("lifecycle_routing.json"))
    options = parser.parse_args()
    embeddings, intents, train, far = load()
    results: dict[str, dict[str, list[float]]] = {}
    for encoder, rows in embeddings.items():
        for seed in SEEDS:
            tasks = tasks_of(intents, seed)
            mine = train & (tasks < KNOWN)
            asked, truth = rows[~train], tasks[~train]
            belongs = truth < KNOWN
            more = list(far.values()) if encoder == "shipped" else []
            for name, way in (("Router", ours), ("logistic regression", peer)):
                found = way(rows[mine], tasks[mine], np.concatenate([asked, *more]), seed)
                none, task = found["none"][: len(asked)], found["task"][: len(asked)]
                line = {
                    "miss": none[belongs].mean(),
                    "right": (task[belongs] == truth[belongs]).mean(),
                    "near": none[~belongs].mean(),
                    "ms": found["ms"],
                }
                if more:
                    line["far"] = found["none"][len(asked) :].mean()
                kept = results.setdefault(f"{name}, {encoder}", {key: [] for key in line})
                for key, value in line.items():
                    kept[key].append(float(value))
    for name, found in results.items():
        print(name, {key: round(float(np.mean(values)), 4) for key, values in found.items()})
    write_json(options.out, {"results": results, "page": page(results)})


def page(results: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    lines = []
    for name, found in results.items():
        mean = {key: float(np.mean(values)) for key, values in found.items()}
        way, _, encoder = name.rpartition(", ")
        lines.append(
            [
                encoder,
                way,
                f"{mean['miss']:.2%} (up to {max(found['miss']):.2%})",
                f"{mean['right']:.1%}",
                f"{mean['near']:.1%}",
                f"{mean['far']:.1%}" if "far" in mean else "",
                f"{1000 * mean['ms']:.1f}",
            ]
        )
    return {
        "title": "Routing rows to adapters",
        "note": (
            f"Banking77's intents in {TASKS} tasks, {KNOWN} of them with an adapter; the threshold "
            f"is set for a miss rate of {MISS:.0%} on training rows kept aside; test rows, means "
            f"of {len(SEEDS)} deals. Near rows are the intents of the other tasks, far ones of "
            "three other sets. CPU microseconds for a row."
        ),
        "tables": [
            {
                "caption": "",
                "header": [
                    "encoder",
                    "way",
                    "missed",
                    "right task",
                    "near rows told none",
                    "far rows told none",
                    "CPU µs",
                ],
                "rows": lines,
            }
        ],
    }


if __name__ == "__main__":
    main()
