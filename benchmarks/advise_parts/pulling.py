"""The levers of a set, really pulled: the student of a run is trained with and without each."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

import numpy as np

from .sets import Task
from .shipped import shipped_vectors

ARMS = ("all", "copies", "wrong labels", "twice", "chosen", "core set", "epochs")
IMAGE_ARMS = ("augmented",)
# A head that is fitted to vectors has no epochs and sees no other views.
NO_PART = ("epochs",)


def arms_of(task: Task) -> tuple[str, ...]:
    """Return what is pulled on a set."""
    if task.start:
        return tuple(arm for arm in ARMS if arm not in NO_PART)
    return ARMS + (IMAGE_ARMS if task.kind == "image" else ())


class Pulled:
    """The levers of one task, really pulled."""

    def __init__(self, task: Task) -> None:
        from thresher.core.loading import load_dataset

        self.task = task
        self.rows = load_dataset(self.task.dataset(), label="label", split="split")
        self._read(0)
        self.classes = int(max(codes.max() for codes in self.codes.values())) + 1

    def _read(self, seed: int) -> None:
        parts = self.task.drawn(seed) if self.task.start else self.task.parts
        self.inputs = {name: inputs_of(self.task, values) for name, (values, _) in parts.items()}
        self.codes = {name: codes.astype(np.int64) for name, (_, codes) in parts.items()}

    @cached_property
    def vectors(self) -> np.ndarray:
        """Embeddings of the given rows, as a run makes them."""
        from thresher.core import embed
        from thresher.core.columns import read_splits, take_rows

        names = list(self.rows.schema.inputs)
        train = take_rows(
            self.rows.dataset, np.flatnonzero(read_splits(self.rows.dataset) == "train")
        )
        if self.task.kind == "features":
            from thresher.core.encoders import get_encoder

            encoder = get_encoder("builtin:features", modality="features")
            return encoder.fit(self.inputs["given"]).encode(self.inputs["given"])
        return embed(train, column=names[0]).vectors

    def train(self, arm: str, seed: int, done: dict[str, Any]) -> dict[str, Any]:
        """Pull one lever and train the student; where it changes no row, take what ``all`` gave."""
        if self.task.start:
            # Nothing is drawn in a training that is a fit: what a seed draws is who is judged.
            self._read(seed)
        if arm == "twice":
            inputs = np.concatenate([self.inputs["given"], self.inputs["more"]])
            codes = np.concatenate([self.codes["given"], self.codes["more"]])
            return self.fitted(inputs, codes, seed)
        rows = self.chosen(arm, seed)
        same = arm in ("copies", "wrong labels") and len(rows) == len(self.codes["given"])
        if same and f"all|{seed}" in done:
            return done[f"all|{seed}"]
        inputs, codes = self.inputs["given"][rows], self.codes["given"][rows]
        if arm == "augmented":
            return self.fitted(inputs, codes, seed, augment=self.policy)
        return self.fitted(inputs, codes, seed, epochs=0.5 if arm == "epochs" else 1.0)

    def chosen(self, arm: str, seed: int) -> np.ndarray:
        """Return the rows that are left, sorted."""
        n = len(self.codes["given"])
        if arm == "copies":
            return self.without_copies
        if arm == "wrong labels":
            return self.without_wrong
        if arm in ("core set", "chosen"):
            return np.sort(self.core_set(seed) if arm == "core set" else self.asked(seed))
        return np.arange(n)

    @cached_property
    def policy(self) -> Any:
        """The augmentation that a run chooses."""
        from augment import Augmenter, choose_policy
        from thresher.app.steps.policy import candidates

        images = self.inputs["given"]
        found = choose_policy(
            images, self.codes["given"], candidates=candidates(images.shape[1]), random_state=0
        )
        return Augmenter(found.policy, random_state=0).for_training()

    @cached_property
    def without_copies(self) -> np.ndarray:
        """The rows that `curate_duplicates` keeps."""
        from thresher.app import curate_duplicates

        rows = self.task.dataset().filter(lambda row: row["split"] == "train")
        found = curate_duplicates(rows.remove_columns("split"), label="label")
        return np.flatnonzero(found.manifest.actions != "drop")

    @cached_property
    def without_wrong(self) -> np.ndarray:
        """The rows that a run keeps after it looked for wrong labels, and tried where unsure."""
        from curation import find_label_issues
        from curation.decisions.label_action import choose_label_action
        from thresher.app.steps.label_trial import FEWEST_FLAGS, gains_without_flags, judge_gains
        from thresher.core.fingerprint import row_keys

        codes = self.codes["given"]
        found = find_label_issues(codes, embeddings=self.vectors)
        action = choose_label_action(found).value
        if action != "drop" and found.flagged.sum() >= FEWEST_FLAGS:
            gains = gains_without_flags(
                self.vectors,
                codes,
                keys=row_keys(np.arange(len(codes)).astype(str)),
                method="auto",
                device="cpu",
                seed=0,
            )
            action = judge_gains(gains, before="").value
        return np.flatnonzero(~found.flagged) if action == "drop" else np.arange(len(codes))

    def core_set(self, seed: int) -> np.ndarray:
        """Return half of the rows by `select_coreset`."""
        from curation import select_coreset

        codes = self.codes["given"]
        core = select_coreset(self.vectors, n=len(codes) // 2, labels=codes, random_state=seed)
        return core.positions

    def asked(self, seed: int) -> np.ndarray:
        """Choose half of the rows in four rounds that double the labels."""
        from active_learning import query
        from thresher.core.numerics.gram import gram_head
        from thresher.core.numerics.softmax import softmax

        codes, n = self.codes["given"], len(self.codes["given"]) // 2
        labeled = np.zeros(len(codes), dtype=bool)
        order = np.random.default_rng(seed).permutation(len(codes))
        labeled[order[: n // 8]] = True
        for part in (4, 2, 1):
            rows = np.flatnonzero(labeled)
            head = gram_head(self.vectors[rows], codes[rows], num_classes=self.classes)
            scores = self._scores(head.penalty, rows)
            picked = query(
                self.vectors,
                n=n // part - len(rows),
                labeled=labeled,
                pred_probs=softmax(4.0 * scores),
                random_state=seed,
            )
            labeled[picked.positions] = True
        return np.flatnonzero(labeled)

    def _scores(self, penalty: float, rows: np.ndarray) -> np.ndarray:
        from sklearn.linear_model import Ridge

        model = Ridge(alpha=penalty)
        model.fit(self.vectors[rows], np.eye(self.classes)[self.codes["given"][rows]])
        return np.asarray(model.predict(self.vectors))

    def fitted(
        self,
        inputs: np.ndarray,
        codes: np.ndarray,
        seed: int,
        *,
        epochs: float = 1.0,
        augment: Any = None,
    ) -> dict[str, Any]:
        """Train a student and judge it."""
        if self.task.start:
            return self._fitted_head(inputs, codes)
        from training import evaluate, fit, recipe, samples_from_arrays

        samples, test = (
            samples_from_arrays(x, row_ids=np.arange(len(y)).astype(str), targets=y)
            for x, y in ((inputs, codes), (self.inputs["test"], self.codes["test"]))
        )
        plan = recipe(
            self.task.kind,
            n_rows=len(samples),
            input_shape=samples.input_shape,
            num_classes=self.classes,
            epochs=self.task.epochs,
            device="cpu",
        )
        options = dict(plan.fit_options())
        options["epochs"] = max(1, round(options["epochs"] * epochs))
        model = plan.build(
            num_classes=self.classes, input_shape=samples.input_shape, random_state=seed
        )
        start = time.process_time()
        run = fit(
            model,
            samples,
            random_state=seed,
            device="cpu",
            precision="fp32",
            augment=augment,
            **options,
        )
        return {
            "rows": len(samples),
            "rows_seen": run.rows_seen,
            "train_cpu_s": round(time.process_time() - start, 2),
            "accuracy": evaluate(run.model, test).accuracy,
        }

    def _fitted_head(self, inputs: np.ndarray, codes: np.ndarray) -> dict[str, Any]:
        """Fit the head of a run that starts from shipped weights and judge it."""
        from thresher.core.fingerprint import row_keys
        from training.pretrained.linear_head import fit_head

        start = time.process_time()
        keys = row_keys(np.arange(len(codes)).astype(str))
        head = fit_head(inputs, codes, num_classes=self.classes, keys=keys)
        right = head.logits(self.inputs["test"]).argmax(axis=1) == self.codes["test"]
        return {
            "rows": len(codes),
            "rows_seen": len(codes),
            "train_cpu_s": round(time.process_time() - start, 2),
            "accuracy": float(right.mean()),
        }


def inputs_of(task: Task, values: Any) -> np.ndarray:
    """Return rows as networks take them; of a run from shipped weights what its head takes."""
    from thresher.core.images import decode_image
    from training import HashTokenizer

    if task.start:
        return shipped_vectors(values)

    if task.kind == "text":
        return HashTokenizer().encode(values)
    if task.kind == "features":
        return values.astype(np.float32)
    return np.stack([decode_image(data) for data in values])
