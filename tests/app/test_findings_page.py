"""The page of findings: complete, escaped, alone, and small however large the data are."""

from __future__ import annotations

import re

import cv2
import datasets
import numpy as np
import pytest

from curation import Curator, decide
from thresher.app.pages.findings_page import write_findings_page
from thresher.core.issues import Issues
from thresher.core.loaded import LoadedDataset
from thresher.core.loading import load_dataset
from thresher.core.schema import Schema

CHECKS = ("exact_duplicate", "near_duplicate", "leakage", "conflict", "label", "outlier", "quality")


def many_images(rows, classes):
    rng = np.random.default_rng(0)
    files = [
        cv2.imencode(
            ".jpg",
            rng.integers(0, 256, (80, 80, 3), dtype=np.uint8),
            [cv2.IMWRITE_JPEG_QUALITY, 10],
        )[1].tobytes()
        for _ in range(50)
    ]
    ids = [f"some/long/folder/name/{number:06d}.png" for number in range(rows)]
    labels = [f"class {number % classes:04d}" for number in range(rows)]
    columns = {
        "row_id": ids,
        "split": ["test" if number % 5 == 4 else "train" for number in range(rows)],
        "image": [{"bytes": files[number % 50], "path": None} for number in range(rows)],
        "label": labels,
    }
    features = datasets.Features(
        row_id=datasets.Value("string"),
        split=datasets.Value("string"),
        image=datasets.Image(decode=False),
        label=datasets.Value("string"),
    )
    dataset = datasets.Dataset.from_dict(columns, features=features)
    schema = Schema("image", ("image",), "label", tuple(sorted(set(labels))))
    return LoadedDataset(dataset, schema, Issues.empty(), "photos", "key"), np.array(ids), labels


def test_a_page_over_fifty_thousand_rows_stays_under_two_megabytes(tmp_path):
    loaded, ids, labels = many_images(50_000, 1000)
    rng = np.random.default_rng(1)
    parts = []
    for check in CHECKS:
        chosen = rng.choice(50_000, 5_000, replace=False)
        parts.append(
            Issues.from_columns(
                check,
                row_ids=ids[chosen],
                scores=rng.random(5_000),
                twins=ids[rng.permutation(chosen)],
                suggested=[labels[row] for row in chosen] if check == "label" else None,
                details=["a long reason " * 6] * 5_000,
            )
        )
    issues = Issues.concat(parts)
    manifest = decide(
        issues,
        row_ids=ids,
        splits=np.array(loaded.dataset["split"]),
        labels=labels,
        header={"thresher": "0", "seed": 0},
    )
    path = tmp_path / "report.html"
    write_findings_page(
        path, loaded=loaded, issues=issues, manifest=manifest, methods=dict.fromkeys(CHECKS, "how")
    )
    page = path.read_text(encoding="utf-8")
    assert len(page.encode()) < 2_000_000
    assert page.count("<h3 id=") == len(CHECKS)
    assert page.count("data:image/") > 100
    assert "The 30 of 1000 classes" in page


@pytest.fixture
def page(tmp_path):
    texts = [f"row {i} of <script>alert(1)</script> & more" for i in range(40)] + ["same"] * 4
    frame = datasets.Dataset.from_dict({"text": texts, "label": [f"c{i % 2}" for i in range(44)]})
    loaded = load_dataset(frame, keep_unlabeled=True, test_fraction=0)
    curator = Curator(["exact_duplicate", "label"], label_action="review").fit(
        loaded.dataset, column="text", label="label"
    )
    write_findings_page(
        tmp_path / "x.html",
        loaded=loaded,
        issues=curator.issues_,
        manifest=curator.manifest_,
        methods=curator.methods_,
        measured={"search": {"exact": True, "recall": None, "recall_interval": None}},
        corpus={"issues": [{"kind": "sorted", "message": "by <b>"}], "checked": {"order": "ok"}},
    )
    return (tmp_path / "x.html").read_text(encoding="utf-8")


def test_a_page_says_what_was_found_and_decided(page):
    assert "44 rows: 2 to drop, 2 to look at" in page
    assert "Exact duplicates: 3" in page
    assert "4 rows" in page  # what the kept row stands for
    assert "Conflicting labels: 4" in page
    assert "exact search" in page
    assert "Sorted." in page


def test_a_page_stands_alone_and_escapes_what_users_wrote(page):
    assert "<script" not in page
    assert "&lt;b&gt;" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "url(" not in page


def test_what_could_not_be_read_is_listed_and_not_counted_among_the_rows(tmp_path):
    rows = "".join(f"row number {i},c{i % 2}\n" for i in range(40))
    (tmp_path / "d.csv").write_text(
        "text,label\n" + rows + "too,many,cells\n" + "row number 3,c1\n"
    )
    loaded = load_dataset(tmp_path / "d.csv", keep_unlabeled=True, test_fraction=0)
    curator = Curator(["exact_duplicate", "quality"]).fit(
        loaded.dataset, column="text", label="label"
    )
    assert len(loaded.set_aside) == 1
    write_findings_page(
        tmp_path / "x.html",
        loaded=loaded,
        issues=Issues.concat([curator.issues_, loaded.set_aside]),
        manifest=curator.manifest_,
        methods=curator.methods_,
    )
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "Exact duplicates: 1" in page
    assert "Quality: 0" in page
    assert "<b>1</b><span>findings</span><small>of 1 kind</small>" in page
    assert "Could not be read or used: 1" in page


def test_cards_say_that_there_is_no_label_and_what_a_row_looks_like(tmp_path):
    texts = [f"row number {i}" for i in range(6)]
    frame = datasets.Dataset.from_dict({"text": texts, "label": ["x", "y", "x", "y", "x", None]})
    loaded = load_dataset(frame, keep_unlabeled=True, test_fraction=0)
    ids = loaded.row_ids
    issues = Issues.concat(
        [
            Issues.from_columns(
                "label", row_ids=ids[:1], scores=[0.1], suggested=["y"], details=["labeled 'x'"]
            ),
            Issues.from_columns("outlier", row_ids=ids[5:], scores=[0.1], details=["far away"]),
        ]
    )
    manifest = decide(issues, row_ids=ids, header={"thresher": "0", "seed": 0})
    write_findings_page(
        tmp_path / "x.html", loaded=loaded, issues=issues, manifest=manifest, methods={}
    )
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "looks like y; labeled &#39;x&#39;" in page
    assert "<div>no label</div>" in page
    assert "<div>None" not in page


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.05, "probably 1.0 to 31.0 %"), (None, "too little is known: 1 to 31 %")],
)
def test_a_share_of_wrong_labels_that_is_not_known_has_a_range_alone(tmp_path, share, shown):
    frame = datasets.Dataset.from_dict({"text": list("abcdef"), "label": list("xyxyxy")})
    loaded = load_dataset(frame, keep_unlabeled=True, test_fraction=0)
    curator = Curator(["exact_duplicate"]).fit(loaded.dataset, column="text", label="label")
    write_findings_page(
        tmp_path / "x.html",
        loaded=loaded,
        issues=curator.issues_,
        manifest=curator.manifest_,
        methods=curator.methods_,
        measured={"wrong_labels": {"share": share, "interval": [0.01, 0.31]}},
        corpus={"issues": [], "checked": {"order": "ok"}},
    )
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert shown in page
    assert ("5.0 %" in page) == (share is not None)
