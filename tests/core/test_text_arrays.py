"""Texts take the memory that they are long, in arrays and in files."""

import json
import subprocess
import sys

import numpy as np

from thresher.core import Embeddings, neighbor_graph
from thresher.core.neighbors import NeighborGraph
from thresher.core.text_arrays import (
    in_texts,
    packed_texts,
    text_array,
    texts_beyond,
    unpacked_texts,
)


def test_values_become_texts_of_their_own_length():
    for values in (["a", 1, None, np.str_("b"), 2.5], np.array([1, 20]), np.array([["a"], ["b"]])):
        found = text_array(values)
        assert found.dtype == object
        assert found.shape == np.shape(np.asarray(values, dtype=object))
        assert (
            found.tolist()
            == np.vectorize(str, otypes=[object])(np.asarray(values, dtype=object)).tolist()
        )
    assert text_array([]).shape == (0,)
    assert text_array(iter("ab")).tolist() == ["a", "b"]


def test_membership_is_that_of_numpy():
    rng = np.random.default_rng(0)
    values = text_array(rng.integers(0, 50, 200))
    known = text_array(rng.integers(30, 90, 40))
    as_fixed = values.astype(str), known.astype(str)
    np.testing.assert_array_equal(in_texts(values, known), np.isin(*as_fixed))
    np.testing.assert_array_equal(in_texts(values, known.tolist()), np.isin(*as_fixed))
    assert texts_beyond(values, known).tolist() == np.setdiff1d(*as_fixed).tolist()
    assert in_texts(values[:0], known).shape == (0,)


def test_long_texts_are_stored_without_room_for_all_to_be_long(tmp_path):
    for texts in (["a", "ü\0", ""], ["a" * 257, "ü", "\0"], []):
        stored = packed_texts(text_array(texts))
        np.save(tmp_path / "t.npy", stored)
        back = unpacked_texts(np.load(tmp_path / "t.npy", allow_pickle=False))
        wanted = [text.rstrip("\0") for text in texts] if stored.dtype.kind == "U" else texts
        assert back.tolist() == wanted
    assert packed_texts(text_array(["x" * 100_000, *"ab" * 5_000])).nbytes < 200_000


def test_vectors_and_graphs_keep_long_row_ids(tmp_path):
    ids = [f"k{i}" if i else "k" * 100_000 for i in range(50)]
    vectors = np.random.default_rng(0).normal(size=(50, 4))
    embeddings = Embeddings.from_vectors(vectors, row_ids=ids)
    embeddings.save(tmp_path / "e")
    assert Embeddings.load(tmp_path / "e").row_ids.tolist() == ids
    neighbor_graph(embeddings, k=3).save(tmp_path / "g.npz")
    assert NeighborGraph.load(tmp_path / "g.npz").row_ids.tolist() == ids


PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
import numpy as np
from curation import Curator, find_label_issues
from thresher.core import load_dataset
from thresher.core.ledger import peak_megabytes
loaded = load_dataset(sys.argv[1], row_id="key", text="text", label="label", keep_unlabeled=True)
rows = loaded.dataset
curator = Curator(["exact_duplicate", "quality"]).fit(rows, column="text", label="label")
kept = len(curator.transform(rows))
two = [label if len(label) > 100 else label[-1] for label in rows["label"][:]]
vectors = np.random.default_rng(0).normal(size=(len(rows), 4))
find_label_issues(two, embeddings=vectors, row_ids=rows["key"][:]).to_issues()
print(len(rows), kept, int(peak_megabytes()))
"""


def test_one_long_label_id_and_text_among_many_rows(tmp_path):
    long = "z" * 200_000
    rows = [
        {"key": f"k{i}", "text": f"text number {i} here", "label": f"class {i % 2000}"}
        for i in range(20_000)
    ]
    rows[7]["label"], rows[11]["key"], rows[13]["text"] = long, long, f"here {long}"
    rows.append({**rows[5], "key": "again"})
    (tmp_path / "l.jsonl").write_text("\n".join(map(json.dumps, rows)))
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path / "l.jsonl")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
    read, kept, megabytes = map(int, found.stdout.split())
    assert (read, kept) == (20_001, 20_000)
    assert megabytes < 1500
