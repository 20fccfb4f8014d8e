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
def test_flagged_labels_drop_rows_only_where_that_is_asked_for(asked: str, tmp_path: Path) -> None:
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
    assert dropped == {("label", "review" if asked == "auto" else "drop")}
    said = out.choices.get("decide: label decision", "")
    assert said.startswith("review (labels that `label.budget`") is (asked == "auto")


def test_no_trial_is_made_of_labels_that_are_yet_to_be_bought() -> None:
    assert "label trial" in plan(resolve(values={}))
    assert "label trial" not in plan(resolve(values={"label": {"budget": 20}}))
