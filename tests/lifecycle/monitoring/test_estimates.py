"""Accuracy, calibration and drift equal references, cover, and say when there is too little."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from lifecycle import calibration_error, compare_rows, estimate_accuracy
from lifecycle.monitoring.days import DAY, Audited, by_day, choose_audit
from lifecycle.monitoring.drift import benjamini_hochberg, fit_direction, ranks_among
from thresher.core.errors import InputError
from thresher.core.interval import wilson_interval


def test_intervals_cover_and_are_narrower_where_confidence_tells_something() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.beta(4, 1, 20_000)
    right = rng.random(20_000) < confidence
    covered, wide, plain = 0, [], []
    for _ in range(1000):
        rows = rng.choice(20_000, 100, replace=False)
        found = estimate_accuracy(
            confidence, labeled_confidence=confidence[rows], correct=right[rows]
        )
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= right.mean() <= found.high
        wide.append(found.high - found.low)
        low, high = wilson_interval(float(right[rows].sum()), 100)
        plain.append(high - low)
    assert 930 <= covered <= 970
    assert np.mean(wide) < 0.97 * np.mean(plain)


def test_useless_confidence_costs_nothing() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        trust, right = rng.random(60), rng.random(60) < 0.8
        found = estimate_accuracy(rng.random(5000), labeled_confidence=trust, correct=right)
        assert found.worth >= 60
    flat = estimate_accuracy(
        np.full(99, 0.9), labeled_confidence=np.full(20, 0.9), correct=[1] * 20
    )
    assert (flat.low, flat.high) == wilson_interval(20, 20)


def test_changed_meaning_is_seen_by_labels_and_not_by_the_hint() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.7, 1, 5000)
    right = rng.random(5000) < confidence - 0.3
    found = estimate_accuracy(confidence, labeled_confidence=confidence[:300], correct=right[:300])
    assert found.hint is not None
    assert found.high is not None
    assert abs(found.hint - 0.85) < 0.01
    assert found.high < 0.65


@pytest.mark.parametrize("labels", [0, 1, 9])
def test_too_few_labels_give_no_number(labels: int) -> None:
    found = estimate_accuracy([0.5], labeled_confidence=[0.5] * labels, correct=[1] * labels)
    assert found.value is None
    assert "too few labels" in str(found)
    assert "too few" in str(calibration_error([0.5] * labels, [1] * labels))


def test_probabilities_that_are_none_are_named() -> None:
    with pytest.raises(InputError, match=r"row 1 has .*nan.* 1 of 2 rows"):
        estimate_accuracy([0.5, np.nan], labeled_confidence=[], correct=[])
    with pytest.raises(InputError, match="correct"):
        calibration_error([0.5], [2])


def test_calibration_error_has_no_bias_and_its_interval_covers() -> None:
    rng = np.random.default_rng(3)
    squares, covered = [], 0
    for _ in range(100):
        confidence = rng.uniform(0.5, 1, 400)
        good = calibration_error(confidence, rng.random(400) < confidence, resamples=1)
        assert good.error is not None
        bins = good.bins
        naive = sum(n * (c - y) ** 2 for c, y, n in bins) / 400
        squares.append((good.error**2, naive))
        off = rng.random(400) < np.clip(confidence - 0.15, 0, 1)
        bad = calibration_error(confidence, off, resamples=200)
        assert bad.low is not None
        assert bad.high is not None
        covered += bad.low <= 0.15 <= bad.high
    corrected, naive = np.mean(squares, axis=0)
    assert corrected < 0.5 * naive  # cut at 0, so not quite 0 on average
    assert covered >= 88


def test_auc_equals_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    old, new = rng.normal(size=300).round(1), rng.normal(0.4, 1, 200).round(1)
    expected = roc_auc_score([0] * 300 + [1] * 200, np.concatenate([old, new]))
    assert ranks_among(new, old).mean() == pytest.approx(expected)
    found = compare_rows({"a": old}, {"a": new})
    assert found.columns[0].auc == pytest.approx(expected)
    p = mannwhitneyu(old, new).pvalue
    assert found.columns[0].q == pytest.approx(p, rel=0.2)


def test_the_direction_is_that_of_fishers_discriminant() -> None:
    rng = np.random.default_rng(5)
    mixing = rng.normal(size=(4, 4))
    old, new = rng.normal(size=(9000, 4)) @ mixing, (rng.normal(size=(9000, 4)) + 0.3) @ mixing
    exact = np.linalg.solve(mixing.T @ mixing, 0.3 * np.ones(4) @ mixing)
    found = fit_direction(old, new)
    assert found @ exact / np.linalg.norm(found) / np.linalg.norm(exact) > 0.95


def test_drift_is_an_effect_whatever_the_number_of_rows() -> None:
    rng = np.random.default_rng(6)
    old = {f"c{k}": rng.normal(size=50_000) for k in range(5)}
    tiny = {name: rng.normal(0.04, 1, 50_000) for name in old}
    found = compare_rows(old, tiny)
    assert found.columns[0].q < 0.01  # a p-value finds it
    assert not found.moved()
    moved = tiny | {"c3": rng.normal(0, 2.5, 50_000)}  # spread alone
    found = compare_rows(old, moved)
    assert found.moved()
    assert found.low is not None
    assert 0.7 < found.low < 0.8


def test_intervals_of_drift_count_batches_not_rows() -> None:
    rng = np.random.default_rng(7)
    batches = np.repeat(np.arange(20), 50)
    by_batch, by_row, named = 0, 0, 0
    for _ in range(60):
        sides = [
            {f"c{k}": rng.normal(size=1000) + rng.normal(size=20)[batches] for k in range(3)}
            for _ in range(2)
        ]
        found = compare_rows(*sides, batches=batches, reference_batches=batches)
        by_batch += found.moved(least=0.5)
        by_row += compare_rows(*sides).moved(least=0.5)
        named += min(column.q for column in found.columns) < 0.05
    assert by_batch <= 6
    assert named <= 8
    assert by_row >= 20


def test_columns_that_vanish_or_turn_constant_or_empty_are_named() -> None:
    rng = np.random.default_rng(8)
    old = {name: rng.normal(size=200) for name in ("gone", "flat", "empty", "holes", "fine")}
    new = {
        "flat": np.full(100, 3.0),
        "empty": np.full(100, np.nan),
        "holes": np.where(rng.random(100) < 0.4, np.nan, rng.normal(size=100)),
        "fine": rng.normal(size=100),
        "extra": rng.normal(size=100),
    }
    said = " ".join(compare_rows(old, new).problems)
    for words in (
        "'gone' has vanished",
        "'flat' is constant (3)",
        "'empty' is empty",
        "'holes' is missing in",
        "'extra' is new",
    ):
        assert words in said
    assert "fine" not in said


@pytest.mark.parametrize("rows", [0, 1, 19])
def test_windows_of_few_rows_give_no_number(rows: int) -> None:
    found = compare_rows({"a": np.arange(100.0)}, {"a": np.arange(float(rows))})
    assert found.auc is None
    assert not found.moved()
    assert str(found).startswith("too few rows")


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="No column is in both"):
        compare_rows({"a": [1.0]}, {"b": [1.0]})
    with pytest.raises(InputError, match=r"`current\['a'\]` must be numbers.* Give codes"):
        compare_rows({"a": [1.0]}, {"a": ["x"]})
    with pytest.raises(InputError, match="one length"):
        compare_rows({"a": [1.0], "b": [1.0, 2.0]}, {"a": [1.0]})
    with pytest.raises(InputError, match="batches"):
        compare_rows({"a": [1.0]}, {"a": [1.0]}, batches=[1, 2])


def test_millions_of_rows_cost_as_much_as_thousands() -> None:
    rng = np.random.default_rng(9)
    old = {"a": rng.normal(size=1_000_000), "b": rng.normal(size=1_000_000)}
    new = {"a": old["a"] + 0.3, "b": old["b"]}
    began = time.process_time()
    found = compare_rows(old, new, batches=np.arange(1_000_000) // 1000)
    assert time.process_time() - began < 2
    assert found.rows == 1_000_000
    assert found.columns[0].auc == pytest.approx(0.584, abs=0.01)  # of normals 0.3 apart


def test_benjamini_hochberg() -> None:
    # Of scipy.stats.false_discovery_control.
    p = np.array([0.01, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04, 0.16 / 3, 0.16 / 3, 0.5])


def test_days() -> None:
    at = np.array([0.1, 0.2, 1.5, 9.0]) * DAY
    audited = {
        f"row {k}": Audited(at=(1 if k < 12 else 2) * DAY, confidence=0.9, correct=k % 4 > 0)
        for k in range(24)
    }
    first, second, late = by_day(at, [0.9, np.nan, 0.8, 0.7], [1, 3, 5, 7], audited=audited)
    assert (first.rows, first.failed, first.p50_ms, first.p99_ms) == (2, 1, 2.0, 2.98)
    assert first.accuracy.value is None
    assert (second.accuracy.labels, second.accuracy.value) == (12, 0.75)
    assert (late.start, late.accuracy.labels) == (9 * DAY, 0)


def test_audit_rows_are_drawn_once() -> None:
    rows = [f"r{k}" for k in range(50)]
    first = choose_audit(rows, n=20, asked=set())
    second = choose_audit(rows, n=20, asked=set(first))
    assert len(set(first) | set(second)) == 40
    assert len(choose_audit(rows, n=20, asked=set(first + second))) == 10
    assert choose_audit(rows, n=20, asked=set()) == first
    # Rows that are asked anyway may be drawn all the same, and do not count.
    anyway = set(rows[:25])
    more = choose_audit(rows, n=20, asked=set(), anyway=anyway)
    assert len(set(more) - anyway) == 20
    assert 12 <= len(set(more) & anyway) <= 25
    assert choose_audit(rows, n=0, asked=set(), anyway=anyway) == []


def test_rows_not_drawn_at_random_say_nothing_of_the_accuracy() -> None:
    at = np.full(50, DAY)
    audited = {f"row {k}": Audited(at=DAY, confidence=0.9, correct=k < 20) for k in range(30)}
    more = {
        f"suspect {k}": Audited(at=DAY, confidence=0.9, correct=False, answer="a", drawn=False)
        for k in range(10)
    }
    given = {"at": at, "confidence": np.full(50, 0.9), "ms": at}
    (day,) = by_day(**given, audited=audited | more)
    assert day.accuracy == by_day(**given, audited=audited)[0].accuracy
    assert day.accuracy.labels == 30
