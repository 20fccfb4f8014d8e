"""Classes with too few rows: beside the others, or to learn and to test at all."""

from __future__ import annotations

import numpy as np

from thresher.core.counted import counted

from .result import CorpusIssue

# A class below this share of an equal part is rare (the limit of cleanlab's Datalab).
RARE = 0.1
# Fewer rows of a class can be neither learnt nor, split off, counted on.
FEWEST_ROWS = 5
SHOWN = 5


def imbalance_issues(codes: np.ndarray, classes: tuple[str, ...]) -> tuple[list[CorpusIssue], str]:
    """Return the issues and a sentence about the balance of labels, int (n,), −1 = missing."""
    counts = np.bincount(codes[codes >= 0], minlength=len(classes))
    shares = counts / counts.sum()
    even = 1 / len(classes)
    effective = effective_classes(counts)
    sentence = (
        f"{counted(len(classes), 'class', 'classes')} of {counts.min():,} to "
        f"{counted(counts.max(), 'row')}; as balanced as {effective:.1f} equal ones"
    )
    issues = []
    rare = np.flatnonzero(shares < RARE * even)
    if len(rare):
        issues.append(
            CorpusIssue(
                "imbalance",
                float(shares.min() / even),
                f"{_named(rare, counts, classes)}: under a tenth of an equal share. Judge the "
                "model by class, and weight, multiply or label more of these.",
                {"counts": _counts(rare, counts, classes), "effective_classes": effective},
            )
        )
    few = np.flatnonzero(counts < FEWEST_ROWS)
    if len(few):
        issues.append(
            CorpusIssue(
                "few rows",
                float(counts.min() / (2 * FEWEST_ROWS)),
                f"{_named(few, counts, classes)}: fewer than {FEWEST_ROWS} can be neither learnt "
                "nor tested. Collect more, merge the class with another or leave it out.",
                {"counts": _counts(few, counts, classes)},
            )
        )
    return issues, sentence


def effective_classes(counts: np.ndarray) -> float:
    """Return the exponential of the entropy: how many equal classes would be as balanced."""
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _named(which: np.ndarray, counts: np.ndarray, classes: tuple[str, ...]) -> str:
    order = which[np.argsort(counts[which], kind="stable")]
    named = [f"{classes[code]!r} has {counted(int(counts[code]), 'row')}" for code in order[:SHOWN]]
    more = (
        f" and {counted(len(order) - SHOWN, 'more class', 'more classes')}"
        if len(order) > SHOWN
        else ""
    )
    return ", ".join(named) + more


def _counts(which: np.ndarray, counts: np.ndarray, classes: tuple[str, ...]) -> dict[str, int]:
    return {classes[code]: int(counts[code]) for code in which}
