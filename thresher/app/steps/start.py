"""What a run on images starts from: shipped weights, or nothing.

Photographs are known to EfficientNet-Lite0 from ImageNet, small pictures with many rows teach a
network from pixels more than its vectors hold. Which it is does not show in the images but in a
trial: a linear head on the vectors, cross-fitted, beside a small network from pixels, trained
shortly, on the same left-out rows. Trained longer and wider the network gains; so only where the
head is ahead by far (`start_trial`) it is taken at once. Where it is behind it is left. In between,
and where the rows are too few to tell, both are trained and held against each other on the
validation rows.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training import TrainingRun
from training.pretrained.linear_head import LinearHead
from training.recipes.sizes import Told

from ...core.choice import Choice
from ...core.counted import counted
from ...core.encoders import shipped
from ...core.encoders.lite0 import SMALLEST
from ...core.files import read_json, write_json
from ...core.fingerprint import row_keys
from ...core.interval import paired_drop
from ...core.progress import message
from ..stages import Done, Notes, RunFolder
from .lengths import HeldOut
from .material import Material
from .shipped_body import VECTORS, Body, learned, material_of_body
from .start_trial import BOTH, ENCODER, PIXELS, try_pixels
from .starts import NAME, TITLE
from .train import CODE

RECORD, MODEL, LOGITS = "start.json", "encoder", "validation.npy"
# Rows that the trial's head is fitted to, and of which a third judges.
TRIAL_ROWS = 4000


@dataclass(frozen=True)
class Start:
    """What the trial has found.

    Attributes
    ----------
    value : {"encoder", "pixels", "both"}
        What is to be trained.
    reason : str
    folder : Path
        Holds body and head, unless the value is ``"pixels"``.
    """

    value: str
    reason: str
    folder: Path

    @property
    def model(self) -> TrainingRun:
        """The shipped body with its head."""
        return TrainingRun.load(self.folder / MODEL)

    @property
    def logits(self) -> np.ndarray:
        """What it says of the validation rows, float32 (n, classes)."""
        return np.asarray(np.load(self.folder / LOGITS))


def choose_start(run: RunFolder, material: Material) -> Done[Start]:
    """Decide by a trial what the run's models start from, in ``models/start/``."""
    settings = run.settings
    asked = settings.teacher.model == NAME
    side = settings.data.image_size
    lacking = shipped.lacking((shipped.LITE0,), runtime=())

    def work(folder: Path, notes: Notes) -> None:
        if lacking and not asked:
            install = shipped.to_install((shipped.LITE0,))
            why = f"{lacking}; {install} lets a run try {TITLE}, far better on photographs"
            chosen = Choice(PIXELS, why)
        elif isinstance(side, int) and side < SMALLEST:  # never where it is asked for
            why = f"images of {side} pixels are asked for, and {TITLE} takes {SMALLEST} at least"
            chosen = Choice(PIXELS, why)
        else:
            _count(notes, flops=0.0, seconds=0.0)
            chosen = _tried(run, material, folder, notes, asked=asked)
        write_json(folder / RECORD, {"value": chosen.value, "reason": chosen.reason})
        shutil.rmtree(folder / VECTORS, ignore_errors=True)
        notes.choices["start"] = told(chosen)
        message(f"start: {told(chosen)}")

    return run.stage(
        "start",
        work,
        load=lambda folder: Start(**read_json(folder / RECORD), folder=folder),
        needs=material.needs,
        settings=[settings.teacher.model_dump(), lacking, material.key],
        code=CODE,
        where="models/start",
    )


