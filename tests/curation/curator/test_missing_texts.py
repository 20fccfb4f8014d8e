"""Texts of which some are missing, in whatever column they come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from augment import augment_texts, splice
from curation import (
    find_contamination,
    find_quality_issues,
    match_records,
    suggest_text_threshold,
    text_graph,
)
from thresher.core.encoders import embed
from thresher.core.errors import InputError

TEXTS = ["the same few words here", None, "the same few words here", np.nan, "others", pd.NA, ""]
PLAIN = [text if isinstance(text, str) else "" for text in TEXTS]
COLUMNS = [
    TEXTS,
    tuple(TEXTS),
    np.array(TEXTS, dtype=object),
    pd.Series(TEXTS, dtype="string"),
    pd.Series(TEXTS, dtype="string[pyarrow]"),
    pd.Series(TEXTS, dtype=object),
    pa.array([text or None for text in PLAIN]),
    np.ma.array(PLAIN, mask=[not text for text in PLAIN]),
]


@pytest.mark.parametrize("texts", COLUMNS, ids=lambda column: type(column).__name__)
def test_missing_texts_are_empty_ones(texts):
    graph, plain = text_graph(texts), text_graph(PLAIN)
    np.testing.assert_array_equal(graph.degrees(), plain.degrees())
    assert graph.degrees().tolist() == [1, 0, 1, 0, 0, 0, 0]
    found = find_contamination(texts, PLAIN)
    assert found.contaminated.tolist() == find_contamination(PLAIN, PLAIN).contaminated.tolist()
    quality, plain = (find_quality_issues(given, kind="text") for given in (texts, PLAIN))
    assert quality.to_issues().counts() == plain.to_issues().counts()
    vectors = embed(texts, encoder="builtin:text").vectors
    np.testing.assert_array_equal(vectors, embed(PLAIN, encoder="builtin:text").vectors)
    assert not vectors[[1, 3, 5, 6]].any()
    keys = np.arange(7)
    assert augment_texts(texts, keys, op="swap") == augment_texts(PLAIN, keys, op="swap")
    assert splice(texts, [None] * 7, keys) == PLAIN


def test_records_and_thresholds_with_missing_texts():
    left = [f"brand {i} phone model {i * 7 % 13}" for i in range(20)]
    ours = match_records([*left, None, np.nan], [*left[::-1], pd.NA])
    plain = match_records([*left, "", ""], [*left[::-1], ""])
    np.testing.assert_array_equal(ours.probability, plain.probability)
    texts = [f"sentence number {i} about {'abcdefgh'[i % 8]} and {i * i}" for i in range(60)]
    found = suggest_text_threshold([*texts, None])
    assert found.threshold == suggest_text_threshold([*texts, ""]).threshold


@pytest.mark.parametrize("bad", [3, 1.5, b"bytes", ["a"]])
def test_what_is_no_text_is_named(bad):
    for call in (
        lambda: text_graph(["a", bad]),
        lambda: match_records(["a", bad], ["a"]),
        lambda: find_quality_issues(["a", bad], kind="text"),
        lambda: augment_texts(["a", bad], [0, 1], op="swap"),
    ):
        with pytest.raises(InputError, match=f"got {type(bad).__name__} at position 1"):
            call()
    with pytest.raises(InputError, match=r"`texts` must be a list, got 'one text' \(str\)"):
        text_graph("one text")
