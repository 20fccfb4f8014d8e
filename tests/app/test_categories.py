"""Categories of Parquet files keep their order, and those that no row has, there and back."""

import numpy as np
import pandas as pd
import pytest

SIZES = ["S", "M", "L", "XL"]


@pytest.mark.parametrize("ordered", [True, False])
def test_the_order_of_categories_stays(curate, tmp_path, ordered):
    rng = np.random.default_rng(0)
    codes = np.concatenate([[-1, 2, 1, 0], rng.integers(0, 3, 40)])
    frame = pd.DataFrame(
        {"size": pd.Categorical.from_codes(codes, SIZES, ordered=ordered), "a": rng.normal(size=44)}
    )
    frame = pd.concat([frame, frame.iloc[[1]]], ignore_index=True)
    data, clean, back = (tmp_path / f"{name}.parquet" for name in ("data", "clean", "back"))
    frame.to_parquet(data)
    options = ["--exact", "--features", "a", "--clean", clean, "--manifest", tmp_path / "m"]
    assert curate("duplicates", data, *options)[0] == 0
    pd.testing.assert_frame_equal(pd.read_parquet(clean), frame.iloc[:44])
    assert curate("undo", tmp_path / "m", clean, "--out", back)[0] == 0
    pd.testing.assert_frame_equal(pd.read_parquet(back), frame)


def test_categories_of_a_relabeled_column_stay_too(curate, tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 2)) + np.repeat([[0, 0], [9, 9], [0, 9]], 20, axis=0)
    grades = pd.Categorical(np.repeat(["low", "mid", "high"], 20), ["low", "mid", "high"], True)
    frame = pd.DataFrame({"a": values[:, 0], "b": values[:, 1], "grade": grades})
    frame.loc[7, "grade"] = "high"
    data, clean = tmp_path / "data.parquet", tmp_path / "clean.parquet"
    frame.to_parquet(data)
    options = ["--label", "grade", "--action", "relabel", "--clean", clean]
    assert curate("labels", data, *options)[0] == 0
    written = pd.read_parquet(clean)["grade"]
    assert list(written.cat.categories) == ["low", "mid", "high"]
    assert written.cat.ordered
    assert written[7] == "low"
