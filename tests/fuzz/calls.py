"""Valid small calls of the public functions; the fuzzer changes one or two of their arguments."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 24


@dataclass(frozen=True)
class Call:
    """One valid call; `weight` says how often it is drawn."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    weight: float = 1.0


def calls_of(package: str) -> list[Call]:
    """Return the valid calls of one package."""
    makers = {
        "core": core_calls,
        "curation": curation_calls,
        "active_learning": active_learning_calls,
        "augment": augment_calls,
        "training": training_calls,
        "lifecycle": lifecycle_calls,
    }
    return makers[package](_Data())


class _Data:
    """Small arrays that all calls share."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.y = np.arange(ROWS) % 2
        self.X = (random.normal(size=(ROWS, 4)) + 3 * self.y[:, None]).astype(np.float32)
        noisy = np.clip(np.where(self.y, 0.8, 0.2) + random.normal(0, 0.15, ROWS), 0.05, 0.95)
        self.probs = np.stack([1 - noisy, noisy], 1)
        self.ids = np.array([f"row{i}" for i in range(ROWS)])
        self.names = ["ab"[label] for label in self.y]
        self.texts = [f"some words number {i} about thing {i % 5} and more" for i in range(ROWS)]
        self.images = random.integers(0, 256, (ROWS, 16, 16, 3)).astype(np.uint8)
        self.splits = np.array(["train", "test"] * (ROWS // 2))
        self.scores = random.random(ROWS)
        self.numbers = self.X[:, 0] * 2 + random.normal(0, 0.1, ROWS)


def core_calls(data: _Data) -> list[Call]:
    from thresher.core import (
        Embeddings,
        Issues,
        Manifest,
        NeighborGraph,
        embed,
        get_encoder,
        neighbor_graph,
    )

    n = ROWS
    return [
        Call("Embeddings", Embeddings, {"row_ids": data.ids, "vectors": data.X}),
        Call("Embeddings.from_vectors", Embeddings.from_vectors,
             {"vectors": data.X, "row_ids": data.ids}),
        Call("neighbor_graph", neighbor_graph,
             {"embeddings": data.X, "threshold": 0.9, "k": None, "recall": 0.99,
              "random_state": 0}),
        Call("neighbor_graph k", neighbor_graph,
             {"embeddings": data.X, "k": 3, "method": "exact", "random_state": 0}),
        Call("embed texts", embed, {"data": data.texts, "row_ids": data.ids, "batch_size": 8,
                                    "random_state": 0}, 0.3),
        Call("embed images", embed, {"data": data.images, "batch_size": 8, "random_state": 0}, 0.3),
        Call("embed numbers", embed, {"data": data.X, "batch_size": 8, "random_state": 0}),
        Call("get_encoder", get_encoder, {"spec": "builtin:text", "modality": None,
                                          "device": "cpu", "random_state": 0}),
        Call("Issues.from_columns", Issues.from_columns,
             {"check": "outlier", "row_ids": data.ids, "scores": data.scores}),
        Call("Manifest.from_columns", Manifest.from_columns,
             {"row_ids": data.ids, "actions": ["keep"] * n, "reasons": [""] * n,
              "scores": data.scores}),
        Call("Manifest.keep_all", Manifest.keep_all, {"row_ids": data.ids}),
        Call("NeighborGraph.from_pairs", NeighborGraph.from_pairs,
             {"row_ids": data.ids, "threshold": 0.5,
              "pairs": (np.array([0, 1]), np.array([2, 3]), np.array([0.9, 0.8], np.float32))}),
    ]  # fmt: skip


def curation_calls(data: _Data) -> list[Call]:
    import curation as c
    from thresher.core import Embeddings, neighbor_graph

    graph = neighbor_graph(Embeddings.from_vectors(data.X, row_ids=data.ids), threshold=0.9)
    dense = neighbor_graph(Embeddings.from_vectors(data.X, row_ids=data.ids), k=5)
    issues = c.find_outliers(data.X)
    some = c.find_near_duplicates(graph, threshold=0.95)
    sets = np.stack([data.y, 1 - data.y, np.ones(ROWS, int)], 1)
    set_probs = np.clip(sets * 0.7 + 0.15, 0, 1).astype(np.float64)
    boxes = [{"boxes": [[0, 0, 4, 4.0], [5, 5, 9, 9]], "labels": ["a", "b"]} for _ in range(6)]
    predicted = [{**b, "scores": [0.9, 0.8]} for b in boxes]
    tokens = [[0, 1, 1] for _ in range(8)]
    token_probs = [np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]) for _ in range(8)]
    hashes = np.arange(ROWS, dtype=np.uint64) // 2
    return [
        Call("find_outliers", c.find_outliers,
             {"embeddings": data.X, "labels": data.y, "random_state": 0}),
        Call("find_label_issues vectors", c.find_label_issues,
             {"labels": data.y, "embeddings": data.X, "row_ids": data.ids, "random_state": 0}, 0.5),
        Call("find_label_issues probs", c.find_label_issues,
             {"labels": data.names, "pred_probs": data.probs, "classes": ["a", "b"],
              "method": "auto"}),
        Call("find_label_issues graph", c.find_label_issues,
             {"labels": data.y, "embeddings": data.X, "graph": dense, "row_ids": data.ids}, 0.3),
        Call("find_corpus_issues", c.find_corpus_issues,
             {"labels": data.y, "embeddings": data.X, "properties": {"length": data.scores},
              "sure": 0.95, "random_state": 0}, 0.3),
        Call("select_coreset", c.select_coreset,
             {"embeddings": data.X, "n": 6, "labels": data.y, "method": "facility_location",
              "random_state": 0}),
        Call("select_coreset auto", c.select_coreset,
             {"embeddings": data.X, "n": 6, "labels": data.names, "scores": data.scores}, 0.3),
        Call("find_exact_duplicates", c.find_exact_duplicates,
             {"content_hashes": hashes, "row_ids": data.ids, "splits": data.splits,
              "labels": data.y, "priority": data.scores}),
        Call("find_leakage", c.find_leakage,
             {"graph": graph, "splits": data.splits, "threshold": 0.95, "labels": data.y}),
        Call("find_near_duplicates", c.find_near_duplicates,
             {"graph": graph, "threshold": 0.95, "protect": data.y == 1, "priority": data.scores}),
        Call("keep_by", c.keep_by, {"policy": "length", "graph": graph, "values": data.texts}),
        Call("keep_by labels", c.keep_by,
             {"policy": "label_agreement", "graph": graph, "labels": data.y}),
        Call("hash_graph", c.hash_graph,
             {"hashes": hashes, "row_ids": data.ids, "max_distance": 4}),
        Call("perceptual_hashes", c.perceptual_hashes, {"images": data.images}),
        Call("image_graph", c.image_graph,
             {"images": data.images[:6], "row_ids": data.ids[:6], "threshold": 0.5,
              "candidates": 3}, 0.2),
        Call("text_graph", c.text_graph,
             {"texts": data.texts, "row_ids": data.ids, "threshold": 0.7, "random_state": 0}),
        Call("suggest_text_threshold", c.suggest_text_threshold,
             {"texts": data.texts, "target_precision": 0.9, "random_state": 0}, 0.3),
        Call("match_records", c.match_records,
             {"left": data.texts, "right": data.texts[:12], "left_ids": data.ids,
              "threshold": 0.5}, 0.5),
        Call("find_contamination", c.find_contamination,
             {"test_texts": data.texts[:6], "train_texts": data.texts, "n": 5, "threshold": 0.5,
              "row_ids": data.ids[:6], "train_ids": data.ids}),
        Call("find_quality_issues text", c.find_quality_issues,
             {"values": data.texts, "kind": "text", "row_ids": data.ids}),
        Call("find_quality_issues image", c.find_quality_issues,
             {"values": data.images, "kind": "image", "row_ids": data.ids}, 0.5),
        Call("find_quality_issues numbers", c.find_quality_issues,
             {"values": data.X, "kind": "features", "row_ids": data.ids}),
        Call("find_multilabel_issues", c.find_multilabel_issues,
             {"labels": sets, "pred_probs": set_probs, "row_ids": data.ids}),
        Call("find_multilabel_issues vectors", c.find_multilabel_issues,
             {"labels": sets, "embeddings": data.X, "random_state": 0}, 0.4),
        Call("find_regression_issues", c.find_regression_issues,
             {"targets": data.numbers, "embeddings": data.X, "row_ids": data.ids}, 0.5),
        Call("find_regression_issues predictions", c.find_regression_issues,
             {"targets": data.numbers, "predictions": data.X[:, 0].astype(np.float64)}),
        Call("find_token_issues", c.find_token_issues,
             {"labels": tokens, "pred_probs": token_probs, "row_ids": data.ids[:8]}),
        Call("find_box_issues", c.find_box_issues,
             {"targets": boxes, "predictions": predicted, "row_ids": data.ids[:6],
              "confident": 0.95, "likely": 0.5}),
        Call("decide", lambda found, **more: c.decide(found, **more),
             {"found": some.to_issues(), "row_ids": data.ids, "splits": data.splits,
              "labels": data.names}),
        Call("Curator", lambda X, y, **more: c.Curator(**more).fit(X, y),
             {"X": data.X, "y": data.y, "threshold": 0.95, "label_action": "review",
              "random_state": 0}, 0.2),
        Call("Outliers.at", issues.at, {"threshold": 0.1}) if hasattr(issues, "at")
        else Call("find_outliers again", c.find_outliers, {"embeddings": data.X}),
    ]  # fmt: skip


def active_learning_calls(data: _Data) -> list[Call]:
    import active_learning as al

    folder = Path(tempfile.mkdtemp())
    labeled = np.array([0, 1, 2, 3])
    answers = np.array(data.names)
    rows, people = np.repeat(data.ids[:8], 3), np.array(["p", "q", "r"] * 8)
    said = np.array(["a", "a", "b"] * 8)
    correct = (np.arange(12) % 4 > 0).astype(float)
    numbers = iter(range(10**9))

    def session(**more: Any) -> Any:
        with al.Session(folder / f"{next(numbers)}.db", background=False, **more) as opened:
            batch = opened.ask(3)
            opened.tell(dict.fromkeys(batch.row_ids, "a"))
            return batch.row_ids

    def ask(n: Any, annotator: Any, lease: Any) -> Any:
        with al.Session(folder / f"{next(numbers)}.db", background=False, embeddings=data.X,
                        classes=["a", "b"]) as opened:  # fmt: skip
            return opened.ask(n, annotator=annotator, lease=lease).row_ids

    def tell(answers: Any, annotator: Any) -> Any:
        with al.Session(folder / f"{next(numbers)}.db", background=False, embeddings=data.X,
                        row_ids=data.ids, classes=["a", "b"]) as opened:  # fmt: skip
            return opened.tell(answers, annotator=annotator)

    shared = {"n": 3, "embeddings": data.X, "pred_probs": data.probs, "labeled": labeled,
              "random_state": 0, "row_ids": data.ids}  # fmt: skip
    return [
        *(
            Call(f"query {name}", al.query, {"strategy": name, **shared}, 0.5)
            for name in ("margin", "entropy", "max_herding", "typiclust", "auto", "random", "badge",
                         "k_center", "prob_cover", "uherding")
            if name in al.STRATEGIES
        ),
        Call("query costs", al.query,
             {"strategy": "margin", **shared, "costs": data.scores + 1, "weights": data.scores,
              "exclude": data.y == 1, "candidates": np.arange(10, 20)}),
        Call("query ensemble", al.query,
             {"strategy": "vote_entropy" if "vote_entropy" in al.STRATEGIES else "random", "n": 2,
              "embeddings": data.X, "ensemble_probs": np.stack([data.probs] * 3)}),
        Call("query regression", al.query,
             {"strategy": "auto", "n": 2, "embeddings": data.X, "labeled": labeled,
              "task": "regression"}),
        Call("consensus", al.consensus,
             {"row_ids": rows, "annotators": people, "labels": said, "classes": ["a", "b"],
              "method": "auto"}),
        Call("consensus lists", al.consensus,
             {"row_ids": rows.tolist(), "annotators": people.tolist(), "labels": said.tolist(),
              "pred_probs": data.probs[:8]}),
        Call("estimate_accuracy", al.estimate_accuracy, {"correct": correct, "level": 0.9}),
        Call("estimate_accuracy weighted", al.estimate_accuracy,
             {"correct": correct, "weights": np.ones(12), "expected": correct * 0.5 + 0.2,
              "expected_mean": 0.6, "pool_size": 100}),
        Call("estimate_error", al.estimate_error,
             {"errors": correct * 2, "weights": np.ones(12), "pool_size": 100, "level": 0.9}),
        Call("lure_weights", al.lure_weights,
             {"propensities": np.full(6, 0.1), "pool_size": ROWS}),
        Call("get_strategy", al.get_strategy, {"strategy": "margin"}),
        Call("get_task", al.get_task, {"task": "classification", "classes": ["a", "b"],
                                       "options": None}),
        Call("Instances", lambda **more: al.Instances(**more).of_items(data.ids[:8])
             if callable(getattr(al.Instances, "of_items", None)) else al.Instances(**more),
             {"scores": data.scores, "row_ids": np.repeat(data.ids[:8], 3), "aggregate": "max",
              "k": 2, "empty": 0.0}),
        Call("simulate", al.simulate,
             {"embeddings": data.X, "labels": answers, "strategies": ["random"],
              "budgets": (4, 8), "seeds": 1, "test_fraction": 0.25}, 0.2),
        Call("Session", session,
             {"embeddings": data.X, "row_ids": data.ids, "classes": ["a", "b"],
              "strategy": "margin",
              "audit": 0.1, "random_state": 0, "candidates": np.arange(20),
              "costs": data.scores + 1}, 0.3),
        Call("Session.ask", ask, {"n": 3, "annotator": "ann", "lease": "2h"}, 0.3),
        Call("Session.tell", tell,
             {"answers": {"row0": "a", "row1": "b"}, "annotator": "ann"}, 0.3),
    ]  # fmt: skip


def augment_calls(data: _Data) -> list[Call]:
    import augment as a

    policy = a.policies.crop_flip() if hasattr(a.policies, "crop_flip") else a.Policy(
        "flip", (a.Step("hflip", p=0.5),)
    )  # fmt: skip
    augmenter = a.Augmenter(policy)
    return [
        Call("Augmenter", a.Augmenter, {"policy": policy, "random_state": 0, "backend": "auto"}),
        Call("augmenter()", augmenter,
             {"image": data.images[0], "row_id": 3, "epoch": 0}),
        Call("augmenter.batch", augmenter.batch,
             {"images": data.images, "row_ids": np.arange(ROWS), "epoch": 0}),
        Call("Step", a.Step, {"op": "hflip", "settings": {}, "p": 0.5}),
        Call("Schedule", a.Schedule, {"start": 0.1, "end": 1.0, "epochs": 3}),
        Call("Policy", a.Policy, {"name": "x", "nodes": (a.Step("hflip"),)}),
        Call("OneOf", a.OneOf, {"branches": ((a.Step("hflip"),),), "p": 0.5}),
        Call("AugMix", a.AugMix, {"choices": (a.Step("hflip"),), "width": 2, "depth": 2}),
        Call("MixBatch", a.MixBatch, {"num_classes": 3, "mixup": 0.2, "cutmix": 1.0, "prob": 0.5,
                                      "random_state": 0}),
        Call("ClassAugmenter", a.ClassAugmenter,
             {"by_class": {"a": policy}, "default": policy, "random_state": 0}),
        Call("TestTimeAugment", a.TestTimeAugment, {"views": ["identity", "hflip"]}),
        Call("BatchLoader", lambda **more: list(a.BatchLoader(**more)),
             {"images": data.images, "row_ids": np.arange(ROWS), "augmenter": augmenter,
              "batch_size": 8, "shuffle": True, "random_state": 0}),
        Call("preview", a.preview,
             {"policies": policy, "images": data.images[:3], "views": 2, "zoom": 1,
              "random_state": 0}, 0.3),
        Call("augment_stream", lambda **more: list(a.augment_stream(**more)),
             {"records": [{"image": image, "row_id": row} for image, row in
                          zip(data.images[:4], data.ids, strict=False)],
              "augmenter": augmenter, "image": "image", "row_id": "row_id", "batch_size": 2}),
        Call("audit", a.audit,
             {"policy": policy, "images": data.images, "labels": data.y, "views": 1,
              "strengths": (1.0,), "max_rows": 20}, 0.05),
    ]  # fmt: skip


def training_calls(data: _Data) -> list[Call]:
    import torch

    import training as t

    torch.manual_seed(0)
    samples = t.Samples(torch.from_numpy(data.X), torch.from_numpy(data.y), data.ids)

    @functools.cache
    def trained() -> Any:
        model = t.compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
        return t.fit(model, samples, epochs=1, batch_size=8, device="cpu").model

    def logits_of(rows: Any) -> np.ndarray:
        return np.ones((len(rows), 2), np.float32)

    def fresh() -> Any:
        return t.compact_model("mlp", num_classes=2, input_shape=(4,), width=8)

    def fit(inputs: Any, targets: Any, row_ids: Any, **more: Any) -> Any:
        return t.fit(fresh(), t.Samples(inputs, targets, row_ids), **more).metrics

    return [
        Call("Samples", t.Samples, {"inputs": torch.from_numpy(data.X),
                                    "targets": torch.from_numpy(data.y), "row_ids": data.ids}),
        Call("fit", fit,
             {"inputs": torch.from_numpy(data.X), "targets": torch.from_numpy(data.y),
              "row_ids": data.ids, "epochs": 1, "batch_size": 8, "optimizer": "sgd", "lr": 0.1,
              "schedule": "cosine", "label_smoothing": 0.1, "ema": None, "clip_norm": None,
              "accumulate": 1, "precision": "auto", "device": "cpu", "random_state": 0}, 2.0),
        Call("compact_model", t.compact_model,
             {"name": "mlp", "num_classes": 2, "input_shape": (4,), "width": 8, "dropout": None,
              "random_state": 0}),
        Call("compact_model image", t.compact_model,
             {"name": "resnet8", "num_classes": 2, "input_shape": (3, 16, 16), "width": 4,
              "stem_stride": 1}),
        Call("evaluate", lambda model, **more: t.evaluate(
            trained() if model is None else model, **more),
             {"model": None, "samples": samples, "batch_size": 8, "device": "cpu"}),
        Call("recipe", t.recipe,
             {"modality": "image", "n_rows": 1000, "input_shape": (3, 16, 16), "num_classes": 4,
              "role": "student", "epochs": None, "lr": None, "seconds": 20.0}),
        # What the caller's own function raises is the caller's.
        Call("teacher_logits", functools.partial(t.teacher_logits, logits_of),
             {"values": data.texts,
              "row_ids": data.ids, "batch_size": 7}),
        Call("distill", lambda **more: t.distill(fresh(), **more).metrics,
             {"teacher": np.ones((ROWS, 2), np.float32), "samples": samples, "epochs": 1,
              "temperature": 2.0, "alpha": 0.5, "batch_size": 8, "device": "cpu"}, 0.7),
        Call("quantize", lambda **more: t.quantize(trained(), **more),
             {"calibration": samples, "method": "ptq", "weight_bits": 8, "activation_bits": 8,
              "ranges": "mse", "calibration_rows": 16, "device": "cpu"}, 0.4),
        Call("prune", lambda **more: t.prune(fresh(), **more),
             {"amount": 0.5, "method": "weights", "keep": (), "round_to": 4}, 0.5),
        Call("profile", lambda **more: t.profile(fresh(), **more),
             {"batch_sizes": (1,), "threads": 1, "seconds": 0.01}, 0.05),
        Call("TokenDropout", t.TokenDropout, {"share": 0.3, "random_state": 0}),
        Call("ModelSpec", lambda **more: t.ModelSpec(**more),
             {"name": "mlp", "modality": "features", "num_classes": 2, "input_shape": (4,),
              "width": 8}),
    ]  # fmt: skip


def lifecycle_calls(data: _Data) -> list[Call]:  # noqa: C901 — many small calls
    import lifecycle as lc

    folder = Path(tempfile.mkdtemp())
    numbers = iter(range(10**9))
    trust, right = np.clip(data.scores, 0.3, 1.0), data.y
    many = 220
    wide = np.random.default_rng(1).normal(size=(many, 3))
    sure, well = np.linspace(0.4, 1, many), np.arange(many) % 5 > 0
    estimate = lc.estimate_accuracy(trust, labeled_confidence=trust, correct=right)
    served = type("Model", (), {"digest": "0" * 32, "classes": ["a", "b"]})()
    change = np.linspace(-1, 1, 12)
    kept = folder / "kept"
    lc.RequestRing(kept).close()

    def watch(rows: Any, confidence: Any, correct: Any, answers: Any, day: Any, **more: Any) -> Any:
        made = lc.Watch(wide, confidence=sure, correct=well, answers=["a", "b"] * (many // 2),
                        **more)  # fmt: skip
        for _ in range(2):
            made.window(rows, confidence=day)
        made.labels(confidence, correct, answers=answers)
        return made.restore(made.to_json()).state()

    def reference(logits: Any, labels: Any, classes: Any) -> Any:
        path = folder / f"{next(numbers)}.parquet"
        lc.write_reference(path, logits, labels=labels, classes=classes)
        return lc.read_reference(path).correct

    def added(sequence: Any, values: Any, **more: Any) -> Any:
        made = sequence(**more)
        made.add(values)
        return sequence.from_json(made.to_json()).interval

    def guard(values: Any, limits: Any, **more: Any) -> Any:
        made = lc.Guard(**more)
        made.add(values, limits=limits)
        return lc.Guard.from_json(made.to_json()).evidence

    def groups(outcomes: Any, treated: Any, **more: Any) -> Any:
        made = lc.ABTest(**more)
        made.add(outcomes, treated=treated)
        return made.interval

    def shadow(row: Any, old: Any, new: Any, label: Any, agreed: Any, **more: Any) -> Any:
        made = lc.Shadow(**more)
        made.agreed(agreed)
        made.saw(row, old=old, new=new)
        made.label(row, label)
        return made.result()

    def canary(user: Any, new: Any, failed: Any, seconds: Any, **more: Any) -> Any:
        made = lc.Canary(**more)
        made.observe(new=new, failed=failed, seconds=seconds)
        return made.takes(user)

    def trigger(day: Any, accuracy: Any, **more: Any) -> Any:
        made = lc.Trigger(lc.TriggerRules(**more))
        made.look(day, accuracy)
        return lc.Trigger.from_json(made.to_json()).armed

    def ring(limit_mb: Any, rows_per_file: Any, seconds_per_file: Any, content: Any) -> Any:
        at = folder / f"ring{next(numbers)}"
        made = lc.RequestRing(at, limit_mb=limit_mb, rows_per_file=rows_per_file,
                              seconds_per_file=seconds_per_file, content=content)  # fmt: skip
        made.add(served, np.arange(2), np.eye(2), seconds=0.1, content=([b"x", b"y"], np.arange(2)))
        made.close()
        return lc.read_requests(at).num_rows

    def combined(**more: Any) -> Any:
        update = lc.ClientUpdate(**more)
        return lc.combine_updates([update], quorum=1).change

    def packed(update: Any, **more: Any) -> Any:
        sent = lc.UpdatePacker(**more).pack(update).to_bytes()
        return lc.PackedUpdate.from_bytes(sent).values()

    def adapted(down: Any, up: Any, weight: Any, bias: Any) -> Any:
        base = lc.Base("encoder", 10**6)
        adapter = lc.Adapter("encoder", low_rank={"a": (down, up)}, whole={"b": (weight, bias)})
        store = lc.AdapterStore(folder / f"store{next(numbers)}", base=base)
        store.add("one", adapter)
        return store.get("one").rank

    return [
        Call("estimate_accuracy", lc.estimate_accuracy,
             {"confidence": trust, "labeled_confidence": trust, "correct": right}),
        Call("calibration_error", lc.calibration_error,
             {"confidence": sure, "correct": well, "bins": 5, "resamples": 20, "random_state": 0},
             0.5),
        Call("compare_rows", lc.compare_rows,
             {"reference": {"a": data.scores, "b": data.numbers},
              "current": {"a": data.scores, "b": data.numbers}}),
        Call("compare_rows column", lambda column, **more: lc.compare_rows(
            {"a": data.scores}, {"a": column}, **more),
             {"column": data.scores, "batches": data.y, "reference_batches": data.y}),
        Call("labels_needed", lc.labels_needed,
             {"confidence": sure, "correct": well, "answers": np.array(["a", "b"] * (many // 2)),
              "fall": 0.5, "days": 7, "alpha": 0.05, "horizon": 365, "random_state": 0}, 0.02),
        Call("Watch", watch,
             {"rows": wide[:ROWS], "day": trust, "confidence": trust, "correct": right,
              "answers": data.names, "alpha": 0.05, "effect": 0.55, "horizon": 365}),
        Call("Watch reference", lc.Watch,
             {"reference": wide, "confidence": sure, "correct": well, "answers": None,
              "alpha": 0.05}, 0.5),
        Call("write_reference", reference,
             {"logits": data.probs, "labels": data.names, "classes": ["a", "b"]}, 0.5),
        Call("AsymptoticSequence", functools.partial(added, lc.AsymptoticSequence),
             {"values": data.numbers, "alpha": 0.05, "best_at": 500, "at_least": 10}),
        Call("BettingSequence", functools.partial(added, lc.BettingSequence),
             {"values": data.scores, "low": 0.0, "high": 1.0, "alpha": 0.05, "grid": 101}),
        Call("Guard", guard,
             {"values": data.scores, "limits": trust * 0.5, "limit": 0.1, "alpha": 0.01,
              "every": 2}),
        Call("ABTest", groups,
             {"outcomes": data.scores, "treated": data.y, "share": 0.5, "alpha": 0.05,
              "bounds": (0.0, 1.0)}, 0.3),
        Call("Shadow", shadow,
             {"row": "one", "old": "a", "new": "b", "label": "b", "agreed": 3, "alpha": 0.02,
              "margin": 0.0, "worth": 0.01, "sequence": "asymptotic"}),
        Call("Canary", canary,
             {"user": "ann", "new": True, "failed": False, "seconds": 0.1,
              "key": "sixteen letters!", "shares": (0.1, 0.5), "step": 10, "most_errors": 0.02,
              "slow_s": 1.0, "most_slow": 0.05, "alpha": 0.01}),
        Call("rows_needed", lc.rows_needed,
             {"difference": 0.02, "accuracy": 0.9, "disagreement": 0.1}),
        Call("Trigger", trigger,
             {"day": 3.0, "accuracy": estimate, "floor": 0.8, "confirm": 1, "of": 2,
              "recovery": 0.01, "cooldown_days": 3.0, "budget": 2}),
        Call("dry_run", lc.dry_run,
             {"rules": lc.TriggerRules(floor=0.8), "days": [(1.0, estimate), (2.0, estimate)]}),
        Call("RequestRing", ring,
             {"limit_mb": 1.0, "rows_per_file": 10, "seconds_per_file": 5.0, "content": True}, 0.3),
        Call("read_requests", lambda folder: lc.read_requests(folder).num_rows,
             {"folder": str(kept)}, 0.3),
        Call("ServingOptions", lc.ServingOptions,
             {"threads": 1, "batch": None, "max_rows": 10, "queue_rows": 20, "deadline_s": 1.0,
              "cache_mb": 1.0, "near": None, "admin_token": None, "watch_s": 0.0}),
        Call("reach", lc.reach, {"steps": 5, "momentum": 0.5, "proximal": 0.1}),
        Call("ClientUpdate", combined,
             {"client": "one", "change": change, "rows": 10, "steps": 5, "seconds": 1.0,
              "size_bytes": 12}),
        Call("combine_updates", lc.combine_updates,
             {"updates": [lc.ClientUpdate("one", change, rows=10, steps=5)], "quorum": 1,
              "deadline": 10.0, "momentum": 0.0, "proximal": 0.0}),
        Call("UpdatePacker", packed,
             {"update": change, "size": 12, "share": 0.5, "owed": None, "random_state": 0}),
        Call("salted_hashes", lc.salted_hashes, {"rows": data.texts, "salt": b"sixteen letters!"}),
        Call("rows_to_drop", lc.rows_to_drop,
             {"hashes": {"one": lc.salted_hashes(data.texts, salt=b"sixteen letters!")}}),
        Call("dirichlet_split", lc.dirichlet_split,
             {"labels": data.y, "clients": 2, "concentration": 0.3, "min_rows": 1,
              "random_state": 0}),
        Call("train_head", lc.train_head,
             {"head": np.zeros((5, 2)), "embeddings": data.X, "targets": data.y, "steps": 3,
              "learning_rate": 0.5, "proximal": 0.1, "batch_size": 8, "random_state": 0}),
        Call("Adapter", adapted,
             {"down": np.ones((2, 3), np.float32), "up": np.ones((4, 2), np.float32),
              "weight": np.ones((4, 3), np.float32), "bias": np.ones(4, np.float32)}, 0.3),
    ]  # fmt: skip
