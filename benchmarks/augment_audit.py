"""Claim: an audit of at most 20 labels a class tells which operations cost more than one point.

Truth: a small convolutional network is trained with and without each operation (done to half of the
images) in paired seeds, and tested on unseen rows. Prediction: the audit's evidence of harm from 20
labels a class, seen by neither network nor test. Reported: AUC for "costs more than one point", for
all cases and for those whose truth is resolved (more than two standard errors from −1; cases that
are not get more seeds), and what the verdicts said.

Data: see `augment_learner` (digits, MNIST, CIFAR-10).
Run: OMP_NUM_THREADS=1 python benchmarks/augment_audit.py --out audit.json [--quick] [--runs FILE]
"""

from __future__ import annotations

import argparse
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from augment_audit_truth import LINE, PER_CLASS, TRAINING, measure, parts, steps_of
from augment_learner import FinishedRuns, available
from sklearn.metrics import roc_auc_score

from augment import Policy, audit
from thresher.core.files import write_json

FLAGS = ("drop", "weaken")
MOST_SEEDS = 16


def cases(name: str, *, seeds: int, most: int, runs: FinishedRuns) -> list[dict[str, Any]]:
    """Audit a set's operations and put what they cost a network beside it."""
    seen, start = parts(name)[0], time.process_time()
    report = audit(
        seen.images,
        seen.labels,
        policy=Policy("all", tuple(steps_of(name))),
        strengths=[1.0],
        max_rows=PER_CLASS * 10,
    )
    spent = time.process_time() - start
    print(f"{name}: teacher {report.teacher_accuracy:.0%}, audit {spent:.1f} CPU-s", flush=True)
    listed = []
    truths = measure(name, seeds=seeds, most=most, runs=runs)
    for entry, truth in zip(report.entries, truths, strict=True):
        case: dict[str, Any] = {"set": name, "op": entry.op, "settings": dict(truth.step.settings)}
        case |= {"gain": truth.gain, "error": truth.error, "seeds": truth.seeds}
        case |= {"resolved": truth.resolved, "harm": entry.harm}
        listed.append(case | {"low": entry.low, "high": entry.high, "verdict": entry.verdict})
        found = f"{truth.gain:+6.2f} ± {truth.error:.2f}"
        print(f"{name} {entry.op:20s} {found}  {entry.harm:+.3f} {entry.verdict}", flush=True)
    return listed


def summary(name: str, listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the AUCs and what was flagged among the cases of a set."""
    harmful = [case for case in listed if case["gain"] < LINE]
    flagged = [case for case in listed if case["verdict"] in FLAGS]
    resolved = [case for case in listed if case["resolved"]]
    return {
        "set": name,
        "cases": len(listed),
        "harmful": len(harmful),
        "AUC": auc(listed),
        "resolved": len(resolved),
        "AUC, resolved": auc(resolved),
        "flagged": len(flagged),
        "flagged and harmful": sum(case["gain"] < LINE for case in flagged),
        "flagged and surely harmless": sum(
            case["verdict"] in FLAGS and case["gain"] > LINE for case in resolved
        ),
        "invert": [
            f"{case['gain']:+.1f} ± {case['error']:.1f}, {case['verdict']}"
            for case in listed
            if case["op"] == "invert"
        ],
    }


def auc(listed: list[dict[str, Any]]) -> float | None:
    """Return how well the size of the harm ranks those that cost more than a point."""
    harmful = [case["gain"] < LINE for case in listed]
    if len(set(harmful)) < 2:
        return None
    return float(roc_auc_score(harmful, [case["harm"] for case in listed]))


def counts(text: str | None) -> dict[str, int]:
    """Read numbers for sets, as in ``digits=4,mnist=3``."""
    pairs = [one.split("=") for one in (text or "").split(",") if one]
    return {name: int(count) for name, count in pairs}


def span(low: int, high: int) -> str:
    """Return a range in words."""
    return f"{low} to {high}" if low < high else str(low)


def page(found: list[dict[str, Any]], note: str) -> dict[str, Any]:
    """Return the tables for the docs."""
    header = ["set", "cases", "harmful", "AUC", "resolved", "AUC, resolved", "flagged"]
    header += ["flagged and harmful", "flagged and surely harmless"]
    rows = [
        [round(one[key], 3) if isinstance(one[key], float) else one[key] for key in header]
        + ["; ".join(one["invert"])]
        for one in found
    ]
    caption = "Audits beside the truth"
    return {
        "title": "Which operations cost more than a point",
        "note": note,
        "tables": [{"caption": caption, "header": [*header, "invert: points, said"], "rows": rows}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", help="file of finished runs, to go on after a stop")
    parser.add_argument("--seeds", help="seeds of each set's networks, as in digits=4,mnist=3")
    parser.add_argument("--most", help="the same while the truth is unresolved, default 16")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = FinishedRuns(arguments.runs)
    names = ["digits"] if arguments.quick else available()
    seeds = {name: 3 if arguments.quick else TRAINING[name][2] for name in names}
    seeds |= counts(arguments.seeds)
    most = dict.fromkeys(names, 3 if arguments.quick else MOST_SEEDS) | counts(arguments.most)
    listed = [
        case
        for name in names
        for case in cases(name, seeds=seeds[name], most=most[name], runs=runs)
    ]
    found = [summary(name, [case for case in listed if case["set"] == name]) for name in names]
    found.append(summary("all", listed))
    for one in found:
        print(one)
    if arguments.out:
        versions = {name: metadata.version(name) for name in ("numpy", "torch", "scikit-learn")}
        error = float(np.median([case["error"] for case in listed]))
        first = ", ".join(f"{name} {span(seeds[name], most[name])}" for name in names)
        note = (
            f"{len(listed)} cases of operation and strength, {PER_CLASS} labels a class. Truth: a "
            f"small convolutional network, paired seeds ({first}: more while a case is not "
            f"resolved; median standard error {error:.2f} points). Resolved: more than two "
            "standard errors from −1 point."
        )
        write_json(
            Path(arguments.out),
            {"versions": versions, "cases": listed, "summary": found, "page": page(found, note)},
        )


if __name__ == "__main__":
    main()
