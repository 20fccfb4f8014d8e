"""Rows of few values are equal by chance, and no copies."""

import datasets
import numpy as np
import pytest

from curation import Curator
from curation.duplicates.tables.chance import Coincidence, copies_by_chance


def counted(columns, *, classes=None):
    """Count the rows that equal an earlier one, as they are and shuffled."""
    dataset = datasets.Dataset.from_dict(columns)
    numbers = np.stack([np.asarray(values) for values in columns.values()], axis=1)
    found = len(numbers) - len(np.unique(numbers, axis=0))
    return copies_by_chance(dataset, inputs=list(columns), label=None, classes=classes, found=found)


def curated(columns, *, names, label=None, splits=None, **options):
    rows = dict(columns)
    if splits is not None:
        rows["split"] = splits
    curator = Curator(["exact_duplicate", "near_duplicate", *(["leakage"] if splits else [])])
    curator.set_params(**options).fit(
        datasets.Dataset.from_dict(rows), column=names, label=label, task=None
    )
    return curator


def test_one_column_has_as_many_equal_entries_in_any_order():
    found = counted({"rate": [0.1, 0.2, 0.1, 0.3, 0.1]})
    assert found == Coincidence(2, 2.0)
    assert found


def test_a_copy_in_a_column_that_tells_rows_apart_is_one():
    values = np.random.default_rng(0).normal(size=45)
    values[44] = values[7]
    assert counted({"a": values.tolist()}) == Coincidence(1, 0.0)
    assert not counted({"a": values.tolist(), "b": [1.0] * 45})


def test_shuffled_columns_have_the_expected_number_of_equal_rows():
    rng = np.random.default_rng(0)
    n, a, b = 2000, 20, 50
    found = counted({"a": rng.integers(0, a, n).tolist(), "b": rng.integers(0, b, n).tolist()})
    distinct = a * b * (1 - (1 - 1 / (a * b)) ** n)  # balls thrown into a · b boxes
    # The values drawn are not exactly as many of each, which moves it by less than a hundredth.
    assert found.shuffled == pytest.approx(n - distinct, rel=0.02)
    assert found


def test_copies_of_rows_with_values_of_their_own_are_none_of_chance():
    values = np.random.default_rng(0).normal(size=(300, 2))
    values[7] = values[5]
    found = counted({"a": values[:, 0].tolist(), "b": values[:, 1].tolist()})
    assert found.found == 1
    assert not found


def test_columns_are_shuffled_within_classes():
    side = np.arange(400) % 2
    columns = {"a": side.tolist(), "b": side.tolist(), "c": (np.arange(400) // 4).tolist()}
    # The class settles `a` and `b`, so that all 200 rows are equal by chance within it.
    assert counted(columns, classes=side.astype(str)) == Coincidence(200, 200.0)
    # Without it the four rows of each of 100 `c` are four balls thrown into four boxes.
    expected = 100 * (4 - 4 * (1 - (3 / 4) ** 4))
    assert counted(columns).shuffled == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("left_out", [0, 1])
def test_flags_of_a_category_are_shuffled_together(left_out):
    rng = np.random.default_rng(6)
    n, of, values = 2000, 3, 30
    flags = np.concatenate(
        [np.eye(values, dtype=int)[rng.integers(values, size=n), left_out:] for _ in range(of)],
        axis=1,
    )
    flags = np.concatenate([flags, flags[:200]])
    found = counted({f"c{at}": column.tolist() for at, column in enumerate(flags.T)})
    assert found.found > 200
    # 2,200 balls thrown into 27,000 boxes. Flags shuffled each by itself make four times as many.
    assert found.shuffled == pytest.approx(2200**2 / 2 / values**of, rel=0.1)
    assert not found


def test_flags_of_one_category_are_equal_by_chance():
    codes = np.random.default_rng(7).integers(40, size=400)
    found = counted({f"c{at}": (codes == at).tolist() for at in range(40)})
    assert found == Coincidence(360, 360.0)


def test_numbers_count_as_they_are_stored():
    rng = np.random.default_rng(8)
    # Seconds of a day, of which float32 tells 675 apart.
    seconds = 1_700_000_000 + rng.permutation(80_000)[:2000]
    columns = {"second": seconds, "on": rng.integers(2, size=2000)}
    copied = {name: np.concatenate([values, values[:150]]) for name, values in columns.items()}
    assert counted(copied) == Coincidence(150, 0.0)
    found = curated({name: values.tolist() for name, values in copied.items()}, names=list(copied))
    assert found.issues_.counts()["exact_duplicate"] == 150


def test_small_classes_are_shuffled_together():
    values = np.repeat(np.random.default_rng(0).normal(size=(100, 2)), 2, axis=0)
    classes = np.repeat(np.arange(100), 2).astype(str)
    columns = {"a": values[:, 0].tolist(), "b": values[:, 1].tolist()}
    assert not counted(columns, classes=classes)


def test_rows_equal_by_chance_stay_and_it_is_said():
    rng = np.random.default_rng(1)
    rates = rng.integers(20, 300, 3000) / 1000
    keys = [f"c{row}" for row in range(3000)]
    curator = curated({"id": keys, "rate": rates.tolist()}, names=["rate"])
    assert curator.manifest_.counts()["keep"] == 3000
    told = curator.methods_["exact_duplicate"]
    assert "rows equal earlier ones, and" in told
    assert "by chance, so that none is taken for a copy" in told


def test_rows_close_by_chance_stay_and_equal_ones_go():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(3000, 2))
    values[1:4] = values[0]
    curator = curated({"a": values[:, 0].tolist(), "b": values[:, 1].tolist()}, names=["a", "b"])
    assert curator.issues_.counts() == {"exact_duplicate": 3}
    assert "pairs of different rows are as close, and" in curator.methods_["near_duplicate"]


def test_close_copies_of_long_rows_are_found():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(1000, 8))
    values[500:520] = values[:20] * (1 + 1e-4)
    columns = {f"c{at}": values[:, at].tolist() for at in range(8)}
    found = curated(columns, names=list(columns))
    assert found.issues_.counts() == {"near_duplicate": 20}


def test_rows_equal_by_chance_in_two_splits_are_no_leak():
    rng = np.random.default_rng(4)
    columns = {f"bit {at}": rng.integers(0, 2, 2000).tolist() for at in range(7)}
    splits = ["train"] * 1500 + ["test"] * 500
    found = curated(columns, names=list(columns), splits=splits)
    assert found.issues_.counts() == {}
    assert found.manifest_.counts()["drop"] == 0


def test_a_threshold_that_is_asked_for_is_kept_to():
    rates = [0.1, 0.2, 0.1, 0.3, 0.25] * 40
    found = curated({"rate": rates}, names=["rate"], threshold=0.99999)
    assert found.issues_.counts()["near_duplicate"] == 196


def test_days_with_the_same_numbers_are_no_copies():
    values = np.random.default_rng(5).normal(size=(60, 4))
    values[30] = values[10]
    columns = {f"c{at}": values[:, at].tolist() for at in range(4)}
    days = [f"2012-{1 + row // 28:02}-{1 + row % 28:02}" for row in range(60)]
    names = list(columns)
    assert curated({"day": days, **columns}, names=names).issues_.counts() == {}
    keys = [f"r{row}" for row in range(60)]
    assert curated({"key": keys, **columns}, names=names).issues_.counts()["exact_duplicate"] == 1
