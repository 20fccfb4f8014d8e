from __future__ import annotations

import numpy as np
import pytest

from curation import decide
from curation.decisions.decide import with_final_twins
from thresher.core.errors import InputError
from thresher.core.issues import Issue, Issues

IDS = list("abcdef")
LABELS = ["cat", "cat", "cat", "dog", "dog", "dog"]


def found(*rows):
    return Issues.from_rows(Issue(*row) for row in rows)


def actions(manifest):
    return dict(zip(manifest.row_ids.tolist(), manifest.actions.tolist(), strict=True))


def row(manifest, row_id):
    return manifest.table.to_pylist()[manifest.row_ids.tolist().index(row_id)]


def test_without_findings_everything_stays():
    manifest = decide(row_ids=IDS)
    assert manifest.counts() == {"keep": 6, "drop": 0, "relabel": 0, "review": 0}
    assert manifest.header["policy"]["label"] == "drop"
    assert len(decide(Issues.empty(), row_ids=[])) == 0


def test_the_default_policy():
    manifest = decide(
        found(
            ("a", "exact_duplicate", 0.0, "b"),
            ("c", "quality", 0.0, None, None, "unreadable: truncated"),
            ("d", "quality", 0.4, None, None, "blurry: relative sharpness"),
            ("e", "label", 0.1, None, "cat"),
            ("f", "outlier", 0.2),
        ),
        row_ids=IDS,
        policy={"fewest_per_class": 0},
    )
    assert actions(manifest) == {
        "a": "drop",
        "b": "keep",
        "c": "drop",
        "d": "review",
        "e": "drop",
        "f": "review",
    }
    assert row(manifest, "a")["twin"] == "b"
    assert row(manifest, "c")["reason"] == "quality"


def test_the_strongest_finding_gives_the_reason():
    issues = found(
        ("a", "outlier", 0.01), ("a", "label", 0.3, None, "dog"), ("a", "near_duplicate", 0.05, "b")
    )
    assert row(decide(issues, row_ids=IDS), "a")["reason"] == "near_duplicate"
    reviewed = decide(issues, row_ids=IDS, policy={"near_duplicate": "review"})
    assert (row(reviewed, "a")["action"], row(reviewed, "a")["reason"]) == ("drop", "label")
    ignored = decide(issues, row_ids=IDS, policy=dict.fromkeys(("near_duplicate", "label"), "none"))
    assert row(ignored, "a")["reason"] == "outlier"


def test_test_rows_are_at_most_reviewed():
    issues = found(("a", "label", 0.0, None, "dog"), ("b", "exact_duplicate", 0.0, "a"))
    splits = ["test", "validation", *["train"] * 4]
    for label in ("drop", "relabel"):
        manifest = decide(
            issues, row_ids=IDS, splits=splits, labels=LABELS, policy={"label": label}
        )
        assert actions(manifest)["a"] == actions(manifest)["b"] == "review"


def test_relabeling_writes_the_suggested_label():
    issues = found(
        ("a", "label", 0.1, None, "dog"), ("b", "label", 0.1), ("c", "label", 0.1, None, "cat")
    )
    manifest = decide(issues, row_ids=IDS, labels=LABELS, policy={"label": "relabel"})
    assert row(manifest, "a")["new_label"] == "dog"
    assert row(manifest, "a")["old_label"] == "cat"
    assert actions(manifest)["b"] == actions(manifest)["c"] == "review"


def test_no_class_is_emptied_on_a_guess():
    issues = found(*[(r, "label", 0.1 * i, None, "dog") for i, r in enumerate("abc")])
    manifest = decide(issues, row_ids=IDS, labels=LABELS)
    assert [actions(manifest)[r] for r in "abc"] == ["drop", "review", "review"]
    copies = found(("a", "exact_duplicate", 0.0, "c"), ("b", "exact_duplicate", 0.0, "c"))
    assert actions(decide(copies, row_ids=IDS, labels=LABELS))["a"] == "drop"


