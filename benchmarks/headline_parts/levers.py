"""Each lever alone, with the trainer and the network that "everything as it comes" has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from active_learning import LogisticHead, query
from augment import add_noise, augment_texts, choose_policy
from curation import Curator, select_coreset
from thresher.app.steps.policy import candidates
from thresher.core.embeddings import Embeddings
from thresher.core.files import read_json, write_json
from training import Samples, TrainingRun, distill, fit, prune, quantize, samples_from_arrays

from .bench import Bench, DoesNotApplyError
from .measure import Cost

ROWS_SHARE, LABELS_SHARE, COMPUTE_SHARE = 2, 5, 4
ROUNDS = 5
PRUNED = 0.6
HELD = 512


def everything(bench: Bench) -> dict[str, Any]:
    """Train on all rows and labels as they come; the levers on models start from this one."""
    bench.charge(vectors=False)
    rows = bench.task.samples()
    with bench.timed():
        run = bench.train(rows)
    run.save(bench.folder / "everything")
    write_json(bench.folder / "everything.json", bench.spent)
    return bench.judge(run.model, _cost(bench, rows, run.flops), way="everything")


def deduplicate(bench: Bench) -> dict[str, Any]:
    """Drop copies and leaks; no label is looked at."""
    bench.charge(vectors=False)
    with bench.timed():
        steps = ["exact_duplicate", "near_duplicate", "leakage"]
        kept = _kept(bench, Curator(steps, random_state=bench.seed))
        run = bench.train(bench.task.samples(kept))
    cost = _cost(bench, bench.task.samples(kept), run.flops)
    return bench.judge(run.model, cost, way="deduplicate", dropped=_dropped(bench, kept))


def clean_labels(bench: Bench) -> dict[str, Any]:
    """Drop what is flagged; labels of all rows were looked at."""
    bench.charge(vectors=False)
    with bench.timed():
        kept = _kept(bench, Curator(["label"], label_action="drop", random_state=bench.seed))
        run = bench.train(bench.task.samples(kept))
    cost = replace(_cost(bench, bench.task.samples(kept), run.flops), labels=len(bench.task))
    return bench.judge(run.model, cost, way="clean labels", dropped=_dropped(bench, kept))


def core_set(bench: Bench) -> dict[str, Any]:
    """Keep half; the labels of all rows help to choose."""
    bench.charge(vectors=True)
    task = bench.task
    with bench.timed():
        chosen = select_coreset(
            _embeddings(bench),
            n=len(task) // ROWS_SHARE,
            labels=task.codes,
            random_state=bench.seed,
        )
        kept = np.flatnonzero(np.isin(task.row_ids[: len(task)], chosen.row_ids))
        run = bench.train(task.samples(kept))
    cost = replace(_cost(bench, task.samples(kept), run.flops), labels=len(task))
    return bench.judge(run.model, cost, way="core set", method=chosen.method)


def fewer_epochs(bench: Bench) -> dict[str, Any]:
    """Train on everything for a quarter of the epochs."""
    bench.charge(vectors=False)
    rows = bench.task.samples()
    with bench.timed():
        run = bench.train(rows, epochs=max(1, bench.task.epochs // COMPUTE_SHARE))
    return bench.judge(run.model, _cost(bench, rows, run.flops), way="fewer epochs")


def active_learning(bench: Bench) -> dict[str, Any]:
    """Label a fifth of the rows in rounds that double, with a logistic head on the vectors."""
    bench.charge(vectors=True)
    task, budget = bench.task, len(bench.task) // LABELS_SHARE
    with bench.timed():
        kept = ask(bench, budget)
        run = bench.train(task.samples(kept))
    return bench.judge(
        run.model, _cost(bench, task.samples(kept), run.flops), way="active learning"
    )


def ask(bench: Bench, budget: int) -> np.ndarray:
    """Return the places that a labeling loop asks for."""
    task, head = bench.task, LogisticHead()
    vectors, classes = bench.vectors.train, len(task.classes)
    labeled = np.zeros(len(task), bool)
    known: dict[str, np.ndarray] = {}
    for number in range(ROUNDS):
        count = max(2, budget >> (ROUNDS - 1 - number)) - int(labeled.sum())
        seed = bench.seed * ROUNDS + number
        picked = query(vectors, n=count, labeled=labeled.copy(), random_state=seed, **known)
        labeled[picked.positions] = True
        codes = task.codes[labeled]
        fitted = head(vectors[labeled], codes, num_classes=classes, random_state=seed)
        known = {"pred_probs": fitted(vectors)}
    return np.flatnonzero(labeled)


def augmentation(bench: Bench) -> dict[str, Any]:
    """Choose a policy for pictures; of texts and numbers each row comes with a changed copy."""
    if bench.task.vectors_only:
        raise DoesNotApplyError("the encoder's vectors are made once, of pictures as they are")
    bench.charge(vectors=False)
    task, seed = bench.task, bench.seed
    rows, more, policy = task.samples(), {}, None
    with bench.timed():
        if rows.modality == "image":
            pixels = rows.inputs.permute(0, 2, 3, 1).numpy()
            listed = candidates(min(task.test.input_shape[1:]))
            chosen = choose_policy(pixels, task.codes, candidates=listed, random_state=seed)
            policy, more = chosen.policy, {"policy": chosen.policy.name, "reason": chosen.reason}
        else:
            rows, more = _doubled(bench), {"policy": "a changed copy of each row, half the epochs"}
        half = None if rows.modality == "image" else max(1, task.epochs // 2)
        run = bench.train(rows, policy=policy, epochs=half)
    cost = _cost(bench, task.samples(), run.flops)
    return bench.judge(run.model, cost, way="augmentation choice", **more)


def _doubled(bench: Bench) -> Samples:
    task, ids = bench.task, bench.task.row_ids[: len(bench.task)]
    if task.modality == "text":
        changed = augment_texts(task.planted.rows, ids, op="delete", random_state=bench.seed)
        inputs = task.read(changed)
    else:
        numbers = task.inputs[0]
        inputs = add_noise(numbers, ids, scale=numbers.std(axis=0), random_state=bench.seed)
    return samples_from_arrays(
        np.concatenate([task.inputs[0], inputs.astype(task.inputs[0].dtype)]),
        row_ids=np.concatenate([ids, np.char.add(ids, "-changed")]),
        targets=np.concatenate([task.codes, task.codes]),
    )


def distillation(bench: Bench) -> dict[str, Any]:
    """Teach the product's student; the teacher's training counts."""
    rows = bench.task.samples()
    teacher = _trained(bench)
    plan = bench.plan(len(rows), role="student")
    student, augment = bench.build(plan), bench.augment()
    with bench.timed():
        run = distill(
            student,
            teacher.model,
            rows,
            temperature=plan.temperature,
            cached_views=None if augment is None else plan.cached_views,
            cache_dir=bench.folder / "views",
            augment=augment,
            device="cpu",
            random_state=bench.seed,
            **plan.fit_options(),
        )
    cost = _cost(bench, rows, teacher.flops + run.flops)
    return bench.judge(student, cost, way="distillation")


def pruning(bench: Bench) -> dict[str, Any]:
    """Take 60 % of the operations away, then train for a quarter of the epochs."""
    if bench.task.modality == "text":
        raise DoesNotApplyError("the network is a table of n-grams and one layer")
    rows, trained = bench.task.samples(), _trained(bench)
    plan = bench.plan(len(rows), epochs=max(1, bench.task.epochs // COMPUTE_SHARE))
    options = plan.fit_options() | {"lr": float(plan.options["lr"] or 0.0) / 3}
    with bench.timed():
        thin = prune(trained.model, amount=PRUNED, round_to=16)
        run = fit(
            thin.model,
            rows,
            augment=bench.augment(),
            random_state=bench.seed,
            device="cpu",
            **options,
        )
    return bench.judge(thin.model, _cost(bench, rows, trained.flops + run.flops), way="pruning")


def quantization(bench: Bench) -> dict[str, Any]:
    """Calibrate, and train only where that loses accuracy."""
    rows, trained = bench.task.samples(), _trained(bench)
    held = np.random.default_rng(bench.seed).choice(len(rows), HELD, replace=False)
    with bench.timed():
        small = quantize(
            trained.model,
            rows,
            validation=rows.take(held),
            augment=bench.augment(),
            random_state=bench.seed,
            device="cpu",
        )
    method = str(small.choices["method"])
    return bench.judge(small, _cost(bench, rows, trained.flops), way="quantization", method=method)


def _trained(bench: Bench) -> TrainingRun:
    """Return the model of "everything as it comes", and charge for it."""
    bench.spent = read_json(bench.folder / "everything.json")
    if bench.task.vectors_only:
        bench.vectors  # noqa: B018 - puts the inputs in place
    return TrainingRun.load(bench.folder / "everything")


def _kept(bench: Bench, curator: Curator) -> np.ndarray:
    """Return the places of the training rows that stay."""
    task = bench.task
    curator.fit(task.table, column=task.inputs_named, label="label")
    manifest = curator.manifest_
    dropped = manifest.row_ids[manifest.actions == "drop"]
    return np.flatnonzero(~np.isin(task.row_ids[: len(task)], dropped))


def _dropped(bench: Bench, kept: np.ndarray) -> dict[str, Any]:
    """Say what was dropped: kinds of rows, and how many with a wrong label."""
    gone = np.setdiff1d(np.arange(len(bench.task)), kept)
    kinds = bench.task.planted.kind[gone]
    wrong = bench.task.codes[gone] != bench.task.true_codes[gone]
    counts = {str(kind): int((kinds == kind).sum()) for kind in np.unique(kinds)}
    return {**counts, "wrong label": int(wrong.sum())}


def _embeddings(bench: Bench) -> Embeddings:
    ids = bench.task.row_ids[: len(bench.task)]
    return Embeddings(row_ids=ids, vectors=bench.vectors.train, encoder="shared")


def _cost(bench: Bench, rows: Samples, flops: float) -> Cost:
    return Cost(rows=len(rows), labels=len(rows), flops=flops, cpu_s=bench.spent)
