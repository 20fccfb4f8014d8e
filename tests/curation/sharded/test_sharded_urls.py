"""Shards at addresses are curated as those on this machine are, and clean ones put there."""

from __future__ import annotations

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.sharded import arrays, curate_shards
from curation.sharded.arrays import ShardedArray
from thresher.app import curate_shards as curate_files
from thresher.core.errors import InputError


@pytest.fixture
def store():
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def put(store, local, path):
    store.pipe(path, local.read_bytes())


def bytes_of(work):
    return {path.name: path.read_bytes() for path in sorted((work / "manifest").iterdir())}


@pytest.fixture
def vectors(tmp_path, store):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 8)).astype(np.float32)
    rows[200:240] = rows[:40] + 0.001
    for at, part in enumerate(np.array_split(rows, 3)):
        np.save(tmp_path / f"v-{at}.npy", part)
        put(store, tmp_path / f"v-{at}.npy", f"/data/v-{at}.npy")
    return rows


def test_rows_of_far_files_are_those_of_near_ones(vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "FAR_ROWS", 16)
    far = ShardedArray.open([f"memory://data/v-{at}.npy" for at in range(3)])
    assert (len(far), far.width) == (300, 8)
    rng = np.random.default_rng(1)
    for positions in ([0, 299], [5], range(90, 210), np.sort(rng.choice(300, 40, replace=False))):
        assert np.array_equal(far.take(np.array(positions)), vectors[list(positions)])


@pytest.mark.parametrize("method", ["exact", "auto"])
def test_far_vectors_make_the_bytes_of_near_ones(vectors, tmp_path, method):
    near = [tmp_path / f"v-{at}.npy" for at in range(3)]
    for name, sources in (
        ("near", near),
        ("far", ["memory://data/v-*.npy"]),
        ("file", [f"file://{path}" for path in near]),
    ):
        curate_shards(sources, tmp_path / name, threshold=0.99, method=method)
    assert bytes_of(tmp_path / "far") == bytes_of(tmp_path / "near")
    assert bytes_of(tmp_path / "file") == bytes_of(tmp_path / "near")


def test_far_tables_are_embedded_curated_and_put_clean(tmp_path, store):
    words = np.random.default_rng(0).choice(["pay", "card", "lost", "song", "tea"], (60, 8))
    texts = [" ".join(row) for row in words]
    texts[50] = texts[3]
    for at, (low, high) in enumerate([(0, 20), (20, 60)]):
        columns = {"text": texts[low:high], "stars": [str(row % 2) for row in range(low, high)]}
        pq.write_table(pa.table(columns), tmp_path / f"part-{at}.parquet")
        put(store, tmp_path / f"part-{at}.parquet", f"/data/part-{at}.parquet")
    asked = {"column": "text", "label": "stars", "threshold": 0.99}
    near = curate_files(
        [tmp_path / f"part-{at}.parquet" for at in range(2)],
        work=tmp_path / "near", clean=tmp_path / "clean", **asked,
    )  # fmt: skip
    far = curate_files(
        ["memory://data/part-*.parquet"], work=tmp_path / "far", clean="memory://clean", **asked
    )
    assert bytes_of(tmp_path / "far") == bytes_of(tmp_path / "near")
    assert [str(path) for path in far.clean] == [
        f"memory://clean/part-{at}.parquet" for at in (0, 1)
    ]
    for path, written in zip(near.clean, sorted(store.find("/clean")), strict=True):
        assert store.cat(written) == path.read_bytes()
    again = curate_files(
        ["memory://data/part-*.parquet"], work=tmp_path / "far", clean="memory://clean", **asked
    )
    assert again.manifest.counts() == far.manifest.counts()
    store.pipe("/clean/part-1.parquet", b"something else")
    with pytest.raises(InputError, match=r"part-1\.parquet holds another file"):
        curate_files(
            ["memory://data/part-*.parquet"], work=tmp_path / "far", clean="memory://clean", **asked
        )


def test_bad_files_among_good_ones_are_named(vectors, tmp_path, store):
    cut = store.cat("/data/v-1.npy")[:-100]
    for content, said in [
        (b"no array", "cannot be read as a .npy file"),
        (b"", "cannot be read as a .npy file"),
        (cut, "shorter than its header says"),
    ]:
        store.pipe("/data/v-1.npy", content)
        with pytest.raises(InputError, match=rf"v-1\.npy .*{said}"):
            curate_shards(["memory://data/v-*.npy"], tmp_path / "work", threshold=0.9)
    np.save(tmp_path / "f.npy", np.asfortranarray(vectors))
    put(store, tmp_path / "f.npy", "/data/f.npy")
    with pytest.raises(InputError, match="column by column"):
        curate_shards(["memory://data/f.npy"], tmp_path / "work", threshold=0.9)
    with pytest.raises(InputError, match=r"none\.npy cannot be read"):
        curate_shards(["memory://data/none.npy"], tmp_path / "work", threshold=0.9)
    with pytest.raises(InputError, match=r"none\.parquet cannot be read"):
        curate_files(["memory://data/none.parquet"], work=tmp_path / "work")
    store.pipe("/data/bad.parquet", b"PAR1 and no more")
    with pytest.raises(InputError, match=r"bad\.parquet cannot be read as a Parquet file"):
        curate_files(["memory://data/bad.parquet"], work=tmp_path / "work")
