"""A work folder keeps vectors and pairs: the same call does not make them again, another does."""

from __future__ import annotations

import datasets as hf
import numpy as np
import pytest

from curation import Curator
from curation.curator import comparison
from thresher.core.encoders import function
from thresher.core.errors import InputError


def blobs(seed=0):
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.normal(size=(3, 6)), 40, axis=0) + rng.normal(scale=0.3, size=(120, 6))
    x[7] = x[3]
    return hf.Dataset.from_dict(
        {"x": x.astype(np.float32).tolist(), "y": [f"c{i // 40}" for i in range(120)]}
    )


def texts(last="d"):
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice(list("abcdefgh"), 12)) for _ in range(60)]
    return hf.Dataset.from_dict(
        {"id": [f"{i}" for i in range(61)], "x": [*words, f"{words[5]} {last}"]}
    )


@pytest.fixture
def made(monkeypatch):
    """Count what is made rather than read."""
    counts = {"encode_rows": 0, "_search": 0}
    encode, search = comparison.encode_rows, comparison.Comparison._search

    def counted_encode(*arguments, **options):
        counts["encode_rows"] += 1
        return encode(*arguments, **options)

    def counted_search(*arguments):
        counts["_search"] += 1
        return search(*arguments)

    monkeypatch.setattr(comparison, "encode_rows", counted_encode)
    monkeypatch.setattr(comparison.Comparison, "_search", counted_search)
    return counts


def test_a_second_call_reads_what_the_first_made(made, tmp_path):
    options = {"column": "x", "label": "y"}
    plain = Curator().fit(blobs(), **options)
    first = Curator(work_folder=tmp_path).fit(blobs(), **options)
    assert made == {"encode_rows": 2, "_search": 2}
    second = Curator(work_folder=tmp_path).fit(blobs(), **options)
    assert made == {"encode_rows": 2, "_search": 2}
    for curator in (first, second):
        assert curator.manifest_.table.equals(plain.manifest_.table)
        assert curator.manifest_.header == plain.manifest_.header
        assert curator.threshold_ == plain.threshold_


@pytest.mark.parametrize(
    ("rows", "settings"),
    [(blobs(1), {}), (blobs(), {"threshold": 0.9}), (blobs(), {"random_state": 1})],
)
def test_other_rows_and_settings_make_their_own(made, tmp_path, rows, settings):
    steps = ["near_duplicate"]
    Curator(steps, work_folder=tmp_path).fit(blobs(), column="x")
    found = Curator(steps, work_folder=tmp_path, **settings).fit(rows, column="x")
    assert made["_search"] == 2
    plain = Curator(steps, **settings).fit(rows, column="x")
    assert found.manifest_.table.equals(plain.manifest_.table)


def test_texts_that_differ_in_case_alone_are_other_texts(made, tmp_path):
    for last in ("d", "D"):
        Curator(["near_duplicate"], work_folder=tmp_path).fit(texts(last), column="x")
    assert made == {"encode_rows": 0, "_search": 2}


def test_what_was_cut_off_is_made_again(made, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison.Comparison, "_search", lambda *_: 1 / 0)
    curator = Curator(["near_duplicate"], work_folder=tmp_path)
    with pytest.raises(ZeroDivisionError):
        curator.fit(blobs(), column="x")
    monkeypatch.undo()
    assert len(curator.fit(blobs(), column="x").manifest_) == 120
    assert made["encode_rows"] == 1
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"vectors", "pairs"}


def test_functions_have_no_name_to_read_them_back_by(tmp_path):
    encoder = function.FunctionEncoder(lambda rows: np.asarray(rows), modality="features")
    with pytest.raises(InputError, match="encoders with a name"):
        Curator(["outlier"], encoder=encoder, work_folder=tmp_path).fit(blobs(), column="x")
