"""Look for wrong labels among those that were bought, and learn without them where that gains.

No label of another training row is looked at: a user who buys few labels has no others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from curation import decide, find_label_issues
from curation.curator.label_method import describe_labels
from curation.decisions.label_action import choose_label_action
from curation.labels import LabelIssues

from ...core.choice import Choice
from ...core.counted import counted
from ...core.embeddings import Embeddings
from ...core.fingerprint import row_keys
from ...core.manifest import Manifest
from ...core.manifest_rows import positions
from ..stages import Done, Notes, RunFolder
from .decide import LABEL_DECISION
from .label_trial import try_without
from .material import Material

NAME, DECISIONS, ISSUES = "bought labels", "decisions", "issues.parquet"


def judge_bought(
    run: RunFolder, embeddings: Done[Embeddings], material: Material
) -> Done[Manifest]:
    """Decide what becomes of the labels that `choose_labels` bought, in ``bought/``.

    As of all labels where none are to be bought: ``decide.labels`` says what is done with the
    flagged ones; by itself they are dropped where the check is sure of them, or where a trial on
    the other bought rows shows a gain. A row whose label is dropped stays as one without a label,
    and its label stays paid for.
    """
    asked, method = run.settings.decide.labels, run.settings.find.label_method

    def work(folder: Path, notes: Notes) -> None:
        parts, at = material.parts, material.paid_at
        ids, codes = parts.row_ids[at], parts.codes[at]
        vectors = embeddings.value.vectors[positions(ids, embeddings.value.row_ids)]
        names = np.array(parts.classes, dtype=object)[codes]
        found = find_label_issues(
            names,
            embeddings=vectors,
            row_ids=ids,
            classes=parts.classes,
            method=method,
            random_state=run.settings.seed,
        )
        chosen = Choice(asked, "asked for")
        if asked == "auto":
            chosen = _chosen(run, found, vectors, codes, ids)
        issues = found.to_issues()
        manifest = decide(
            issues,
            row_ids=ids,
            labels=names.tolist(),
            policy={"label": chosen.value},
            header={"labels": "bought"},
        )
        issues.save(folder / ISSUES)
        manifest.save(folder / DECISIONS)
        notes.choices[LABEL_DECISION] = chosen
        notes.summary = _summary(found, manifest, chosen)
        notes.cost.rows_in = notes.cost.labels = len(ids)
        notes.cost.rows_out = len(ids) - manifest.counts()["drop"]

    return run.stage(
        NAME,
        work,
        load=lambda folder: Manifest.load(folder / DECISIONS),
        needs=[*material.needs, embeddings],
        settings=[asked, method, run.device.value],
        code=("thresher/core", "curation", "training"),
        where="bought",
    )


def _chosen(
    run: RunFolder, found: LabelIssues, vectors: np.ndarray, codes: np.ndarray, ids: np.ndarray
) -> Choice:
    before = choose_label_action(found)
    if before.value == "drop":
        return before
    chosen, _ = try_without(
        vectors,
        codes,
        keys=row_keys(ids),
        flags=int(found.flagged.sum()),
        before=before.reason,
        method=run.settings.find.label_method,
        device=run.device.value,
        seed=run.settings.seed,
    )
    return chosen


def _summary(found: LabelIssues, manifest: Manifest, chosen: Choice) -> dict[str, object]:
    labels, flags, counts = len(manifest), int(found.flagged.sum()), manifest.counts()
    done = {"dropped": counts["drop"], "relabeled": counts["relabel"]}
    left = " and ".join(f"{count:,} {what}" for what, count in done.items() if count)
    said = "looks wrong" if flags == 1 else "look wrong"
    return {
        "labels": labels,
        "flagged": flags,
        **done,
        "changed": sum(done.values()),
        "kept": labels - counts["drop"],
        "chosen": str(chosen),
        "method": describe_labels(found),
        "note": f"{flags:,} of {counted(labels, 'bought label')} {said}; "
        f"{left or 'none dropped'}: {chosen.reason}",
    }
