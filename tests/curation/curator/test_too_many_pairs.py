"""Texts of which too many are alike are compared from a higher similarity, unless one was given."""

import datasets
import numpy as np
import pytest

from curation import Curator
from curation.duplicates.texts import set_join
from thresher.core.errors import TooManyPairs
from thresher.core.progress import Silent, reporting

N = 60
# Alike but for a number, and three copies of another text, one of them with a word more.
TEXTS = [f"please book the usual room for the night of day {at * at}" for at in range(N)]
TEXTS += ["a kettle that whistles when its water boils, in red"] * 2
TEXTS += ["a kettle that whistles when its water boils, in red!"]


class Told(Silent):
    """Keeps the lines that are shown."""

    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


def test_a_chosen_similarity_is_raised_and_said(monkeypatch):
    rows = datasets.Dataset.from_dict({"text": TEXTS})
    usual = Curator(["near_duplicate"]).fit(rows, column="text")
    monkeypatch.setattr(set_join, "MAX_PAIRS", 40)
    curator = Curator(["near_duplicate"]).fit(rows, column="text")
    assert usual.threshold_ < curator.threshold_ <= (1 + 0.95) / 2
    how = curator.methods_["near_duplicate"]
    assert "more pairs than can be compared are alike from" in how
    kept = curator.transform(rows)["text"]
    assert len([text for text in kept if text.startswith("a kettle")]) == 1


def test_a_similarity_that_was_asked_for_stays(monkeypatch):
    monkeypatch.setattr(set_join, "MAX_PAIRS", 5)
    rows = datasets.Dataset.from_dict({"text": TEXTS})
    for asked in (
        Curator(["near_duplicate"], threshold=0.5),
        Curator([("near_duplicate", {"threshold": 0.5})]),
    ):
        told = Told()
        with (
            pytest.raises(TooManyPairs, match=r"similarity of 0\.\d+, too many to compare"),
            reporting(told),
        ):
            asked.fit(rows, column="text")
        assert not any("tried from" in text for text in told.texts)


def test_the_similarity_that_is_offered_is_higher(monkeypatch):
    monkeypatch.setattr(set_join, "MAX_PAIRS", 2)
    with pytest.raises(TooManyPairs, match=r"similarity of 0\.99, .* such as 0\.995 "):
        set_join._deduplicated([np.arange(3)], 0.99)
