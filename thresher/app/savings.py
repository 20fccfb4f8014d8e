"""What was saved and what it cost, stage by stage, from the records of the stages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.counted import counted
from ..core.interval import paired_drop, wilson_interval
from .gates import check_gates
from .result import Line
from .settings import GateSettings
from .stages import Done
from .steps.load import read_faults
from .steps.planted import found_shares
from .steps.starts import MODEL, TITLE

# What a clock or this machine's processors have touched.
CLOCKED = ("milliseconds", "threads")
Stages = Mapping[str, Done[Any]]
# Points by which test accuracy surely falls below that on validation rows before it is said.
SMALL_FALL = 0.05
MODELS = ("plain teacher", "plain student", "teacher", "student", "int8")


def lines(stages: Stages) -> tuple[Line, ...]:
    """Return the savings table: data first, then the models, from the plain way to int8."""
    given = stages.get("plant", stages["load"]).summary
    table = [Line("as given", rows=given["splits"].get("train", 0))]
    if "apply" in stages:
        table.append(_curated(stages))
    if "core set" in stages:
        table.append(Line("core set", rows=stages["core set"].summary["rows"]))
    if "label" in stages:
        labels = stages["label"].summary["labels"]
        table.append(Line("labels", labels=labels, note=stages["label"].summary["note"]))
    if _bought(stages).get("changed"):
        found = stages["bought labels"].summary
        table.append(Line("labels kept", labels=found["kept"], note=found["note"]))
    if "reference" in stages:
        table.append(_reference(stages["reference"]))
    if "start" in stages:
        table.append(_start(stages))
    if "verify" in stages:
        known = {*stages["verify"].summary, "teacher"} & {*stages, "int8"}
        table += [_model(name, stages) for name in MODELS if name in known]
    return tuple(table)


def _curated(stages: Stages) -> Line:
    given = stages.get("plant", stages["load"]).summary["splits"].get("train", 0)
    rows = given - stages["apply"].summary["removed"]  # which are training rows, all of them
    spent = sum(
        stages[name].cost.wall_s
        for name in ("embed", "neighbors", "find", "label trial", "decide", "apply")
        if name in stages
    )
    return Line("curated", rows=rows, note=f"found, decided and applied in {spent:.1f} s")


def _start(stages: Stages) -> Line:
    """Return what was spent on choosing what to start from, and is part of no model, and why."""
    parts = [stages[name] for name in ("start", "compare starts") if name in stages]
    chosen = parts[-1].choices["start"]
    tried = "seconds" in parts[0].summary  # not where there is nothing to choose from
    student = stages["student"].summary if "student" in stages else {}
    counts = (STARTED if student.get("model") == MODEL else LEFT) if tried else ""
    return Line(
        "start",
        rows=parts[0].cost.rows_in,
        train_s=sum(part.summary.get("seconds", 0.0) for part in parts) if tried else None,
        train_flops=sum(part.cost.extra.get("flops", 0.0) for part in parts) if tried else None,
        note=f"the run starts from {chosen.value}: {chosen.reason}{counts}",
    )


def _model(name: str, stages: Stages) -> Line:
    stage = stages["quantize" if name == "int8" else name]
    verified = stages["verify"].summary
    measured = verified.get(name, stage.summary)  # a pretrained teacher is not exported
    own = (
        stage.summary.get("note", "") if name in verified or "note" in stage.summary else NOT_TAKEN
    )
    note = _speed(measured, verified["student"]) if name == "int8" else own or NOTES[name]
    return Line(
        name,
        rows=stage.cost.rows_in,
        labels=stage.cost.labels,
        train_s=stage.summary.get("seconds", stage.cost.wall_s),
        train_flops=stage.summary.get("flops"),
        megabytes=measured["megabytes"],
        milliseconds=measured.get("milliseconds"),
        accuracy=measured["accuracy"],
        low=measured["low"],
        high=measured["high"],
        note=note,
    )


def _reference(stage: Done[Any]) -> Line:
    found = stage.summary
    seen = stage.cost.rows_in
    part = f", on {seen:,} of the training rows" if seen != found["of_rows"] else ""
    part += "; each row passes through the encoder first" if found["megabytes"] is None else ""
    return Line(
        "reference",
        rows=seen,
        labels=stage.cost.labels,
        train_s=stage.cost.wall_s,
        megabytes=found["megabytes"],
        accuracy=found["accuracy"],
        low=found["low"],
        high=found["high"],
        note=f"{found['model']}{part}",
    )


def beside_reference(stages: Stages) -> str:
    """Say by how much the int8 model is ahead of the plain reference; empty where it is behind."""
    if "reference" not in stages:
        return ""
    found = stages["reference"].summary
    points, low, high = (-100 * found[name] for name in ("ahead", "ahead_high", "ahead_low"))
    if high < 0:
        return ""
    measured = f"{low:.1f} to {high:.1f}; {found['model']}"
    if low > 0:
        return f"The int8 model is {points:.1f} points ahead of a plain reference ({measured})."
    return (
        "The int8 model and a plain reference cannot be told apart on the test rows: "
        f"{round(points, 1) + 0.0:+.1f} points ({measured})."  # adding 0 makes 0 of -0
    )


def warnings(stages: Stages) -> tuple[str, ...]:
    """Return what the user must know before the models are used."""
    checks = (_behind_reference, _below_validation, _behind_teacher, _few_bits)
    found = (check(stages) for check in checks)
    return tuple(text for text in found if text)


def _behind_reference(stages: Stages) -> str:
    found = stages["reference"].summary if "reference" in stages else {"ahead_low": 0.0}
    if found["ahead_low"] <= 0:
        return ""
    points, low, high = (100 * found[name] for name in ("ahead", "ahead_low", "ahead_high"))
    return (
        f"A plain reference is better: {found['model']}. It classifies {points:.1f} points more of "
        f"the test rows right than the int8 model (95 % interval {low:.1f} to {high:.1f}). Take "
        "it, unless bytes or latency decide: it lies in models/reference, and `thresher predict` "
        "takes that folder."
    )


def _below_validation(stages: Stages) -> str:
    """Say that the test rows are of another kind than those that every choice was made on."""
    if "student" not in stages:
        return ""
    found = stages["student"].summary
    validation, rows = found["validation_accuracy"], found["validation_rows"]
    # Labels that curation took out of the training rows stand in the test rows still.
    fall = validation * (1 - _labels_left_out(stages)) - found["accuracy"]
    spread = (found["high"] - found["low"]) / 2, _half(validation, rows)
    if fall - math.hypot(*spread) <= SMALL_FALL:
        return ""
    return (
        f"The student classifies {100 * validation:.1f} % of the "
        f"{counted(rows, 'validation row')} right "
        f"and {100 * found['accuracy']:.1f} % of the test rows: the test rows are of another kind "
        "(other people, devices, sources or times), and networks, augmentation and calibration "
        "were chosen on rows like the training rows. New rows of the test rows' kind fare as they "
        "do. Give a validation split of that kind (a column `split`), and label such rows."
    )


def _few_bits(stages: Stages) -> str:
    """Say that weights of 4 bits cost accuracy that 8 bits would not."""
    choice = stages["quantize"].choices.get("eight_bits") if "quantize" in stages else None
    if choice is None:
        return ""
    return (
        f"Few bits cost much here, on the validation rows: {choice.reason}. Run it again with "
        "`quantize.weight_bits=8`, unless bytes count more: only what depends on it is done again."
    )


def _behind_teacher(stages: Stages) -> str:
    """Say that the student surely lost more than it may, where few validation rows let it pass."""
    student = stages["student"].summary if "student" in stages else {}
    sizes = [one for one in student.get("sizes", []) if one["width"] == student["width"]]
    verified = stages["verify"].value if "verify" in stages else {}
    if not sizes or "teacher" not in verified:
        return ""
    rows = verified["teacher"]["rows"]
    wrong = (set(verified[name]["wrong"]) for name in ("teacher", "student"))
    drop, low, high = (100 * value for value in paired_drop(*_rights(*wrong, rows=rows)))
    taken, allowed = sizes[-1], 100 * student["max_drop"]
    if low <= allowed:
        return ""
    seen = [100 * taken[name] for name in ("drop", "low", "high")]
    return (
        f"The student loses {drop:.1f} points to the teacher on the {counted(rows, 'test row')} "
        "(95 % "
        f"interval {low:.1f} to {high:.1f}), and `student.max_drop` allows {allowed:g}. "
        f"It was chosen on {counted(taken['rows'], 'validation row')}, where it lost {seen[0]:.1f} "
        f"({seen[1]:.1f} to {seen[2]:.1f}): so few tell no less. Give more validation rows (a "
        "column `split`), or a larger `student.width`."
    )


def _rights(one: set[str], other: set[str], *, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the test rows two models have right, from the ids of those they do not."""
    named = sorted(one | other)
    both = [True] * (rows - len(named))
    first, second = (
        np.array([name not in wrong for name in named] + both) for wrong in (one, other)
    )
    return first, second


