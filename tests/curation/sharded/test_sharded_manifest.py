"""Decisions in columns equal those of `decide`, whatever was found of rows and labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from curation import decide
from curation.decisions.policy import Policy
from curation.labels import LabelIssues
from curation.labels.noise import NoiseRate
from curation.sharded.confident_learning import ConfidentLabels
from curation.sharded.manifest_columns import (
    Duplicates,
    Judged,
    Twins,
    decide_entangled,
    with_decisions,
)
from thresher.core.manifest import Manifest

CLASSES = ("x", "y", "z")
RATE = NoiseRate(0.1, 0.05, 0.2)


def findings(seed):
    """Return stars, labels and wrong labels at random: small classes, gaps, equal rows."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    splits = rng.choice(["train", "train", "test"], n)
    kept = (rng.random(n) < 0.5) | (splits == "test")
    kept[rng.integers(n)] = True
    twin = rng.choice(np.flatnonzero(kept), n)
    near = rng.choice(np.array([0.9, 0.95, 1.0], np.float32), n)
    twins = Twins(kept, np.where(kept, -1, twin), np.where(kept, np.float32(-1), near))
    codes = rng.choice([-1, 0, 0, 0, 1, 2], n)
    ids = pa.array([f"r{row}" for row in rng.permutation(n)], pa.string())
    scores = np.where(codes < 0, 1.0, rng.random(n).round(2))
    flagged = (codes >= 0) & (scores < rng.random())
    suggested = rng.integers(0, 3, n)
    wrong = ConfidentLabels(scores, suggested, flagged, RATE)
    return twins, ids, Judged(splits, codes, CLASSES, wrong)


@dataclass(frozen=True)
class Names:
    """Row ids in memory, taken as those on disk are."""

    ids: pa.Array

    def take(self, rows):
        return self.ids.take(pa.array(rows))


def decided(twins, names, judged, policy, *, labels):
    ids = np.array(names.ids.to_pylist(), dtype=object)
    issues = [twins.to_issues(np.flatnonzero(~twins.kept), names)]
    if labels:
        wrong = judged.wrong
        found = LabelIssues(
            row_ids=ids,
            labels=judged.codes,
            classes=CLASSES,
            scores=wrong.scores,
            suggested=wrong.suggested,
            flagged=wrong.flagged,
            threshold=0.5,
            noise_rate=RATE,
            expected_precision=None,
            method="confident learning",
        )
        issues.append(found.to_issues())
    told = [CLASSES[code] if code >= 0 else None for code in judged.codes]
    return decide(*issues, row_ids=ids, splits=judged.splits, labels=told, policy=policy)


def in_columns(twins, names, judged, policy, *, labels):
    of = np.where(twins.kept, np.arange(len(twins.kept)), twins.duplicate_of)
    known = Duplicates(
        twins.kept,
        twins.scores,
        names.ids,
        names.take(of),
        judged.codes,
        judged.codes[of],
        CLASSES,
    )
    rows, table = np.empty(0, np.int64), None
    if labels:
        rows, table = decide_entangled(twins, names, judged, policy=policy)
    return Manifest(with_decisions(known.columns(policy.near_duplicate), table, rows))


@pytest.mark.parametrize("near", ["drop", "review", "none"])
@pytest.mark.parametrize("label", ["drop", "relabel", "review", "none"])
def test_columns_equal_decisions_of_rows(near, label):
    reviewed = 0
    for seed in range(60):
        twins, ids, judged = findings(seed)
        policy = Policy(near_duplicate=near, label=label, fewest_per_class=seed % 5)
        for labels in (True, False):
            manifest = in_columns(twins, Names(ids), judged, policy, labels=labels)
            expected = decided(twins, Names(ids), judged, policy, labels=labels)
            assert manifest.table.to_pylist() == expected.table.to_pylist(), seed
        reviewed += manifest.counts()["review"]  # of duplicates alone
    assert (reviewed > 0) == (near != "none")
