"""``thresher curate match``: two files in, pairs of their records out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


def shops(folder, n=120):
    rng = np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("ba", "do", "ki", "lu") for b in ("ra", "ti", "so", "nel")]
    left, right = [], []
    for key in range(n):
        maker, thing = rng.choice(words, 2, replace=False)
        number = rng.integers(10_000, 99_999)
        left.append({"key": f"a{key}", "name": f"{maker} {thing} {number}", "about": "free"})
        right.append({"key": f"b{key}", "title": f"{thing} no. {number} of {maker}, new"})
    pd.DataFrame(left).to_csv(folder / "a.csv", index=False)
    pd.DataFrame(right).sample(frac=1, random_state=1).to_json(
        folder / "b.jsonl", orient="records", lines=True
    )
    return folder / "a.csv", folder / "b.jsonl"


def test_pairs_are_found_and_written_with_both_rows(curate, tmp_path):
    left, right = shops(tmp_path)
    options = ["--text", "name,about", "--right-text", "title", "--row-id", "key"]
    out = tmp_path / "pairs.csv"
    code, found = curate("match", left, right, *options, "--out", out, "--json", "--show", 2)
    assert (code, found["left"], found["right"], len(found["first"])) == (0, 120, 120, 2)
    pairs = pd.read_csv(out)
    matched = pairs[pairs["match"]]
    assert len(matched) == found["matches"] > 110
    assert (matched["left_id"].str[1:] == matched["right_id"].str[1:]).mean() > 0.98
    first = pairs.iloc[0]
    assert pd.read_csv(left)["key"][first["left_row"] - 1] == first["left_id"]
    assert first["left_text"].startswith(pd.read_csv(left)["name"][first["left_row"] - 1])


def test_a_higher_threshold_takes_fewer_pairs(curate, tmp_path):
    left, right = shops(tmp_path, n=60)
    options = ["--text", "name", "--right-text", "title", "--json"]
    some = curate("match", left, right, *options, "--threshold", "0.999")[1]
    most = curate("match", left, right, *options, "--threshold", "0.1")[1]
    assert some["matches"] <= most["matches"] <= most["closest_pairs"]


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (8, ["--text", "name"], "8 records with a word"),
        (20, ["--text", "nix"], "nix"),
        (20, ["--text", "name", "--out", "pairs.doc"], ".csv"),
    ],
)
def test_what_cannot_be_matched_is_said(curate, tmp_path, rows, options, said):
    left, right = shops(tmp_path, n=rows)
    code, error = curate("match", left, right, *options, "--right-text", "title")
    assert code != 0
    assert said in error