def _labels_left_out(stages: Stages) -> float:
    """Return the share of the training rows whose label curation dropped or changed.

    Not of bought labels: validation rows, which are none of those, keep theirs as test rows do.
    """
    if "decide" not in stages:
        return 0.0
    given = stages.get("plant", stages["load"]).summary["splits"]["train"]
    changed = ("drop", "relabel")
    counts = stages["decide"].summary["counts"]
    rows = sum(c["rows"] for c in counts if c["reason"] == "label" and c["action"] in changed)
    return float(rows / given)


def _bought(stages: Stages) -> Mapping[str, Any]:
    """Return what became of the labels that were bought; nothing where none were looked at."""
    return stages["bought labels"].summary if "bought labels" in stages else {}


def _half(share: float, rows: int) -> float:
    """Return half the width of the 95 % interval of a share."""
    low, high = wilson_interval(share * rows, rows)
    return (high - low) / 2


# What is counted where a run chooses what it starts from.
STARTED = (
    f". Compute: here what was tried from pixels; in the student's line {TITLE}'s pass over each "
    "image, once, and its head"
)
LEFT = f". Compute: what was tried from pixels, {TITLE}'s pass over the images, and its head"
# Beside a network that starts from shipped weights and is better.
NOT_TAKEN = "from pixels, behind the student on the validation rows; not exported"
NOTES = {
    "plain teacher": "the teacher's network on all rows as given, without curation",
    "plain student": "the student's network on all rows as given, without curation or teacher",
    "teacher": "",
    "student": "learns from the teacher; its training time does not count the teacher's",
}


