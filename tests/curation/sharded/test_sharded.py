"""Curation over shards equals curation in memory, however files are cut and whoever works."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import decide, find_label_issues, find_near_duplicates
from curation.sharded import (
    ShardedArray,
    arrays,
    columns,
    confident_learning,
    curate_shards,
    deciding,
    edges,
    embed_shards,
    equal_rows,
    neighbor_pairs,
    open_vectors,
    stars,
)
from thresher.core import Embeddings, Manifest, embed, files, neighbor_graph
from thresher.core.errors import InputError
from thresher.core.progress import Silent, reporting

CLASSES = ("a", "b", "c", "d")
CUTS = {"one": [3000], "three": [1000, 1001, 3000], "empty": [0, 700, 700, 3000]}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(arrays, "BLOCK_ROWS", 512)
    monkeypatch.setattr(edges, "INDEX_ROWS", 128)
    monkeypatch.setattr(edges, "RUN_PAIRS", 1000)
    monkeypatch.setattr(edges, "MERGED_PAIRS", 300)
    monkeypatch.setattr(stars, "SPAN_PAIRS", 700)
    monkeypatch.setattr(stars, "STEP_PAIRS", 100)
    monkeypatch.setattr(stars, "SAMPLED_PAIRS", 50)
    monkeypatch.setattr(columns, "PART_BLOCKS", 2)
    monkeypatch.setattr(equal_rows, "BUCKET_ROWS", 700)
    monkeypatch.setattr(deciding, "MANIFEST_ROWS", 900)
    monkeypatch.setattr(files, "_flush", lambda _: None)  # hundreds of files, read at once
    monkeypatch.setattr(confident_learning, "MOST_VALUES", 1500)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(400, 16))
    vectors = centers[rng.integers(400, size=3000)] + 0.3 * rng.normal(size=(3000, 16))
    vectors[50:120], vectors[2000:2010], vectors[200] = vectors[3], vectors[7], 0
    embeddings = Embeddings.from_vectors(vectors, row_ids=rng.permutation(3000).astype(str))
    probs = rng.dirichlet(np.ones(4), 3000).astype(np.float32)
    codes = rng.integers(0, 4, 3000)
    probs[np.arange(3000), codes] += 0.5
    probs /= probs.sum(axis=1, keepdims=True)
    probs[100:300], codes[100:300] = probs[100], codes[100]  # ties
    codes[rng.random(3000) < 0.1] = 2
    labels = np.array(CLASSES)[codes]
    labels[5] = ""
    return {
        "embeddings": embeddings,
        "probs": probs,
        "labels": labels,
        "splits": rng.choice(["train", "test", "validation"], 3000, p=[0.8, 0.1, 0.1]),
        "priority": rng.integers(0, 3, 3000).astype(float),
    }


def write(rows, folder, cut):
    sources, probs, start = [], [], 0
    for stop in CUTS[cut]:
        name = f"{cut}-{len(sources)}"
        rows["embeddings"].take(np.arange(start, stop)).save(folder / name)
        np.save(folder / f"{name}.npy", rows["probs"][start:stop])
        sources.append(folder / name)
        probs.append(folder / f"{name}.npy")
        start = stop
    return sources, probs


def in_memory(rows, policy, *, labels=True):
    graph = neighbor_graph(rows["embeddings"], threshold=0.8, method="exact")
    protect = np.isin(rows["splits"], ["test", "validation"])
    found = [find_near_duplicates(graph, protect=protect, priority=rows["priority"]).to_issues()]
    if labels:
        wrong = find_label_issues(
            rows["labels"],
            pred_probs=rows["probs"],
            row_ids=rows["embeddings"].row_ids,
            classes=CLASSES,
            method="confident",
        )
        found.append(wrong.to_issues())
    return decide(
        *found,
        row_ids=rows["embeddings"].row_ids,
        splits=rows["splits"],
        labels=[label or None for label in rows["labels"]],
        policy=policy,
    )


def on_disk(rows, folder, cut, policy, *, labels=True, **options):
    sources, probs = write(rows, folder, cut)
    options = {"method": "exact", "threshold": 0.8, **options}
    return curate_shards(
        sources,
        folder / f"work-{cut}",
        pred_probs=probs if labels else None,
        labels=rows["labels"],
        classes=CLASSES,
        splits=rows["splits"],
        priority=rows["priority"],
        policy=policy,
        **options,
    )


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("action", ["drop", "relabel", "none"])
def test_decisions_equal_those_made_in_memory(rows, tmp_path, cut, action):
    policy = {"label": action, "fewest_per_class": 3}
    expected = in_memory(rows, policy)
    found = on_disk(rows, tmp_path, cut, policy)
    assert found.whole().table.equals(expected.table)
    assert found.counts() == expected.counts()
    assert found.reasons() == expected.reasons()
    assert Manifest.load(tmp_path / f"work-{cut}" / "manifest").table.equals(expected.table)


@pytest.mark.parametrize("action", ["drop", "review"])
def test_duplicates_alone_and_for_review(rows, tmp_path, action):
    policy = {"near_duplicate": action}
    expected = in_memory(rows, policy, labels=False)
    found = on_disk(rows, tmp_path, "three", policy, labels=False)
    assert found.whole().table.equals(expected.table)


def test_partition_finds_nearly_all_pairs_and_knows_how_many(rows, tmp_path):
    sources, _ = write(rows, tmp_path, "three")
    exact = neighbor_graph(rows["embeddings"], threshold=0.8, method="exact")
    first, second, _ = exact.pairs()
    distinct = exact.first_rows[second] == second
    vectors, _ = open_vectors(sources)
    pairs = neighbor_pairs(vectors, tmp_path / "work", threshold=0.8, method="partition")
    share = pairs.edges.holds(first[distinct], second[distinct]).mean()
    assert share >= 0.99
    assert len(pairs.edges) == pytest.approx(share * distinct.sum())
    assert pairs.recall.low <= share <= pairs.recall.high
    assert not list((tmp_path / "work").glob("distribute-*"))


def test_every_executor_and_cut_writes_the_same_bytes(rows, tmp_path, monkeypatch):
    monkeypatch.undo()  # workers have the sizes of the package
    options = {"method": "partition", "threshold": 0.8}
    written = set()
    for name, executor, cut in [("s", "serial", "one"), ("p", "processes", "three")]:
        home = tmp_path / name
        on_disk(rows, home, cut, None, executor=executor, **options)
        written.add(manifest_bytes(home / f"work-{cut}"))
    assert len(written) == 1


@pytest.mark.slow
def test_ray_writes_the_same_bytes(rows, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    monkeypatch.undo()
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    written = set()
    for executor, cut in [("serial", "one"), ("ray", "three")]:
        on_disk(rows, tmp_path / executor, cut, None, executor=executor, method="partition")
        written.add(manifest_bytes(tmp_path / executor / f"work-{cut}"))
    assert len(written) == 1


def manifest_bytes(work):
    folder = work / "manifest"
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_a_second_run_does_nothing_again_and_new_content_is_seen(rows, tmp_path):
    on_disk(rows, tmp_path, "one", None)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work-one").glob("*-*/*")}
    sources = [tmp_path / "one-0"]
    curate_shards(sources, tmp_path / "work-one", threshold=0.8, method="exact")
    assert before.items() <= {p: p.stat().st_mtime_ns for p in before}.items()
    vectors = np.load(sources[0] / "vectors.npy")
    vectors[0] = vectors[1]
    np.save(sources[0] / "vectors.npy", vectors)
    again = curate_shards(sources, tmp_path / "work-one", threshold=0.8, method="exact")
    assert again.rows_between(0, 2).actions.tolist().count("drop") >= 1


CURATE = """
import sys
from pathlib import Path
import numpy as np
from curation.sharded import curate_shards
if __name__ == "__main__":
    folder, work, executor = sys.argv[1:]
    parts = sorted(Path(folder).glob("three-?"))
    curate_shards(
        parts, work, threshold=0.8, method="partition", executor=executor,
        pred_probs=[f"{part}.npy" for part in parts], labels=np.load(f"{folder}/labels.npy"),
    )