def test_a_copy_stays_when_its_twin_goes():
    near = ("a", "near_duplicate", 0.05, "b")
    leaked = decide(found(near, ("b", "leakage", 0.05, "f")), row_ids=IDS)
    assert [actions(leaked)[r] for r in "ab"] == ["keep", "drop"]
    equal = decide(
        found(("a", "exact_duplicate", 0.0, "b"), ("b", "leakage", 0.05, "f")), row_ids=IDS
    )
    assert [actions(equal)[r] for r in "ab"] == ["drop", "drop"]
    assert (row(equal, "a")["reason"], row(equal, "a")["twin"]) == ("leakage", "f")
    wrong = found(near, ("b", "label", 0.1, None, "dog"))
    same = decide(wrong, row_ids=IDS, labels=LABELS)
    assert (row(same, "a")["action"], row(same, "a")["reason"]) == ("drop", "label")
    assert row(same, "a")["twin"] is None
    other = decide(wrong, row_ids=IDS, labels=["dog", *LABELS[1:]], policy={"fewest_per_class": 0})
    assert [actions(other)[r] for r in "ab"] == ["review", "drop"]


def test_duplicates_with_another_label_are_reviewed():
    issues = found(("a", "near_duplicate", 0.05, "d"), ("b", "exact_duplicate", 0.0, "d"))
    manifest = decide(issues, row_ids=IDS, labels=LABELS)
    assert [actions(manifest)[r] for r in "abd"] == ["review", "review", "keep"]
    assert (row(manifest, "a")["reason"], row(manifest, "a")["twin"]) == ("near_duplicate", "d")
    conflict = found(("b", "conflict", 0.0, "d", None, "equal content has another label"))
    both = decide(issues, conflict, row_ids=IDS, labels=LABELS)
    assert (row(both, "b")["action"], row(both, "b")["reason"]) == ("review", "conflict")
    unlabeled = decide(issues, row_ids=IDS, labels=[None, None, *LABELS[2:]])
    assert [actions(unlabeled)[r] for r in "ab"] == ["drop", "drop"]
    lost = decide(issues, row_ids=IDS, labels=[*LABELS[:3], None, *LABELS[4:]])
    assert [actions(lost)[r] for r in "ab"] == ["review", "review"]


def test_equal_rows_are_copies_of_the_first_with_their_label():
    issues = found(*[(r, "exact_duplicate", 0.0, "a") for r in "bcd"])
    manifest = decide(issues, row_ids=IDS, labels=["cat", "dog", "dog", "cat", "dog", "dog"])
    assert [actions(manifest)[r] for r in "abcd"] == ["keep", "review", "drop", "drop"]
    assert row(manifest, "c")["twin"] == "b"
    assert row(manifest, "d")["twin"] == "a"


def test_a_chain_of_copies_is_followed_to_the_row_that_stays():
    issues = found(("a", "exact_duplicate", 0.0, "b"), ("b", "near_duplicate", 0.07, "c"))
    manifest = decide(issues, row_ids=IDS, labels=LABELS)
    assert [actions(manifest)[r] for r in "abc"] == ["drop", "drop", "keep"]
    assert row(manifest, "a")["twin"] == "c"
    assert (row(manifest, "a")["reason"], row(manifest, "a")["score"]) == (
        "near_duplicate",
        pytest.approx(0.07, abs=1e-5),  # manifests hold scores on a grid
    )
    far = found(("a", "near_duplicate", 0.05, "b"), ("b", "near_duplicate", 0.07, "c"))
    assert [actions(decide(far, row_ids=IDS))[r] for r in "abc"] == ["keep", "drop", "keep"]


def test_findings_name_the_row_that_stays():
    issues = found(
        ("a", "exact_duplicate", 0.0, "b", None, "content equal to the kept row"),
        ("b", "near_duplicate", 0.07, "c", None, "similarity 0.93 to the kept row"),
    )
    manifest = decide(issues, row_ids=IDS, labels=LABELS)
    first, second = with_final_twins(issues, manifest)
    assert (first.row_id, first.twin) == ("a", "c")
    assert first.detail == "content equal to the kept row, which is dropped itself"
    assert second == list(issues)[1]
    assert with_final_twins(Issues.empty(), manifest).table.num_rows == 0
    same = found(("a", "exact_duplicate", 0.0, "c"))
    assert with_final_twins(same, decide(same, row_ids=IDS)) is same


def test_a_near_copy_of_an_unusable_row_is_judged_by_itself():
    unusable = ("b", "quality", 0.0, None, None, "blank: one color")
    near = decide(found(("a", "near_duplicate", 0.05, "b"), unusable), row_ids=IDS)
    assert [actions(near)[r] for r in "ab"] == ["keep", "drop"]
    equal = decide(found(("a", "exact_duplicate", 0.0, "b"), unusable), row_ids=IDS)
    assert [actions(equal)[r] for r in "ab"] == ["drop", "drop"]


