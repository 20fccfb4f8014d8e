"""Claim: a student of a tenth of the teacher's weights comes near it, and beats itself alone.

For each seed the same student with the same options: alone on the labeled rows; taught on them,
label and teacher together; taught without any label, on the labeled rows and a larger pool whose
labels nobody needs. In all three it sees equally many rows, and the teacher judges equally many
views. One teacher, trained on the labeled rows, serves all seeds. The teacher of the texts is a
sentence encoder with a small perceptron on top: it reads other inputs than its student, which gets
the logits alone.

Data, in the folder that THRESHER_DATA names: CIFAR-10 as ``cifar10_train.parquet`` and
``cifar10_test.parquet`` (columns ``label``, ``jpeg``; https://www.cs.toronto.edu/~kriz/cifar.html);
Banking77 in ``text_classification.parquet`` (columns ``dataset``, ``split``, ``id``, ``text``,
``label_name``; https://github.com/PolyAI-LDN/task-specific-datasets) and its vectors from
sentence-transformers' all-MiniLM-L6-v2 in ``emb_minilm_banking77.npz`` (``id``, ``emb``).

Run: python benchmarks/training_distill.py --out distill.json        (--quick: less)
Finished runs are kept in FILE.jsonl beside the result and are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import nn

from augment import Augmenter, policies
from thresher.core.files import write_json
from thresher.core.images import decode_image
from training import (
    HashTokenizer,
    Samples,
    TokenDropout,
    compact_model,
    distill,
    evaluate,
    fit,
    samples_from_arrays,
)

ALONE, TAUGHT, POOL = "alone", "taught", "taught, no label, with the pool"
ENCODER_WEIGHTS = 22_713_216  # all-MiniLM-L6-v2


@dataclass(frozen=True)
class Task:
    """Rows, and how teacher and student are made for them.

    `read_by_teacher` holds the same rows as the teacher reads them, where it reads other inputs.
    `judged` is the number of pictures, views of all rows together, whose logits are cached.
    """

    labeled: Samples
    pool: Samples
    test: Samples
    teacher: dict[str, Any]
    student: dict[str, Any]
    options: dict[str, Any]
    passes: tuple[int, int]
    temperature: float
    augment: Any
    judged: int | None = None
    read_by_teacher: Samples | None = None
    teacher_options: dict[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.test.targets.max()) + 1

    def build(self, role: str, seed: int) -> nn.Module:
        """Make an untrained teacher or student."""
        asked = self.teacher if role == "teacher" else self.student
        rows = self.as_read(self.test) if role == "teacher" else self.test
        return compact_model(
            num_classes=self.classes, input_shape=rows.input_shape, random_state=seed, **asked
        )

    def as_read(self, rows: Samples) -> Samples:
        """Return the rows as the teacher reads them."""
        if self.read_by_teacher is None:
            return rows
        place = {row: position for position, row in enumerate(self.read_by_teacher.row_ids)}
        return self.read_by_teacher.take(np.array([place[row] for row in rows.row_ids]))

    def teaching(self, teacher: nn.Module, rows: Samples) -> nn.Module | np.ndarray:
        """Return the teacher, or its logits where it reads other inputs."""
        if self.read_by_teacher is None:
            return teacher
        with torch.no_grad():
            logits: np.ndarray = teacher.eval()(self.as_read(rows).inputs).numpy()
        return logits

    def epochs(self, rows: Samples) -> int:
        """Return passes such that the student sees equally many rows in all its runs."""
        return max(1, round(self.passes[1] * len(self.labeled) / len(rows)))

    def views(self, rows: Samples) -> int | None:
        """Return how many views of a row the teacher judges; None where it reads other inputs."""
        return None if self.judged is None else max(1, self.judged // len(rows))


def pictures(rows: int, pool: int) -> Task:
    parts = []
    for split, count in (("train", rows + pool), ("test", 10_000)):
        table = pq.read_table(Path(os.environ["THRESHER_DATA"]) / f"cifar10_{split}.parquet")
        table = table.slice(0, count)
        images = np.stack([decode_image(data) for data in table["jpeg"].to_pylist()])
        ids = np.array([f"{split}{row}" for row in range(len(images))])
        parts.append(samples_from_arrays(images, row_ids=ids, targets=table["label"].to_numpy()))
    return Task(
        labeled=parts[0].take(np.arange(rows)),
        pool=parts[0].without_targets(),
        test=parts[1],
        teacher={"name": "fast", "width": 32},
        student={"name": "resnet8", "width": 12},
        options={"optimizer": "muon", "ema": 0.98},
        passes=(24, 100),
        temperature=4.0,
        augment=Augmenter(policies.crop_flip(), random_state=0).for_training(),
        judged=4 * (rows + pool),
        teacher_options={"label_smoothing": 0.1},
    )


def texts(rows: int | None) -> Task:
    folder = Path(os.environ["THRESHER_DATA"])
    table = pq.read_table(folder / "text_classification.parquet")
    table = table.filter(pc.field("dataset") == "banking77")
    codes = np.unique(table["label_name"].to_pylist(), return_inverse=True)[1]
    ids = np.array(table["id"].to_pylist())
    tokens = HashTokenizer().encode(table["text"].to_pylist())
    samples = samples_from_arrays(tokens, row_ids=ids, targets=codes)
    with np.load(folder / "emb_minilm_banking77.npz") as stored:
        place = {row: position for position, row in enumerate(stored["id"])}
        vectors = stored["emb"][[place[row] for row in ids]].astype(np.float32)
    is_train = np.array(table["split"].to_pylist()) == "train"
    order = np.random.default_rng(0).permutation(np.flatnonzero(is_train))
    labeled = order[:rows]
    return Task(
        labeled=samples.take(labeled),
        pool=samples.take(order).without_targets(),
        test=samples.take(np.flatnonzero(~is_train)),
        teacher={"name": "mlp", "width": 256},
        student={"name": "hashed_embedding", "width": 24, "vocabulary": 4096},
        options={"optimizer": "adamw", "lr": 1e-2, "weight_decay": 0.5, "ema": 0.98},
        passes=(20, 20 if rows is None else 100),
        temperature=1.5,
        augment=TokenDropout(0.3),
        read_by_teacher=samples_from_arrays(vectors, row_ids=ids, targets=codes),
        teacher_options={"lr": 3e-3, "weight_decay": 0.02, "label_smoothing": 0.1},
    )


def train(task: Task, arm: str, seed: int, *, teacher: nn.Module | None, cache: Path) -> dict:
    """Do one run and describe it."""
    cpu = time.process_time()
    shared = {**task.options, "augment": task.augment, "random_state": seed}
    rows = task.pool if arm == POOL else task.labeled
    judged_on, more = task.test, 0
    if arm == "teacher":
        model, judged_on = task.build("teacher", seed), task.as_read(task.test)
        if task.read_by_teacher is not None:
            shared["augment"], more = None, ENCODER_WEIGHTS
        fit(model, task.as_read(rows), epochs=task.passes[0], **shared | task.teacher_options)
        torch.save(model.state_dict(), cache / "teacher.pt")
    elif arm == ALONE:
        model = task.build("student", seed)
        fit(model, rows, epochs=task.epochs(rows), **shared)
    else:
        model = task.build("student", seed)
        assert teacher is not None
        distill(
            model,
            task.teaching(teacher, rows),
            rows,
            epochs=task.epochs(rows),
            temperature=task.temperature,
            cached_views=task.views(rows),
            cache_dir=None if task.judged is None else cache,
            **shared,
        )
    judged = evaluate(model, judged_on)
    return {
        "arm": arm,
        "seed": seed,
        "rows": len(rows),
        "accuracy": judged.accuracy,
        "interval": list(judged.interval),
        "parameters": more + sum(p.numel() for p in model.parameters()),
        "cpu_s": round(time.process_time() - cpu, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", default=["cifar10", "banking77", "banking77-few"])
    parser.add_argument("--rows", type=int, default=4000, help="labeled pictures")
    parser.add_argument("--pool", type=int, default=46_000, help="pictures without a label, more")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=(ALONE, TAUGHT, POOL))
    parser.add_argument("--quick", action="store_true", help="800 labeled pictures, one seed")
    parser.add_argument("--out", type=Path, default=Path("training_distill.json"))
    options = parser.parse_args()
    if options.quick:
        options.data, options.rows, options.pool, options.seeds = ["cifar10"], 800, 800, [0]
    log = options.out.with_suffix(".jsonl")
    runs = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for name in options.data:
        task = {
            "cifar10": lambda: pictures(options.rows, options.pool),
            "banking77": lambda: texts(None),
            "banking77-few": lambda: texts(2000),
        }[name]()
        cache = log.with_name(f"{log.stem}-{name}")
        cache.mkdir(exist_ok=True)
        arms = (ALONE, TAUGHT) if len(task.pool) == len(task.labeled) else (ALONE, TAUGHT, POOL)
        wanted = [("teacher", 0)]
        wanted += [(arm, seed) for seed in options.seeds for arm in options.arms or arms]
        for arm, seed in wanted:
            key = {"data": name, "arm": arm, "seed": seed}
            if any(all(run[part] == key[part] for part in key) for run in runs):
                continue
            found = key | train(task, arm, seed, teacher=saved_teacher(task, cache), cache=cache)
            runs.append(found)
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            print(found, flush=True)
    write_json(options.out, {"runs": runs, "torch": torch.__version__, "page": page(runs)})


def saved_teacher(task: Task, cache: Path) -> nn.Module | None:
    path = cache / "teacher.pt"
    if not path.exists():
        return None
    teacher = task.build("teacher", 0)
    teacher.load_state_dict(torch.load(path, weights_only=True))
    return teacher.eval()


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = []
    for name in dict.fromkeys(run["data"] for run in runs):
        of_data = [run for run in runs if run["data"] == name]
        for arm in dict.fromkeys(run["arm"] for run in of_data):
            same = [run for run in of_data if run["arm"] == arm]
            found = [100 * run["accuracy"] for run in same]
            rows.append(
                [
                    name,
                    arm,
                    f"{same[0]['parameters']:,}",
                    f"{same[0]['rows']:,}",
                    f"{np.mean(found):.2f} %",
                    f"{len(found)}: {min(found):.2f} to {max(found):.2f}",
                    f"{np.mean([run['cpu_s'] for run in same]):.0f}",
                ]
            )
    header = ["data", "how", "weights", "rows", "test accuracy", "seeds", "CPU-seconds"]
    return {
        "title": "Distillation",
        "note": (
            "One teacher for each data set; a student sees equally many rows in all its runs. "
            "Without labels it sees the labeled rows and the pool. "
            f"One thread, torch {torch.__version__}."
        ),
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


if __name__ == "__main__":
    main()