"""


@pytest.fixture
def interrupted(rows, tmp_path):
    """Start a curation in a process of its own; kill it when `until` says so."""
    write(rows, tmp_path, "three")
    codes = np.array([CLASSES.index(label) if label else -1 for label in rows["labels"]])
    np.save(tmp_path / "labels.npy", codes)
    (tmp_path / "curate.py").write_text(CURATE)
    paths = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}

    def start(work, executor, until=lambda: False):
        command = [sys.executable, "curate.py", ".", str(work), executor]
        process = subprocess.Popen(command, cwd=tmp_path, env=paths, stderr=subprocess.DEVNULL)
        while process.poll() is None and not until():
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        return process.wait()

    return start


def test_a_killed_run_goes_on_to_the_same_bytes(interrupted, tmp_path):
    assert interrupted("clean", "serial") == 0
    for step in ("distribute", "own"):
        killed = interrupted(
            "killed", "processes", lambda step=step: any((tmp_path / "killed").glob(f"{step}-*/*"))
        )
        assert killed == -signal.SIGKILL
    assert interrupted("killed", "processes") == 0
    assert manifest_bytes(tmp_path / "killed") == manifest_bytes(tmp_path / "clean")


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_runs_killed_at_random_moments(interrupted, tmp_path, executor):
    assert interrupted("clean", "serial") == 0
    moments = random.Random(0)
    for _ in range(10):
        end = time.monotonic() + moments.uniform(0.3, 4)
        interrupted("killed", executor, lambda end=end: time.monotonic() > end)
    assert interrupted("killed", executor) == 0
    assert manifest_bytes(tmp_path / "killed") == manifest_bytes(tmp_path / "clean")


def test_embedding_files_equals_embedding_all(tmp_path):
    import datasets

    words = np.random.default_rng(0).choice(["red", "blue", "fox", "dog", "ran", "sat"], (90, 5))
    texts = [" ".join(row) for row in words]
    for at, (low, high) in enumerate([(0, 20), (20, 20), (20, 90)]):
        pq.write_table(
            pa.table({"text": pa.array(texts[low:high], pa.string())}), tmp_path / f"{at}.parquet"
        )
    files = sorted(tmp_path.glob("*.parquet"))
    parts = embed_shards(files, tmp_path / "work", column="text")
    vectors, ids = open_vectors(parts)
    whole = datasets.Dataset.from_dict({"text": texts})
    expected = embed(whole, column="text", encoder="builtin:text")
    assert np.array_equal(vectors.read(0, 90), expected.vectors)
    assert ids.read(0, 90).to_pylist() == expected.row_ids.tolist()
    custom = embed_shards(files, tmp_path / "own", column="text", encoder="builtin:text-hash")
    assert open_vectors(custom)[0].width == 512
    assert embed_shards(files, tmp_path / "work", column="text") == parts


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows(tmp_path, n):
    np.save(tmp_path / "v.npy", np.ones((n, 3)))
    manifest = curate_shards([tmp_path / "v.npy"], tmp_path / "work", threshold=0.9)
    assert manifest.counts()["keep"] == n


def test_equal_and_zero_rows(tmp_path):
    vectors = np.ones((2000, 4))
    vectors[7] = 0
    np.save(tmp_path / "v.npy", vectors)
    manifest = curate_shards([tmp_path / "v.npy"], tmp_path / "work", threshold=0.9)
    assert np.flatnonzero(manifest.whole().actions == "keep").tolist() == [0, 7]


def test_bad_input_is_named(rows, tmp_path):
    np.save(tmp_path / "nan.npy", np.array([[1.0, 0], [np.nan, 0]]))
    np.save(tmp_path / "ok.npy", np.eye(2))
    np.save(tmp_path / "wide.npy", np.eye(3))
    np.save(tmp_path / "probs.npy", np.full((2, 2), 0.9))
    (tmp_path / "text.npy").write_text("no array")
    work, ok = tmp_path / "work", [tmp_path / "ok.npy"]

    def refuses(message, *arguments, **options):
        with pytest.raises(InputError, match=message):
            curate_shards(*arguments, **{"threshold": 0.9, **options})

    refuses(r"NaN .* row\(s\) 1", [tmp_path / "nan.npy"], work)
    refuses("no shards", [], work)
    refuses("cannot be read", [tmp_path / "text.npy"], work)
    refuses("as many columns", [*ok, tmp_path / "wide.npy"], work)
    refuses("`threshold` must be", ok, work, threshold=1.2)
    refuses("`recall` must be", ok, work, recall=1)
    refuses("Did you mean 'exact'", ok, work, method="exat")
    refuses("Did you mean 'serial'", ok, work, executor="seriel")
    refuses("give `labels`", ok, work, pred_probs=ok)
    refuses("3 labels", ok, work, labels=["a", "b", "c"])
    refuses(
        "no probabilities .* position 0",
        ok,
        work,
        labels=[0, 1],
        pred_probs=[tmp_path / "probs.npy"],
    )
    refuses("2 columns, but there are 3", ok, work, labels=[0, 2], pred_probs=ok)
    sources, _ = write(rows, tmp_path, "one")
    refuses("not both", [*sources, *ok], work)
    refuses("exactly once", [*sources, *sources], work)
    refuses("is a file", ok, tmp_path / "ok.npy")


def test_a_work_folder_has_one_user(tmp_path):
    from curation.sharded.work import open_work

    np.save(tmp_path / "ok.npy", np.eye(2))
    with open_work(tmp_path / "work"), pytest.raises(InputError, match="Another process"):
        curate_shards([tmp_path / "ok.npy"], tmp_path / "work", threshold=0.9)


def test_reading_rows(tmp_path):
    matrix = np.arange(60, dtype=np.float16).reshape(20, 3)
    np.save(tmp_path / "a.npy", matrix[:7])
    np.save(tmp_path / "b.npy", np.asfortranarray(matrix[7:]))
    array = ShardedArray.open([tmp_path / "a.npy", tmp_path / "b.npy"])
    assert np.array_equal(array.read(3, 18), matrix[3:18])
    for wanted in ([0, 6, 7, 19], [1, 2, 4, 5, 6], []):
        found = array.take(np.array(wanted, int))
        assert np.array_equal(found, matrix[wanted])


def test_rows_without_a_text_are_counted_and_the_first_is_named(tmp_path, monkeypatch):
    titles = [["a red kettle", "a blue chair"], ["a lamp", None, " ", "b"], [None, "a dog", "c"]]
    paths = [tmp_path / f"{at}.parquet" for at in range(3)]
    for path, texts in zip(paths, titles, strict=True):
        pq.write_table(pa.table({"title": texts}), path)
    said, listener = [], Silent()
    monkeypatch.setattr(listener, "message", said.append)
    with reporting(listener):
        for _ in range(2):  # the second time from what is stored
            embed_shards(paths, tmp_path / "all", column="title")
            assert said[-1] == (
                f"3 rows have nothing in the compared columns, the first is row 2 of {paths[1]}"
            )
            said.clear()
        embed_shards(paths[:1], tmp_path / "whole", column="title")
    assert said
    assert not any("nothing" in line for line in said)