def test_two_rows_that_name_each_other_do_not_both_go():
    issues = found(("a", "near_duplicate", 0.0, "b"), ("b", "exact_duplicate", 0.0, "a"))
    assert sorted(actions(decide(issues, row_ids=["a", "b"])).values()) == ["drop", "keep"]


@pytest.mark.parametrize("seed", range(200))
def test_the_twin_of_a_dropped_row_stays_whatever_was_found(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    ids = [f"r{i}" for i in range(n)]
    checks = ["exact_duplicate", "near_duplicate", "leakage", "label", "conflict", "outlier"]
    checks += ["quality", "coreset"]
    rows = []
    for _ in range(int(rng.integers(1, 4 * n))):
        this, twin = rng.choice(n, 2, replace=False)
        check = str(rng.choice(checks))
        linked = check in ("exact_duplicate", "near_duplicate", "leakage", "conflict")
        detail = str(rng.choice(["blank", "odd"])) if check == "quality" else None
        better = str(rng.choice(["x", "y"])) if check == "label" else None
        end = "outside" if linked and rng.random() < 0.05 else ids[twin]
        row = (ids[this], check, float(rng.random()), end if linked else None, better, detail)
        rows.append(row)
    labels = rng.choice(np.array(["x", "y", None], dtype=object), n).tolist()
    splits = rng.choice(["train", "train", "test"], n)
    policy = {name: str(rng.choice(["drop", "review"])) for name in ("conflict", "outlier")}
    policy |= {"protected": () if rng.random() < 0.3 else ("test", "validation")}
    policy |= {"label": str(rng.choice(["drop", "relabel", "review"]))}
    manifest = decide(found(*rows), row_ids=ids, labels=labels, splits=splits, policy=policy)
    by_id = {entry["row_id"]: entry for entry in manifest.table.to_pylist()}
    asked = {(one[0], one[1]) for one in rows}
    for at, entry in enumerate(by_id.values()):
        if entry["action"] != "drop":
            continue
        assert splits[at] == "train" or not policy["protected"]
        duplicate = entry["reason"] in ("exact_duplicate", "near_duplicate")
        if duplicate:
            assert entry["twin"] in by_id or entry["twin"] == "outside"
        if entry["twin"] in by_id:
            assert by_id[entry["twin"]]["action"] != "drop"
            if duplicate:
                assert labels[at] is None or labels[at] == labels[ids.index(entry["twin"])]
        assert any(row_id == entry["row_id"] for row_id, _ in asked)


@pytest.mark.parametrize("seed", range(20))
def test_every_dropped_duplicate_has_a_twin_that_stays(seed):
    rng = np.random.default_rng(seed)
    ids = [f"r{i}" for i in range(40)]
    checks = ["exact_duplicate", "near_duplicate", "leakage", "label", "outlier"]
    rows = []
    for _ in range(40):
        this, twin = rng.choice(40, 2, replace=False)
        check = str(rng.choice(checks))
        linked = check in checks[:3]
        rows.append((ids[this], check, 0.1, ids[twin] if linked else None))
    manifest = decide(found(*rows), row_ids=ids, labels=rng.choice(["x", "y"], 40))
    by_id = {entry["row_id"]: entry for entry in manifest.table.to_pylist()}
    for entry in by_id.values():
        if entry["action"] == "drop" and entry["reason"] in ("exact_duplicate", "near_duplicate"):
            end, steps = entry, 0
            while end["action"] == "drop":
                end, steps = by_id[end["twin"]], steps + 1
                assert steps < 40


def test_the_order_of_findings_does_not_matter():
    rows = [
        ("a", "outlier", 0.2),
        ("a", "label", 0.2, None, "dog"),
        ("b", "exact_duplicate", 0.0, "c"),
    ]
    one = decide(found(*rows), row_ids=IDS, labels=LABELS)
    two = decide(found(rows[2]), found(rows[1], rows[0]), row_ids=IDS, labels=LABELS)
    assert one.table.equals(two.table)


def test_bad_arguments_are_explained():
    with pytest.raises(InputError, match=r"1 finding\(s\) are about rows .* x"):
        decide(found(("x", "label", 0.1)), row_ids=IDS)
    with pytest.raises(InputError, match="Did you mean 'outlier'"):
        decide(row_ids=IDS, policy={"outliers": "drop"})
    with pytest.raises(InputError, match="`outlier` must be one of"):
        decide(row_ids=IDS, policy={"outlier": "relabel"})
    with pytest.raises(InputError, match="2 labels"):
        decide(row_ids=IDS, labels=["a", "b"])
    with pytest.raises(InputError, match="unique"):
        decide(row_ids=["a", "a"])