def _speed(int8: dict[str, Any], student: dict[str, Any]) -> str:
    speed = student["milliseconds"] / int8["milliseconds"]
    text = f"{speed:.2f} times as fast as the float student, one row at a time"
    if speed > 1:
        return text
    return f"{text}: integers gain no time here; where time counts, take models/onnx/student"


def metrics(stages: Stages) -> dict[str, Any]:
    """Return what depends on data, settings and seed alone: no clock has touched it."""
    found: dict[str, Any] = {"rows": stages["load"].summary["splits"]}
    if "find" in stages:
        checks = stages["find"].summary["checks"]
        found["found"] = {check: item["count"] for check, item in checks.items()}
        found["decided"] = stages["decide"].summary["counts"]
    if _bought(stages):
        names = ("labels", "flagged", "dropped", "relabeled")
        found["bought"] = {name: _bought(stages)[name] for name in names}
    if "plant" in stages and "find" in stages:
        found["planted"] = found_shares(read_faults(stages["plant"]), stages["find"].value)
    if "verify" in stages:
        found["verification"] = {
            name: {key: value for key, value in item.items() if key not in CLOCKED}
            for name, item in stages["verify"].value.items()
        }
    if "reference" in stages:
        # Pickles of equal models differ in bytes between versions.
        found["reference"] = {
            key: value for key, value in stages["reference"].summary.items() if key != "megabytes"
        }
    return found


def gates(settings: GateSettings, stages: Stages) -> list[dict[str, Any]]:
    """Return the limits for the int8 file and whether they were met; none without such a file."""
    return check_gates(settings, stages["verify"].value) if "verify" in stages else []
