"""``thresher curate score``: from a labeling session's export to the rows that stay."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from typer.testing import CliRunner

import thresher.app
from thresher.app.cli.commands import app
from thresher.core.errors import InputError


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def texts(n: int) -> list[str]:
    rng = np.random.default_rng(0)
    good = ["the cell divides", "a river of ice", "light bends in glass", "the root of the number"]
    bad = ["buy it now", "click here to win", "best price online", "sign up free"]
    return [
        " and ".join(rng.choice(good if at % 2 else bad, 3)) + f" {rng.integers(1000)}"
        for at in range(n)
    ]


def test_a_session_of_labels_becomes_scores_and_clean_rows() -> None:
    lines = [json.dumps({"text": text}) for text in texts(400)]
    Path("web.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    thresher.app.label_init("web.jsonl", out="labeling", classes=["yes", "no"])
    ids = thresher.app.label_next("labeling", 240).batch.row_ids.tolist()
    rows = thresher.app.curate_duplicates("web.jsonl", exact=True).loaded
    place = {row_id: at for at, row_id in enumerate(rows.row_ids.tolist())}
    told = {row_id: "yes" if place[row_id] % 2 else "no" for row_id in ids}
    thresher.app.label_tell("labeling", told)
    thresher.app.label_export("labeling", "labels.csv")
    done = CliRunner().invoke(
        app,
        ["curate", "score", "web.jsonl", "--labels", "labels.csv", "--good", "yes",
         "--precision", "0.9", "--scores", "scores.parquet", "--clean", "good.jsonl", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    kept = Path("good.jsonl").read_text(encoding="utf-8").splitlines()
    assert kept == [line for line in lines if line in set(kept)]  # in their order, to the byte
    numbers = {line: at for at, line in enumerate(lines)}
    assert np.mean([numbers[line] % 2 for line in kept]) >= 0.9
    assert found["facts"]["judged"] == 240
    assert found["written"] == {"scores": "scores.parquet"}
    assert found["facts"]["stay"] == len(kept) >= 100
    assert found["facts"]["precision, 95 % sure"] >= 0.9
    scores = datasets.Dataset.from_parquet("scores.parquet")
    assert scores["line"][:] == list(range(1, 401))
    assert sum(scores["stays"]) == len(kept)


def test_numbers_as_labels_and_vectors_of_ones_own() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 6))
    grades = np.clip(np.round(2.5 + 2 * vectors[:, 0]), 0, 5)
    rows = datasets.Dataset.from_dict(
        {"id": [f"r{at}" for at in range(300)], "text": [f"text {at} of it" for at in range(300)]}
    )
    np.save("vectors.npy", vectors)
    judged = {"row_id": [f"r{at}" for at in range(200)], "label": [str(g) for g in grades[:200]]}
    found = thresher.app.curate_score(
        rows, labels=judged, at_least=3, precision=0.85, embeddings="vectors.npy"
    )
    stay = found.manifest.actions == "keep"
    assert found.facts["good among judged"] == int((grades[:200] >= 3).sum())
    assert (grades[200:][stay[200:]] >= 3).mean() >= 0.85
    looked = thresher.app.curate_score(
        rows, labels=judged, at_least=3, precision=0.85, embeddings="vectors.npy", action="review"
    )
    assert looked.manifest.counts()["drop"] == 0
    assert looked.manifest.counts()["review"] == (~stay).sum()


def test_where_no_threshold_is_good_enough_all_rows_stay() -> None:
    rng = np.random.default_rng(2)
    rows = datasets.Dataset.from_dict(
        {
            "id": [f"r{at}" for at in range(60)],
            "text": [f"{rng.integers(1e9)}" + " x" for _ in range(60)],
        }
    )
    judged = {"row_id": [f"r{at}" for at in range(40)], "label": ["yes", "no"] * 20}
    found = thresher.app.curate_score(rows, labels=judged, good="yes", precision=0.99)
    assert found.facts["threshold"] is None
    assert found.manifest.counts()["drop"] == 0
    assert "judge more rows" in found.notes[0]


def test_what_cannot_be_used_is_said() -> None:
    rows = datasets.Dataset.from_dict({"id": ["a", "b"], "text": ["one text", "another text"]})
    with pytest.raises(InputError, match="Say which labels are good"):
        thresher.app.curate_score(rows, labels={"row_id": ["a"], "label": ["x"]})
    with pytest.raises(InputError, match="None of the 1 judged row "):
        thresher.app.curate_score(rows, labels={"row_id": ["z"], "label": ["x"]}, good="x")
    with pytest.raises(InputError, match="must be one of 'x', 'y'"):
        thresher.app.curate_score(
            rows, labels={"row_id": ["a", "b"], "label": ["x", "y"]}, good="z"
        )
    with pytest.raises(InputError, match="20 judged rows or more"):
        thresher.app.curate_score(
            rows, labels={"row_id": ["a", "b"], "label": ["x", "y"]}, good="x"
        )
    with pytest.raises(InputError, match="labels that are numbers"):
        thresher.app.curate_score(rows, labels={"row_id": ["a"], "label": ["x"]}, at_least=3)
    with pytest.raises(InputError, match="`--scores` ends in"):
        thresher.app.curate_score(rows, labels={}, good="x", scores="scores.html")
    with pytest.raises(InputError, match="no column 'label'"):
        thresher.app.curate_score(rows, labels={"row_id": ["a"]}, good="x")
