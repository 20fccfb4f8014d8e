"""Control questions make probabilities of agreement."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from active_learning import Session, consensus, estimate_accuracy, export_labels
from active_learning.estimates.correction import fit_correction
from thresher.core.errors import InputError

ROWS, PEOPLE, ANSWERS = 400, 12, 5


def crowd(seed: int, *, shared: float) -> tuple[tuple[np.ndarray, ...], dict[str, str]]:
    """Answers right for .85 each, but for a share of rows on which nearly all err alike."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=ROWS)
    misread = rng.random(ROWS) < shared
    columns: list[tuple[str, str, str]] = []
    for row in range(ROWS):
        for person in rng.choice(PEOPLE, ANSWERS, replace=False).tolist():
            right = rng.random() < (0.2 if misread[row] else 0.85)
            said = truth[row] if right else (truth[row] + 1) % 3
            columns.append((f"r{row:03d}", f"p{person}", f"c{said}"))
    known = {f"r{row:03d}": f"c{truth[row]}" for row in range(ROWS)}
    return tuple(np.array(column) for column in zip(*columns, strict=True)), known


def some(known: dict[str, str], n: int, seed: int = 0) -> dict[str, str]:
    rows = np.random.default_rng(seed).choice(sorted(known), n, replace=False)
    return {row: known[row] for row in rows.tolist()}


def test_without_control_questions_scores_are_called_agreement() -> None:
    columns, known = crowd(0, shared=0.3)
    found = consensus(*columns)
    right = np.mean([known[row] == label for row, label in zip(found.row_ids, found.labels)])  # noqa: B905
    assert found.scores_are == "agreement"
    assert found.accuracy is None
    assert found.scores.mean() > right + 0.15  # why it is not called a probability


@pytest.mark.parametrize("shared", [0.0, 0.3])
def test_eighty_control_questions_calibrate(shared: float) -> None:
    columns, known = crowd(1, shared=shared)
    off, held = [], []
    for seed in range(10):
        gold = some(known, 80, seed)
        found = consensus(*columns, gold=gold)
        rest = ~np.isin(found.row_ids, list(gold))
        truth = np.array([known[row] for row in found.row_ids[rest].tolist()])
        right = found.labels[rest] == truth
        off.append(abs(found.scores[rest].mean() - right.mean()))
        assert found.accuracy is not None
        held.append(found.accuracy.low <= right.mean() <= found.accuracy.high)
        assert found.scores_are == "probability"
    assert np.mean(off) < 0.05
    assert np.mean(held) >= 0.8


def test_rows_of_known_label_get_it_and_rows_of_probs_add_up() -> None:
    columns, known = crowd(2, shared=0.3)
    gold = some(known, 30)
    found = consensus(*columns, gold=gold)
    at = {row: place for place, row in enumerate(found.row_ids.tolist())}
    for row, label in gold.items():
        assert found.labels[at[row]] == label
        assert found.scores[at[row]] == 1.0
    np.testing.assert_allclose(found.probs.sum(axis=1), 1.0)
    assert ((found.probs >= 0) & (found.probs <= 1)).all()
    plain = consensus(*columns)
    rest = ~np.isin(plain.row_ids, list(gold))
    assert (plain.labels[rest] == found.labels[rest]).all()
    # A correction never turns the order of two rows around.
    order = np.argsort(plain.scores[rest], kind="stable")
    assert (np.diff(found.scores[rest][order]) >= -1e-12).all()


def test_annotators_who_fail_control_questions_lose_quality() -> None:
    columns, known = crowd(3, shared=0.0)
    rows, people, said = columns
    always = np.where(people == "p0", "c0", said)
    found = consensus(rows, people, always, gold=some(known, 60))
    quality = dict(zip(found.annotators.tolist(), found.annotator_quality.tolist(), strict=True))
    assert quality["p0"] < min(value for name, value in quality.items() if name != "p0") - 0.2


def test_correction_is_the_posterior_of_a_logistic_line() -> None:
    rng = np.random.default_rng(0)
    expected = rng.uniform(0.5, 0.98, 4000)
    truth = 1 / (1 + np.exp(-(0.4 * np.log(expected / (1 - expected)) - 0.2)))
    right = (rng.random(4000) < truth).astype(float)
    found = fit_correction(right, expected=expected, mass=np.ones(4000))
    np.testing.assert_allclose(found.probability(expected), truth, atol=0.03)


def test_many_distinct_expectations_are_corrected_as_the_same_in_groups() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(1, 100, 3000) / 100
    right = (rng.random(3000) < groups).astype(float)
    close = groups + rng.uniform(-1e-5, 1e-5, 3000)
    one, other = (fit_correction(right, expected=x, mass=np.ones(3000)) for x in (groups, close))
    assert other.rates.shape[2] < 1000
    np.testing.assert_allclose(other.probability(groups), one.probability(groups), atol=1e-3)


def test_accuracy_is_that_of_estimate_accuracy() -> None:
    columns, known = crowd(4, shared=0.2)
    gold = some(known, 25)
    plain, found = consensus(*columns), consensus(*columns, gold=gold)
    asked = np.isin(plain.row_ids, list(gold))
    right = plain.labels[asked] == [gold[row] for row in plain.row_ids[asked].tolist()]
    expected = estimate_accuracy(
        right,
        expected=plain.scores[asked],
        expected_mean=float(plain.scores[~asked].mean()),
        pool_size=int((~asked).sum()),
    )
    assert found.accuracy == expected


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        ({"r001": "c0"}, "at least 10 rows"),
        ({f"x{k}": "c0" for k in range(20)}, "got 0"),
        ({f"r{k:03d}": "zebra" for k in range(20)}, "'zebra'"),
        ({f"r{k:03d}": "c0" if k else "" for k in range(20)}, "no label for the row 'r000'"),
    ],
)
def test_control_questions_that_say_nothing_are_refused(gold: dict[str, str], said: str) -> None:
    columns, _ = crowd(5, shared=0.0)
    with pytest.raises(InputError, match=said):
        consensus(*columns, gold=gold)


def test_numbers_are_neither_right_nor_wrong() -> None:
    rows = [f"r{k}" for k in range(12)]
    said = consensus(rows, ["ann"] * 12, np.arange(12.0), task="regression")
    assert said.scores_are == "reliability"
    with pytest.raises(InputError, match="regression"):
        consensus(rows, ["ann"] * 12, np.arange(12.0), task="regression", gold={"r1": 2.0})


def test_files_name_the_column_by_what_it_holds(tmp_path) -> None:
    rows = [str(k) for k in range(30)]
    classes = ["a", "b"]
    with Session(tmp_path / "s.db", embeddings=np.eye(30), classes=classes) as session:
        for person in ("ann", "bo"):
            session.tell({row: classes[int(row) % 2] for row in rows}, annotator=person)
        export_labels(session, tmp_path / "plain.csv")
        gold = {row: classes[int(row) % 2] for row in rows[:12]}
        export_labels(session, tmp_path / "gold.csv", gold=gold)
    headers = {}
    for name in ("plain", "gold"):
        with (tmp_path / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            headers[name] = next(csv.reader(file))
    assert headers == {
        "plain": ["row_id", "label", "agreement"],
        "gold": ["row_id", "label", "probability"],
    }
