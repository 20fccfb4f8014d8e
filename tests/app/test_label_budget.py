"""With a budget of labels, those of other training rows are not looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from thresher.app import run
from thresher.app.pipeline import plan
from thresher.app.settings import resolve, settings_of
from thresher.app.stages import open_run
from thresher.app.steps.choose import keep_budget
from thresher.app.steps.embed import embed_rows
from thresher.app.steps.load import load_rows
from thresher.core.encoders.automatic import choose_encoder
from thresher.core.manifest import Manifest

needs_weights = pytest.mark.skipif(
    choose_encoder("text").value != "joined:text", reason="needs thresher[encoders]"
)
ANIMALS = ["cat", "dog", "horse", "cow", "sheep", "goat", "pig", "lion", "tiger", "wolf", "bear"]
TOOLS = ["hammer", "saw", "drill", "wrench", "pliers", "chisel", "screwdriver", "axe", "shovel"]


def table(path: Path, labels: np.ndarray) -> Path:
    """Write two clouds of numbers, 160 rows to train on and 40 to test on."""
    codes = np.arange(200) % 2
    numbers = np.random.default_rng(0).normal(size=(200, 4)) + 3 * codes[:, None]
    rows = pd.DataFrame(numbers, columns=list("abcd"))
    split = ["train"] * 160 + ["test"] * 40
    rows.assign(label=labels, split=split, id=np.arange(200)).to_csv(path, index=False)
    return path


CODES = np.arange(200) % 2
WRONG = np.where((np.arange(200) % 7 == 0) & (np.arange(200) < 160), 1 - CODES, CODES)


def chosen(source: Path, out: Path, settings: dict[str, Any]) -> list[str]:
    made = {"seed": 3, "threads": 1, "data": {"label": "label", "row_id": "id"}, **settings}
    with open_run(out, settings_of(made)) as folder:
        loaded = load_rows(folder, str(source))
        return keep_budget(folder, loaded, embed_rows(folder, loaded)).value.tolist()


def test_a_core_set_is_the_same_whatever_the_labels_say(tmp_path: Path) -> None:
    right = table(tmp_path / "right.csv", CODES)
    other = table(tmp_path / "other.csv", np.where(np.arange(200) % 3 == 0, 0, 1))
    budget = {"budget": {"rows": 40}, "label": {"budget": 20}}
    one, two = (chosen(source, tmp_path / f"o{source.stem}", budget) for source in (right, other))
    assert len(one) == 40
    assert one == two
    seen = {"budget": {"rows": 40}}  # where all labels are there, they count
    assert chosen(right, tmp_path / "a", seen) != chosen(other, tmp_path / "b", seen)


@pytest.mark.parametrize("asked", ["auto", "drop"])
def test_flagged_labels_drop_no_rows_before_they_are_bought(asked: str, tmp_path: Path) -> None:
    data = {"label": "label", "row_id": "id"}
    settings = {"threads": 1, "data": data, "decide": {"labels": asked}}
    out = run(
        table(tmp_path / "rows.csv", WRONG),
        out=tmp_path / "r",
        settings={**settings, "label": {"budget": 20}},
        until="curate",
    )
    dropped = {
        (one["reason"], one["action"]) for one in out.metrics["decided"] if one["reason"] == "label"
    }
    assert out.metrics["found"]["label"] >= 12
    assert dropped == {("label", "review")}
    said = out.choices["decide: label decision"]
    assert said.startswith("review (labels that `label.budget`")


def test_no_trial_is_made_of_labels_that_are_yet_to_be_bought() -> None:
    assert "label trial" in plan(resolve(values={}))
    assert "label trial" not in plan(resolve(values={"label": {"budget": 20}}))


@pytest.mark.parametrize(
    ("budget", "labels", "dropped"),
    [(20, "auto", True), (20, "review", True), (20, "drop", True), (None, "auto", False)],
)
def test_copies_are_dropped_whatever_their_labels_unless_these_are_known(
    budget: int | None, labels: str, dropped: bool, tmp_path: Path
) -> None:
    rows = pd.read_csv(table(tmp_path / "rows.csv", CODES))
    rows.loc[1, list("abcd")] = rows.loc[0, list("abcd")]  # an equal row under the other label
    rows.to_csv(tmp_path / "rows.csv", index=False)
    made = {"threads": 1, "data": {"label": "label", "row_id": "id"}}
    made |= {"label": {"budget": budget}, "decide": {"labels": labels}}
    out = run(tmp_path / "rows.csv", out=tmp_path / "r", settings=made, until="curate")
    manifest = Manifest.load(out.folder / "manifest" / "decisions")
    reason = manifest.table["reason"].to_pylist()[1]
    assert ((manifest.actions[1], reason) == ("drop", "exact_duplicate")) is dropped
    assert manifest.table["old_label"].to_pylist() == [str(code) for code in CODES]


def test_decisions_of_a_policy_that_was_asked_for_are_not_taken_for_those_of_a_budget(
    tmp_path: Path,
) -> None:
    """In one folder: the reason of the label decision is that of the run as it is now."""
    source, data = table(tmp_path / "rows.csv", WRONG), {"label": "label", "row_id": "id"}
    asked = {"threads": 1, "data": data, "decide": {"labels": "review"}}
    first = run(source, out=tmp_path / "r", settings=asked, until="curate")
    assert "decide: label decision" not in first.choices
    budget = {"threads": 1, "data": data, "label": {"budget": 20}}
    second = run(source, out=tmp_path / "r", settings=budget, until="curate")
    assert second.choices["decide: label decision"].startswith("review (labels that `label.budget`")


@needs_weights
def test_vectors_do_not_learn_from_labels_that_are_yet_to_be_bought(tmp_path: Path) -> None:
    """Where all are known they say how much meaning counts."""
    rng, topics = np.random.default_rng(0), (ANIMALS, TOOLS)
    drawn = [" ".join(rng.choice(topics[at % 2], 3)) + f" {rng.integers(99)}" for at in range(240)]
    codes = np.where(np.arange(240) % 2, "tool", "animal")
    source, vectors, said = tmp_path / "rows.csv", {}, {}
    for name, labels in {"right": codes, "shuffled": rng.permutation(codes)}.items():
        split = ["train"] * 200 + ["test"] * 40
        pd.DataFrame({"text": drawn, "label": labels, "split": split, "id": np.arange(240)}).to_csv(
            source, index=False
        )
        for budget in (20, None):
            made = {"threads": 1, "data": {"label": "label", "row_id": "id"}}
            out = tmp_path / f"{name}{budget}"
            with open_run(out, settings_of({**made, "label": {"budget": budget}})) as folder:
                done = embed_rows(folder, load_rows(folder, str(source)))
                vectors[name, budget] = done.value.vectors
                said[name, budget] = done.choices["meaning"].reason
    assert "has the same label" in said["right", None]
    assert said["right", None] != said["shuffled", None]
    assert "has the same label" not in said["right", 20]
    assert said["right", 20] == said["shuffled", 20]
    np.testing.assert_array_equal(vectors["right", 20], vectors["shuffled", 20])
