"""Rows that are added later make the manifest of curating all of them at once, byte for byte."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from curation.sharded import arrays, columns, curate_shards, deciding, edges, pairs, stars
from thresher.core import Embeddings, Manifest, ManifestParts, files
from thresher.core.errors import InputError

ROWS = 1500


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(arrays, "BLOCK_ROWS", 256)
    monkeypatch.setattr(edges, "INDEX_ROWS", 64)
    monkeypatch.setattr(columns, "PART_BLOCKS", 2)
    monkeypatch.setattr(deciding, "MANIFEST_ROWS", 200)
    monkeypatch.setattr(stars, "STEP_PAIRS", 100)
    monkeypatch.setattr(files, "_flush", lambda _: None)  # hundreds of files, read at once


def made_up(seed):
    """Return vectors in clusters, shape (ROWS, 16), some equal, some zero; labels and splits."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(250, 16))
    vectors = centers[rng.integers(250, size=ROWS)] + 0.25 * rng.normal(size=(ROWS, 16))
    for _ in range(150):
        vectors[rng.integers(ROWS)] = vectors[rng.integers(ROWS)]
    vectors[rng.integers(ROWS, size=5)] = 0
    labels = rng.choice(["", "a", "b", "ä"], ROWS, p=[0.1, 0.3, 0.3, 0.3])
    return vectors.astype(np.float32), labels, rng


def bytes_of(work):
    folder = work / "manifest"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def in_steps(home, vectors, cuts, *, given=None, **options):
    """Curate rows in several steps, each against the one before; return the last work folder."""
    given = given or {}
    before = None
    for at, (start, stop) in enumerate(pairwise(cuts)):
        home.mkdir(exist_ok=True)
        np.save(home / f"v{at}.npy", vectors[start:stop])
        values = {name: array[start:stop] for name, array in given.items()}
        more = {"order": "arrival"} if before is None else {"against": before}
        work = home / f"work-{at}"
        curate_shards([home / f"v{at}.npy"], work, threshold=0.85, **values, **more, **options)
        before = work
    return before


@pytest.mark.parametrize("seed", range(5))
def test_any_steps_make_the_bytes_of_one(tmp_path, seed):
    vectors, labels, rng = made_up(seed)
    cuts = np.sort(rng.choice(np.arange(1, ROWS), 4, replace=False)).tolist()
    given = {"labels": labels} if seed % 2 else None
    if seed == 3:
        cuts = [700, 701, 1100]
        splits = np.where(np.arange(ROWS) < 700, rng.choice(["train", "test"], ROWS), "train")
        given = {"labels": labels, "splits": splits}
    once = in_steps(tmp_path / "once", vectors, [0, ROWS], given=given, method="exact")
    steps = in_steps(tmp_path / "steps", vectors, [0, *cuts, ROWS], given=given, method="exact")
    assert bytes_of(steps) == bytes_of(once)
    assert len(bytes_of(once)) == 9


def brute_force(vectors, threshold):
    """Keep each row unless an earlier kept one is close; name the closest of those."""
    unit = vectors.astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-30)
    kept, twin = [], np.full(len(unit), -1)
    for row in range(len(unit)):
        cosine = np.round((unit[kept] @ unit[row]).astype(np.float32), 5)
        if len(kept) and cosine.max() >= threshold:
            twin[row] = kept[int(cosine.argmax())]
        else:
            kept.append(row)
    return np.array(kept), twin


def test_the_order_of_arrival_is_that_of_one_row_after_the_other(tmp_path):
    vectors, _, _ = made_up(7)
    vectors = vectors[vectors.any(axis=1)]
    home = in_steps(tmp_path, vectors, [0, 400, 900, len(vectors)], method="exact")
    table = Manifest.load(home / "manifest").table
    kept, twin = brute_force(vectors, 0.85)
    actions = np.array(table["action"].to_pylist())
    assert np.flatnonzero(actions == "keep").tolist() == kept.tolist()
    found = [int(name) for name in table["twin"].to_pylist() if name is not None]
    assert found == twin[twin >= 0].tolist()


def test_steps_through_a_partition_are_those_of_its_first_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "FEWEST_ROWS", 10)
    vectors, _, _ = made_up(11)
    options = {"method": "partition"}
    two = in_steps(tmp_path / "two", vectors, [0, 600, ROWS], **options)
    many = in_steps(tmp_path / "many", vectors, [0, 600, 601, 1100, ROWS], **options)
    assert bytes_of(many) == bytes_of(two)
    exact = in_steps(tmp_path / "exact", vectors, [0, ROWS], method="exact")
    dropped = [ManifestParts.load(work / "manifest").counts()["drop"] for work in (many, exact)]
    assert dropped[1] > 500
    assert 0.97 * dropped[1] < dropped[0] <= dropped[1]  # its cells were drawn from 600 rows


def test_old_pairs_are_not_searched_again(tmp_path):
    vectors, _, _ = made_up(2)
    work = in_steps(tmp_path, vectors, [0, 1024, 1030], method="exact")
    compared = sorted(path.name for path in work.glob("compare-*/*"))
    assert compared == [f"{at:06d}-000004" for at in range(5)]
    assert sorted(path.name for path in work.glob("hash-*/*")) == ["000004"]
    assert sorted(path.name for path in work.glob("decide-*/*")) == ["000005"]


def test_what_cannot_be_added_is_refused(tmp_path):
    vectors, labels, _ = made_up(3)
    kept = in_steps(tmp_path, vectors, [0, 300], given={"labels": labels}, method="exact")
    np.save(tmp_path / "more.npy", vectors[300:400])
    more, work = [tmp_path / "more.npy"], tmp_path / "more"
    some = labels[300:400]

    def refuses(message, source=more, **options):
        options = {"threshold": 0.85, "against": kept, "labels": some, **options}
        with pytest.raises(InputError, match=message):
            curate_shards(source, work, **options)

    refuses("no finished curation|not the work folder", against=tmp_path)
    refuses("threshold=0.85, these are to be with 0.9", threshold=0.9)
    refuses("policy=", policy={"near_duplicate": "review"})
    refuses("have labels: give these rows some too", labels=None)
    refuses("have no splits: give these rows none too", splits=["train"] * 100)
    refuses("earlier row is kept: leave out `priority`", priority=np.zeros(100))
    refuses("leave out `pred_probs`", pred_probs=more, classes=None)
    refuses("Did you mean 'arrival'", order="arival")
    refuses("100 rows, but 3 labels", labels=["a", "b", "c"])
    embeddings = Embeddings.from_vectors(vectors[300:310])
    embeddings.save(tmp_path / "folder")
    refuses("not both", source=[tmp_path / "folder"], labels=labels[:10])
    refuses("v0.npy was curated before", source=[tmp_path / "v0.npy"], labels=labels[:300])
    with pytest.raises(InputError, match="work folder of their own"):
        curate_shards(more, kept, threshold=0.85, against=kept, labels=some)
    np.save(tmp_path / "v0.npy", vectors[1:301])
    refuses("a file changed")


def test_protected_rows_cannot_come_later(tmp_path):
    vectors, _, _ = made_up(4)
    splits = np.array(["train"] * 290 + ["test"] * 10)
    kept = in_steps(tmp_path, vectors, [0, 300], given={"splits": splits}, method="exact")
    np.save(tmp_path / "more.npy", vectors[300:302])
    with pytest.raises(InputError, match="Row 1 of the rows to add is in the split 'test'"):
        curate_shards(
            [tmp_path / "more.npy"],
            tmp_path / "more",
            threshold=0.85,
            against=kept,
            splits=["train", "test"],
        )
