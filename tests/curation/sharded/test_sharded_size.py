"""More close pairs than memory holds: they go to disk in many runs, and come back each once."""

from __future__ import annotations

import numpy as np
import pytest

from curation.sharded.columns import Parts
from curation.sharded.edges import EDGE, INDEX_ROWS, Edges, MergeRuns, RunWriter
from thresher.core.errors import InputError
from thresher.core.search import pairs_above

ROWS, EACH, HELD, MERGED = 6000, 30, 2000, 16_000


def clustered():
    """Return unit vectors, shape (ROWS, 8), in dense clusters whose rows lie far apart."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(ROWS // EACH, 8))
    rows = np.repeat(centers, EACH, axis=0) + rng.normal(scale=0.01, size=(ROWS, 8))
    rows = rows[rng.permutation(ROWS)].astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_memory_refuses_and_says_where_to_go():
    with pytest.raises(InputError, match=r"keep the pairs on disk with .*curate_shards"):
        pairs_above(clustered(), threshold=0.99, max_pairs=HELD)


def test_many_runs_make_the_pairs_that_memory_would(tmp_path):
    vectors = clustered()
    first, second, similarity = pairs_above(vectors, threshold=0.99)
    assert len(first) > 20 * HELD
    order = np.random.default_rng(1).permutation(len(first))
    homes = []
    for task, found in enumerate(np.array_split(order, 3)):
        home = tmp_path / f"found-{task}"
        home.mkdir()
        writer = RunWriter(home, rows=ROWS, held=HELD)
        again = order[:500]  # what several tasks find
        for part in [again, *np.array_split(found, 40)]:
            writer.add((second[part], first[part], similarity[part]))
        writer.flush()
        homes.append(home)
    assert len(list(tmp_path.glob("found-*/run-*.npy"))) > 30
    parts = Parts(ROWS, ROWS)
    merge = MergeRuns(tuple(homes), parts, merged=MERGED)
    merged = tmp_path / "merged", tmp_path / "rest"
    for home, rows in zip(merged, ((0, 3 * INDEX_ROWS), (3 * INDEX_ROWS, ROWS)), strict=True):
        home.mkdir()
        merge(rows, home)
    files = [np.load(path) for home in merged for path in sorted(home.glob("edges-*.npy"))]
    assert len(files) >= 5
    assert max(map(len, files)) < len(first) / 3
    edges = Edges(merged, parts, len(merged))
    assert len(edges) == len(first)
    low, high, scores = (np.concatenate(part) for part in zip(*edges, strict=True))
    assert low.tolist() == first.tolist()
    assert high.tolist() == second.tolist()
    assert scores.tolist() == similarity.tolist()
    assert files[0].dtype == EDGE
