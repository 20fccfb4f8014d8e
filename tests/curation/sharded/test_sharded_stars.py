"""Stars on disk equal stars in memory, on random graphs, however rows are cut into parts."""

from __future__ import annotations

import numpy as np
import pytest

from curation.duplicates.stars import group_by_stars as in_memory
from curation.sharded import columns, edges, equal_rows, ordering, stars
from curation.sharded.columns import Column
from curation.sharded.edges import Edges, MergeRuns, RunWriter
from curation.sharded.equal_rows import EqualRows
from curation.sharded.facts import RowFacts, places_of
from curation.sharded.row_ids import CountedIds, StoredIds
from curation.sharded.work import Work
from thresher.core import files
from thresher.core.errors import InputError
from thresher.core.executor import get_executor
from thresher.core.neighbors import NeighborGraph
from thresher.core.text_arrays import packed_texts

BLOCK = 64


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(columns.arrays, "BLOCK_ROWS", BLOCK)
    monkeypatch.setattr(edges, "INDEX_ROWS", 32)
    monkeypatch.setattr(stars, "SPAN_PAIRS", 40)
    monkeypatch.setattr(stars, "STEP_PAIRS", 12)
    monkeypatch.setattr(stars, "SAMPLED_PAIRS", 3)
    monkeypatch.setattr(ordering, "SAMPLED", 5)
    monkeypatch.setattr(files, "_flush", lambda _: None)  # hundreds of files, read at once


def random_graph(rng):
    """Return first rows, pairs of them, and their similarity: ties, hubs, chains, equal rows."""
    rows = int(rng.integers(1, 400))
    first = np.arange(rows)
    for row in np.flatnonzero(rng.random(rows) < 0.2):
        first[row] = first[rng.integers(0, row + 1)]
    own = np.unique(first)
    count = int(rng.integers(0, 3 * len(own) + 1))
    pairs = own[rng.integers(0, len(own), (count, 2))]
    if rng.random() < 0.5:
        pairs = np.concatenate([pairs, np.stack([own[:-1], own[1:]], axis=1)])  # a chain
    if rng.random() < 0.5:  # a hub
        pairs = np.concatenate([pairs, np.stack([np.full(len(own), own[0]), own], axis=1)])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    scores = rng.choice(np.float32([0.8, 0.85, 0.9, 0.97, 1.0]), len(pairs))
    return first, pairs, scores


def graph_of(first, pairs, scores, ids):
    """Return the graph in memory; entries are sorted by similarity within a row."""
    n = len(first)
    rows = np.concatenate([pairs[:, 0], pairs[:, 1]])
    others = np.concatenate([pairs[:, 1], pairs[:, 0]])
    both = np.concatenate([scores, scores])
    order = np.lexsort((others, -both, rows))
    indptr = np.searchsorted(rows[order], np.arange(n + 1))
    return NeighborGraph(
        row_ids=ids,
        indptr=indptr,
        indices=others[order],
        similarities=both[order],
        same_as=first,
        threshold=0.8,
        k=None,
        exact=True,
        method="made up",
        recall=None,
    )


def on_disk(folder, first, pairs, scores, ids, *, protect, priority, blocks):
    """Write what the search would have written, and group it."""
    rows = len(first)
    work = Work(folder / "work", get_executor(), blocks)
    parts = work.parts(rows)
    homes, merged = [], []
    copies = np.bincount(first, minlength=rows)
    for at, start in enumerate(range(0, rows, BLOCK)):
        home = folder / f"block-{at}"
        home.mkdir(parents=True)
        span = slice(start, start + BLOCK)
        np.save(home / "same_as.npy", first[span].astype(np.uint32))
        np.save(home / "copies.npy", copies[span].astype(np.uint32))
        homes.append(home)
    writer = RunWriter(homes[0], rows=rows, held=50)
    for part in np.array_split(np.random.default_rng(0).permutation(len(pairs)), 5):
        writer.add((pairs[part, 1], pairs[part, 0], scores[part]))
    writer.flush()
    for at, start in enumerate(range(0, rows, BLOCK)):
        home = folder / f"merged-{at}"
        home.mkdir()
        MergeRuns((homes[0],), parts, merged=30)((start, min(start + BLOCK, rows)), home)
        merged.append(home)
    pairs_on_disk = Edges(tuple(merged), parts, blocks)
    facts = saved_facts(folder, parts, protect, priority, places_of(ids, work, key="ids"))
    equal = EqualRows(tuple(homes), BLOCK)
    return stars.group_by_stars(pairs_on_disk, equal, facts, work, key="graph")


