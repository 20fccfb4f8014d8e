"""Flagged labels are tried: dropped where a network is surely better without them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from scipy.stats import norm

from curation import find_label_issues
from curation.decisions.label_action import choose_label_action
from thresher.app.pipeline import plan, run
from thresher.app.settings import resolve
from thresher.app.steps.label_trial import MOST_ROWS, gains_without_flags, judge_gains
from thresher.core.fingerprint import row_keys
from thresher.core.manifest import Manifest

CLASSES, WIDTH, SPREAD = 8, 64, 0.3


@cache
def clouds(rows: int, *, wrong: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Overlapping clouds of points: vectors, labels with so many wrong ones, and right labels."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(CLASSES, WIDTH))
    centers *= 2 / np.linalg.norm(centers, axis=1, keepdims=True)
    right = rng.integers(CLASSES, size=rows)
    vectors = centers[right] + SPREAD * rng.normal(size=(rows, WIDTH))
    changed = rng.random(rows) < wrong
    other = (right + rng.integers(1, CLASSES, rows)) % CLASSES
    return vectors.astype(np.float32), np.where(changed, other, right), right


def gains(vectors: np.ndarray, codes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    keys = row_keys(ids)
    return gains_without_flags(vectors, codes, keys=keys, method="auto", device="cpu", seed=0)


def test_wrong_labels_that_weak_evidence_flags_are_dropped_after_a_trial() -> None:
    vectors, codes, right = clouds(1000, wrong=0.25)
    found = find_label_issues(codes, embeddings=vectors)
    assert choose_label_action(found).value == "review"
    assert (codes != right)[found.flagged].mean() > 0.9
    chosen = judge_gains(gains(vectors, codes, np.arange(1000).astype(str)), before="weak")
    assert chosen.value == "drop"
    assert "a small network gained +" in chosen.reason


def test_right_labels_stay() -> None:
    vectors, codes, _ = clouds(1000, wrong=0.0)
    chosen = judge_gains(gains(vectors, codes, np.arange(1000).astype(str)), before="weak")
    assert chosen.value == "review"
    assert chosen.reason.startswith("weak; in a trial without them")


def test_the_trial_does_not_depend_on_the_order_of_the_rows() -> None:
    vectors, codes, _ = clouds(200, wrong=0.25)
    ids = np.arange(200).astype(str)
    order = np.random.default_rng(1).permutation(200)
    first, second = gains(vectors, codes, ids), gains(vectors[order], codes[order], ids[order])
    assert (first == second).all()


def test_of_many_rows_some_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thresher.app.steps.label_trial.MOST_ROWS", 150)
    vectors, codes, _ = clouds(200, wrong=0.25)
    assert len(gains(vectors, codes, np.arange(200).astype(str))) == 150
    assert MOST_ROWS >= 1000


@pytest.mark.parametrize(("ahead", "behind"), [(30, 10), (20, 10), (12, 12), (10, 30)])
def test_rows_are_dropped_where_the_interval_of_the_gain_is_above_0(
    ahead: int, behind: int
) -> None:
    values = np.zeros(1000)
    values[:ahead], values[ahead : ahead + behind] = 1, -1
    half = norm.ppf(0.975) * values.std() / np.sqrt(1000)
    chosen = judge_gains(values, before="weak")
    assert chosen.value == ("drop" if values.mean() - half > 0 else "review")
    low, high = 100 * (values.mean() - half), 100 * (values.mean() + half)
    assert f"({low:+.1f} to {high:+.1f}) of 1,000 held-out rows" in chosen.reason


def test_a_trial_without_any_difference_claims_no_interval() -> None:
    chosen = judge_gains(np.zeros(1000), before="weak")
    assert chosen.value == "review"
    assert chosen.reason == (
        "weak; in a trial without them a small network was right on the same ones of 1,000 "
        "held-out rows"
    )


def rows_of(wrong: float) -> datasets.Dataset:
    vectors, codes, right = clouds(1200, wrong=wrong, seed=3)
    held = np.arange(1200) >= 1000
    labels = np.where(held, right, codes)
    columns: dict[str, Any] = {f"x{at}": vectors[:, at] for at in range(WIDTH)}
    columns |= {"label": [f"class {code}" for code in labels.tolist()]}
    columns |= {"split": np.where(held, "test", "train").tolist()}
    return datasets.Dataset.from_dict(columns)


SHORT = {"epochs": 1, "width": 8}


def test_a_run_that_trains_tries_the_labels_and_curation_alone_does_not(tmp_path: Path) -> None:
    settings = resolve(values={"teacher": SHORT, "student": SHORT, "reference": False})
    rows = rows_of(0.25)
    curated = run(rows, out=tmp_path, settings=settings, until="curate")
    assert curated.choices["find: label decision"].startswith("review (")
    assert "label trial: label decision" not in curated.choices
    assert dropped(tmp_path) == 0
    done = run(rows, out=tmp_path, settings=settings)
    assert done.choices["label trial: label decision"].startswith("drop (in a trial")
    assert dropped(tmp_path) > 100
    assert "After a trial: drop (in a trial" in done.report.read_text(encoding="utf-8")
    assert [*(stage["name"] for stage in done.stages), "report"] == plan(settings)


def dropped(folder: Path) -> int:
    """Return how many rows a run dropped for their labels."""
    manifest = Manifest.load(folder / "manifest" / "decisions")
    return manifest.reasons().get("drop", {}).get("label", 0)


def test_what_is_asked_for_is_not_tried() -> None:
    asked = resolve(values={"decide": {"labels": "review"}})
    assert "label trial" in plan(resolve(values={}))
    assert "label trial" not in plan(asked)
    assert "label trial" not in plan(resolve(values={}), until="curate")
