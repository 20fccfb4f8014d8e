"""How many labels a day are worth asking for, worked out once for a reference."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

from lifecycle import labels_needed
from lifecycle.monitoring.labels_a_day import LabelsNeeded
from lifecycle.monitoring.reference import Reference

from ...core.files import read_json, write_json

FALL, WITHIN = 0.05, 7


def labels_advised(folder: Path, known: Reference) -> LabelsNeeded | None:
    """Return the labels a day that an alarm needs; None where the accuracy cannot fall so far.

    Parameters
    ----------
    folder : Path
        Where the numbers are kept.
    known : Reference
    """
    rows = known.confidence.tobytes() + known.correct.tobytes() + json.dumps(known.answers).encode()
    digest, path = blake2b(rows, digest_size=16).hexdigest(), folder / "labels-needed.json"
    kept = read_json(path) if path.exists() else {}
    if kept.get("reference") == digest:
        return LabelsNeeded(kept.get("some_answers"), kept.get("anywhere"))
    if known.correct.mean() <= FALL:
        return None
    found = labels_needed(
        known.confidence, correct=known.correct, answers=known.answers, fall=FALL, days=WITHIN
    )
    write_json(path, {"reference": digest, **asdict(found)})
    return found


def advice(needed: LabelsNeeded) -> str:
    """Return how many labels a day it takes, in a sentence."""
    return f"A fall of {100 * FALL:g} points is found in {WITHIN} days, 9 of 10 times, by {needed}."