def saved_facts(folder, parts, protect, priority, place):
    homes = []
    for at in range(len(parts)):
        home = folder / f"facts-{at}"
        home.mkdir()
        for name, values in (("protect", protect), ("priority", priority)):
            if values is not None:
                np.save(home / f"{name}.npy", values[slice(*parts.span(at))])
        homes.append(home)
    known = [
        None if values is None else Column(tuple(homes), name, parts.size)
        for name, values in (("protect", protect), ("priority", priority))
    ]
    return RowFacts(*known, place)


def stored_ids(folder, names):
    paths, starts = [], [0]
    for at, part in enumerate(np.array_split(np.array(names, dtype=object), 3)):
        home = folder / f"ids-{at}"
        home.mkdir(parents=True)
        np.save(home / "row_ids.npy", packed_texts(part))
        paths.append(home / "row_ids.npy")
        starts.append(starts[-1] + len(part))
    return StoredIds(tuple(paths), tuple(starts))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("blocks", [1, 2, 64])
def test_stars_on_disk_equal_those_in_memory(tmp_path, seed, blocks):
    rng = np.random.default_rng(seed)
    first, pairs, scores = random_graph(rng)
    rows = len(first)
    protect = rng.random(rows) < 0.1 if seed % 2 else None
    priority = rng.integers(0, 3, rows).astype(float) if seed % 3 == 0 else None
    ids = CountedIds(rows)
    names = np.arange(rows).astype(str)
    if seed % 5 == 0:
        names = np.array([f"ä{number}" for number in rng.permutation(rows)])
        names[rows // 2] = "x" * 300
        ids = stored_ids(tmp_path, names.tolist())
    expected = in_memory(graph_of(first, pairs, scores, names), protect=protect, priority=priority)
    found = on_disk(
        tmp_path, first, pairs, scores, ids, protect=protect, priority=priority, blocks=blocks
    )
    for name in ("kept", "duplicate_of", "similarity"):
        values = getattr(found, name).read(0, rows)
        assert values.dtype == getattr(expected, name).dtype
        assert values.tolist() == getattr(expected, name).tolist(), name


def test_ids_that_repeat_are_named_with_their_rows(tmp_path):
    ids = stored_ids(tmp_path, [f"r{number}" for number in range(100)] + ["r7"])
    with pytest.raises(InputError, match="rows 7 and 100 are both called 'r7'"):
        places_of(ids, Work(tmp_path / "work", get_executor(), 1), key=0)


@pytest.mark.parametrize("rows", [1, 9, 10, 11, 100, 101, 1234])
def test_places_of_counted_rows_are_those_of_their_names(rows):
    order = sorted(range(rows), key=str)
    assert CountedIds(rows).places(np.array(order)).tolist() == list(range(rows))


def test_values_of_rows_in_any_order_are_found(tmp_path):
    for at in range(3):
        home = tmp_path / str(at)
        home.mkdir()
        np.save(home / "value.npy", np.arange(10 * at, min(10 * at + 10, 25)))
    column = Column(tuple(tmp_path / str(at) for at in range(3)), "value", 10)
    wanted = np.array([24, 0, 0, 2, 11, 9, 10, 24, 2])
    assert column.take(wanted).tolist() == wanted.tolist()
    assert column.take(np.array([], int)).tolist() == []
    assert column.read(8, 23).tolist() == list(range(8, 23))


@pytest.mark.parametrize("buckets", [1, 4])
def test_equal_rows_are_those_of_sorting_all(tmp_path, monkeypatch, buckets):
    from curation.sharded import pairs
    from curation.sharded.arrays import ShardedArray
    from thresher.core.search.identical import first_equal

    rng = np.random.default_rng(buckets)
    vectors = rng.normal(size=(50, 4)).astype(np.float32)[rng.integers(50, size=1000)]
    vectors[rng.integers(1000, size=300)] = vectors[3]
    vectors[[5, 6, 500]] = 0
    vectors[10:900:7] = rng.normal(size=(128, 4))
    np.save(tmp_path / "v.npy", vectors)
    monkeypatch.setattr(equal_rows, "BUCKET_ROWS", 1000 // buckets)
    assert equal_rows.buckets_for(1000) == buckets
    source = ShardedArray.open([tmp_path / "v.npy"])
    equal, _ = pairs.find_equal_rows(source, Work(tmp_path / "work", get_executor(), 1))
    first = first_equal(vectors)
    assert equal.same_as.read(0, 1000).tolist() == first.tolist()
    assert equal.copies.read(0, 1000).tolist() == np.bincount(first, minlength=1000).tolist()
    alive = np.flatnonzero(vectors.any(axis=1) & (first == np.arange(1000)))
    assert equal.searched_at(np.arange(len(alive))).tolist() == alive.tolist()
    assert equal.starts[-1] == len(alive)
    expected = np.where(vectors.any(axis=1), first, -1)
    assert equal.groups().tolist() == expected.tolist()
