"""EfficientNet-Lite0 on the rows of a run: each row's vector once, and a head fitted to them."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training import TrainingRun, evaluate, fit
from training.evaluation import predict_logits
from training.models import CompactModel
from training.pretrained.linear_head import LinearHead, fit_head
from training.pretrained.shipped import put_head, shipped_model, vectors_of
from training.torch_runtime.flops import count_flops

from ...core.choice import Choice
from ...core.encoders.joined import SMALL, SMALL_SIDE
from ...core.encoders.meaning_image import SIDE
from ...core.files import atomic_path
from ...core.fingerprint import row_keys
from ...core.progress import track
from ..image_sides import image_size
from ..stages import Done, Notes, RunFolder
from .material import Material
from .pretrained import plan_pretrained
from .starts import TITLE
from .train import CODE, accuracy, record_training

# Vectors of so many rows lie in a file, from which a run that was stopped goes on.
ROWS_OF_FILE = 1024
VECTORS = "vectors"


def material_of_body(material: Material) -> Material:
    """Return the same rows at the size that the body takes, decoded when they are asked for.

    Images of up to 40 pixels are enlarged to 96, others scaled to 160, as encoders see them.
    """
    settings = material.settings
    if settings.image_size == "auto":
        rows = material.rows.value
        column = rows.schema.inputs[0]
        median, _ = image_size(rows.dataset, column, asked="auto", device=material.device)
        settings = settings.model_copy(
            update={"image_size": SMALL_SIDE if median <= SMALL else SIDE}
        )
    return replace(material, settings=settings, whole=False)


@dataclass
class Body:
    """The shipped network, the rows as it takes them, and the vectors that it has given.

    Attributes
    ----------
    rows : Material
        Of the body's size.
    folder : Path
        Keeps vectors, for a run that is stopped.
    seed : int
    flops : float
        Of all vectors that were computed, also before a stop.
    seconds : float
        Wall time of those of this process.
    """

    rows: Material
    folder: Path
    seed: int
    flops: float = 0.0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        size = self.rows.settings.image_size
        assert isinstance(size, int)
        self.model: CompactModel = shipped_model(
            num_classes=len(self.rows.parts.classes), side=size, random_state=self.seed
        )
        self._flops_of_one = count_flops(
            self.model.features, input_shape=self.model.spec.input_shape
        )

    def vectors(self, at: np.ndarray, *, name: str) -> np.ndarray:
        """Return the vectors of the rows at some positions, float32 (n, 1280)."""
        started = time.perf_counter()
        starts = range(0, len(at), ROWS_OF_FILE)
        found = [
            self._part(at[start : start + ROWS_OF_FILE], self.folder / f"{name}-{start}.npy")
            for start in track(starts, description=f"vectors of {len(at):,} {name} rows")
        ]
        self.flops += self._flops_of_one * len(at)
        self.seconds += time.perf_counter() - started
        return np.concatenate(found) if found else np.zeros((0, self.model.head.in_features))

    def fit(self, vectors: np.ndarray, at: np.ndarray) -> LinearHead:
        """Fit a head to the vectors of labeled rows."""
        started = time.perf_counter()
        parts = self.rows.parts
        head = fit_head(
            vectors,
            parts.codes[at],
            num_classes=len(parts.classes),
            keys=row_keys(parts.row_ids[at]),
        )
        self.flops += head.flops
        self.seconds += time.perf_counter() - started
        return head

    def run(self, head: LinearHead, *, rows_seen: int) -> tuple[TrainingRun, np.ndarray]:
        """Return body and head as a finished training, and their logits of the validation rows."""
        parts = self.rows.parts
        logits = head.logits(self.vectors(parts.validation, name="validation"))
        right = float((logits.argmax(1) == parts.codes[parts.validation]).mean())
        put_head(self.model, head)
        done = TrainingRun(
            model=self.model.eval(),
            history=[],
            metrics={"validation_accuracy": right},
            flops=self.flops,
            rows_seen=rows_seen,
            seconds=self.seconds,
            seed=self.seed,
            choices={"head": head.strength, "body": frozen(self.model)},
        )
        return done, logits

    def _part(self, at: np.ndarray, file: Path) -> np.ndarray:
        if not file.is_file():
            samples = self.rows.parts.of(at)
            found = vectors_of(self.model, samples.inputs, device=self.rows.device)
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(file) as temporary, temporary.open("wb") as stream:
                np.save(stream, found)
        return np.asarray(np.load(file))


def frozen(model: CompactModel) -> Choice:
    """Say what becomes of the body."""
    side = model.spec.input_shape[1]
    return Choice(
        f"{TITLE}, frozen",
        f"its vectors are computed once, of images of {side} px; a linear head learns from them",
    )


def learned(
    run: RunFolder, body: Body, head: LinearHead, folder: Path, *, rows_seen: int
) -> tuple[TrainingRun, np.ndarray]:
    """Return body and head, all of it trained where that is asked for, and validation logits."""
    trained, logits = body.run(head, rows_seen=rows_seen)
    if run.settings.teacher.mode != "fine_tune":
        return trained, logits
    trained = _fine_tuned(run, body, trained, folder / "checkpoints")
    return trained, predict_logits(trained.model, body.rows.validation, device=run.device.value)


def _fine_tuned(run: RunFolder, body: Body, before: TrainingRun, checkpoints: Path) -> TrainingRun:
    """Train all weights a little, from the fitted head on; the first pass counts as well."""
    rows = body.rows
    options, choices = plan_pretrained(run.settings.teacher, rows=len(rows.train_at))
    trained = fit(
        before.model,
        rows.train,
        validation=rows.validation,
        checkpoint_dir=checkpoints,
        device=run.device.value,
        precision=run.settings.precision,
        random_state=run.settings.seed,
        **options,
    )
    return replace(
        trained,
        flops=before.flops + trained.flops,
        rows_seen=before.rows_seen + trained.rows_seen,
        seconds=before.seconds + trained.seconds,
        choices={**choices, **trained.choices, "head": before.choices["head"]},
    )


def finish_on_body(notes: Notes, trained: TrainingRun, rows: Material, *, own: bool = True) -> None:
    """Say what is to be told of a network on the shipped body, `own` if it is the student."""
    whole = "body" not in trained.choices
    how = (
        ", all of whose weights were trained" if whole else " and a linear head, which was trained"
    )
    used = len(rows.train_at)
    assert isinstance(trained.model, CompactModel)
    record_training(notes, trained, rows=used)
    notes.choices.update({**rows.parts.choices, **trained.choices})
    notes.cost.labels = rows.labels
    notes.summary |= {
        "model": trained.model.spec.name,
        "width": trained.model.spec.width,
        "validation_accuracy": trained.metrics["validation_accuracy"],
        "validation_rows": len(rows.parts.validation),
        **({"note": f"{TITLE} with shipped weights{how}"} if own else {}),
        **accuracy(evaluate(trained.model, rows.test, device=rows.device)),
    }


def train_plain_on_body(run: RunFolder, rows: Material, *, name: str) -> Done[TrainingRun]:
    """Train as the student was, on other rows; `rows` are as the body takes them."""

    def work(folder: Path, notes: Notes) -> None:
        body = Body(rows, folder / VECTORS, run.settings.seed)
        at = rows.train_at
        head = body.fit(body.vectors(at, name="training"), at)
        trained, _ = learned(run, body, head, folder, rows_seen=len(at))
        trained.save(folder / "model")
        finish_on_body(notes, trained, rows, own=False)
        shutil.rmtree(folder / VECTORS, ignore_errors=True)

    return run.stage(
        name,
        work,
        load=lambda folder: TrainingRun.load(folder / "model"),
        needs=rows.needs,
        settings=[rows.key],
        code=CODE,
        where=f"models/{name.replace(' ', '-')}",
    )
