"""Several columns of 0 and 1 are one set of classes: in loading, in the curator, and on files."""

import datasets as hf
import numpy as np
import pandas as pd
import pytest

from curation import Curator
from thresher.core.errors import InputError
from thresher.core.loading import load_dataset

N = 40
WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jolly"]
RNG = np.random.default_rng(0)


def comments(**columns):
    texts = [" ".join(RNG.choice(WORDS, 9)) for _ in range(N)]
    toxic, insult = [i % 2 for i in range(N)], [int(i % 3 == 0) for i in range(N)]
    return pd.DataFrame(
        {"id": range(N), "comment_text": texts, "toxic": toxic, "insult": insult} | columns
    )


@pytest.mark.parametrize("kind", [int, float, bool, str])
def test_each_row_has_the_classes_whose_columns_say_so(tmp_path, kind):
    frame = comments().astype({"toxic": kind, "insult": kind})
    frame.to_csv(tmp_path / "d.csv", index=False)
    for source in (frame, tmp_path / "d.csv"):
        loaded = load_dataset(source, label="toxic, insult", keep_unlabeled=True, test_fraction=0)
        assert (loaded.schema.task, loaded.schema.classes) == ("multi_label", ("insult", "toxic"))
        assert list(loaded.dataset["toxic + insult"])[:4] == [
            ["insult"],
            ["toxic"],
            [],
            ["insult", "toxic"],
        ]
        assert loaded.given.table.column_names == list(frame.columns)
        assert loaded.roles["label"].startswith("toxic + insult (sets of classes")


def test_a_row_of_gaps_has_no_label_and_other_values_are_refused():
    toxic = [None, None, *[1] * (N - 2)]
    loaded = load_dataset(
        comments(toxic=toxic, insult=[None, 1, *[0] * (N - 2)]),
        label="toxic,insult",
        keep_unlabeled=True,
        test_fraction=0,
    )
    assert list(loaded.dataset["toxic + insult"])[:3] == [None, ["insult"], ["toxic"]]
    with pytest.raises(InputError, match=r"'insult' holds '2'.*each holds 0 and 1"):
        load_dataset(comments(insult=[2] * N), label="toxic,insult", keep_unlabeled=True)
    with pytest.raises(InputError, match="Did you mean 'insult'"):
        load_dataset(comments(), label="toxic,insulted", keep_unlabeled=True)


def test_the_curator_takes_them_and_leaves_the_columns_alone():
    X = RNG.normal(size=(100, 2))
    rows = {"x": X.tolist(), "p": (X[:, 0] > 0).tolist(), "q": (X[:, 1] > 0).tolist()}
    rows["p"][7] = not rows["p"][7]
    dataset = hf.Dataset.from_dict(rows)
    curator = Curator(["label"], label_action="auto").fit(dataset, column="x", label=["p", "q"])
    assert curator.checks_.rows.task == "multi_label"
    assert curator.manifest_.table["action"].to_pylist()[7] == "review"
    assert curator.transform(dataset).select_columns(["x", "p", "q"]).to_dict() == rows


@pytest.mark.parametrize("width", [-1, 2])
def test_lists_of_codes_have_the_names_behind_them(tmp_path, width):
    names = hf.ClassLabel(names=["joy", "anger", "fear"])
    codes = [[i % 3, (i + 1) % 3] if width == 2 or i % 2 else [] for i in range(N)]
    features = hf.Features({"text": hf.Value("string"), "labels": hf.Sequence(names, length=width)})
    texts = comments()["comment_text"].tolist()
    dataset = hf.Dataset.from_dict({"text": texts, "labels": codes}, features)
    dataset.to_parquet(tmp_path / "d.parquet")
    for source in (dataset, tmp_path / "d.parquet"):
        loaded = load_dataset(source, keep_unlabeled=True, test_fraction=0)
        assert loaded.schema.classes == ("anger", "fear", "joy")
        assert loaded.schema.task == "multi_label"
        assert list(loaded.dataset["labels"])[1] == ["anger", "fear"]
        assert loaded.given.table["labels"].to_pylist() == codes
    curator = Curator(["label"]).fit(dataset, column="text", label="labels")
    assert curator.checks_.found["label"].classes == ("anger", "fear", "joy")
    assert curator.manifest_.table["old_label"].to_pylist()[1] == "anger|fear"