def takes_encoder(
    run: RunFolder, material: Material, start: Done[Start], teacher: Done[TrainingRun] | None
) -> bool:
    """Tell whether the run goes on with the encoder, in doubt by the validation rows.

    The larger network of the two is taken only where the smaller one loses more than
    ``student.max_drop``, by the mean of what accuracy and the true class's probability lose.
    """
    if teacher is None or start.value.value != BOTH:
        return start.value.value == ENCODER

    def work(folder: Path, notes: Notes) -> None:
        held = HeldOut(run, material)
        chosen = judge_both(
            Told.of(start.value.logits, held.codes),
            held.tell(teacher.value.model),
            max_drop=run.settings.student.max_drop,
        )
        write_json(folder / RECORD, {"value": chosen.value, "reason": chosen.reason})
        notes.choices["start"] = told(chosen)
        if chosen.value == PIXELS:
            body = start.value.model
            _count(notes, flops=body.flops, seconds=body.seconds)
        message(f"start: {told(chosen)}")

    done = run.stage(
        "compare starts",
        work,
        load=lambda folder: str(read_json(folder / RECORD)["value"]),
        needs=[*material.needs, start, teacher],
        settings=[run.settings.student.max_drop],
        code=CODE,
        where="models/start-compared",
    )
    return done.value == ENCODER


def judge_both(encoder: Told, pixels: Told, *, max_drop: float) -> Choice:
    """Choose by what the network from pixels loses to the encoder on the same rows."""
    drop, low, high = paired_drop(encoder.right, pixels.right)
    lost = float((encoder.probability - pixels.probability).mean())
    said = (
        f"on {counted(len(encoder.right), 'validation row')} the network from pixels loses "
        f"{100 * drop:.1f} points of accuracy ({100 * low:.1f} to {100 * high:.1f}) and "
        f"{100 * lost:.1f} of the true class's probability to {TITLE}"
    )
    within = f"what `student.max_drop` allows, {100 * max_drop:g}"
    if (drop + lost) / 2 > max_drop:
        return Choice(ENCODER, f"{said}, more than {within}")
    return Choice(PIXELS, f"{said}, within {within}: it is smaller and faster")


def told(chosen: Choice) -> Choice:
    """Return the choice in words for people."""
    words = {
        ENCODER: f"{TITLE} with shipped weights",
        PIXELS: "a network from pixels",
        BOTH: f"a network from pixels and {TITLE}, of which the better is taken",
    }
    return Choice(words[chosen.value], chosen.reason)


def _tried(
    run: RunFolder, material: Material, folder: Path, notes: Notes, *, asked: bool
) -> Choice:
    body = Body(material_of_body(material), folder / VECTORS, run.settings.seed)
    at = body.rows.train_at
    drawn = np.sort(np.argsort(row_keys(body.rows.parts.row_ids[at]), kind="stable")[:TRIAL_ROWS])
    vectors = body.vectors(at[drawn], name="trial")
    head = body.fit(vectors, at[drawn])
    chosen = Choice(ENCODER, "asked for")
    if not asked:
        right = head.held_out.argmax(1) == body.rows.parts.codes[at[drawn][head.judged]]
        trial = try_pixels(run, material, at[drawn][head.judged], right, folder / "trial")
        chosen = trial.choice
        if trial.run is not None:
            _count(notes, flops=trial.run.flops, seconds=trial.run.seconds)
            notes.summary["trial"] = trial.shares
    if chosen.value != PIXELS:
        if len(drawn) < len(at):
            others = np.setdiff1d(np.arange(len(at)), drawn)
            vectors = np.concatenate([vectors, body.vectors(at[others], name="training")])
            at = np.concatenate([at[drawn], at[others]])
            head = body.fit(vectors, at)
        _keep(run, body, head, folder, rows_seen=len(at))
    else:
        _count(notes, flops=body.flops, seconds=body.seconds)
    notes.cost.rows_in = len(at)
    return chosen


def _count(notes: Notes, *, flops: float, seconds: float) -> None:
    """Add what did not become part of a model; body and head count where they are taken."""
    notes.cost.extra["flops"] = notes.cost.extra.get("flops", 0.0) + flops
    notes.summary["seconds"] = notes.summary.get("seconds", 0.0) + seconds


def _keep(run: RunFolder, body: Body, head: LinearHead, folder: Path, *, rows_seen: int) -> None:
    """Write body and head, fine-tuned where that is asked for, and what they say of validation."""
    trained, logits = learned(run, body, head, folder, rows_seen=rows_seen)
    np.save(folder / LOGITS, logits)
    trained.save(folder / MODEL)
