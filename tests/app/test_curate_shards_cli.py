"""``thresher curate shards`` on Parquet files, on vectors, and on what it cannot take."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from thresher.app.cli.commands import app
from thresher.core import Manifest
from thresher.core.errors import InputError

FIRST = ["part-0.parquet", "--column", "text"]


def call(*words):
    return CliRunner().invoke(app, ["curate", "shards", *map(str, words)])


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["pay", "card", "lost", "phone", "song"], 9)) for _ in range(60)]
    texts[50], texts[10] = texts[2], texts[4]
    texts[52] = texts[7]  # under another label: only looked at
    stars = [str(at % 2) for at in range(60)]
    splits = ["test" if at >= 50 else "train" for at in range(60)]
    found = []
    for at, (low, high) in enumerate([(0, 20), (20, 60)]):
        columns = {"text": texts[low:high], "stars": stars[low:high], "split": splits[low:high]}
        found.append(tmp_path / f"part-{at}.parquet")
        pq.write_table(pa.table(columns), found[-1])
    np.save(tmp_path / "probs.npy", np.tile(np.float32([0.3, 0.7]), (60, 1)))
    return found


def test_parquet_files_are_embedded_curated_and_cleaned(files, tmp_path):
    options = ["--column", "text", "--label", "stars", "--split", "split", "--work", tmp_path / "w"]
    clean = ["--clean", tmp_path / "clean", "--threshold", 0.99]
    result = call(*files, *options, *clean, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["rows"], found["drop"], found["recall"]) == (60, 2, None)
    assert found["review"] == 1
    cleaned = pa.concat_tables(map(pq.read_table, found["clean"]))
    original = pa.concat_tables(map(pq.read_table, files))
    stays = np.delete(np.arange(60), [2, 10])  # the train copy of a test row, and a later copy
    assert cleaned.num_rows == 58
    assert cleaned["text"].to_pylist()[-10:] == original["text"].to_pylist()[-10:]
    assert sorted(cleaned["text"].to_pylist()) == sorted(
        original["text"].take(pa.array(stays)).to_pylist()
    )
    probs = ["--pred-probs", tmp_path / "probs.npy"]
    shown = call(*files, *options, *probs)
    assert shown.exit_code == 0, shown.output
    assert "60 rows" in shown.stdout
    assert "all pairs" in shown.stdout


def test_vectors_are_curated_as_they_are(tmp_path):
    np.save(tmp_path / "v.npy", np.repeat(np.eye(3), 2, axis=0))
    result = call(tmp_path / "v.npy", "--work", tmp_path / "w", "--json")
    assert json.loads(result.stdout)["keep"] == 3


def test_what_is_taken_for_what_is_said_first(files, tmp_path):
    options = ["--label", "stars", "--work", tmp_path / "w", "--json"]
    probs = ["--pred-probs", tmp_path / "probs.npy"]
    for said, label in (([], "stars (not judged without --pred-probs)"), (probs, "stars")):
        result = call(*files, *options, *said, "--column", "text")
        assert result.exit_code == 0, result.output
        first = result.stderr.splitlines()[0]
        line = f"text: text; label: {label}; key: none, rows are counted; beside: split"
        assert first == line
        roles = {"text": "text", "label": label, "key": "none, rows are counted", "beside": "split"}
        assert json.loads(result.stdout)["roles"] == roles
    result = call(*files, "--column", "text", "--split", "split", "--work", tmp_path / "w")
    first, second, *_ = result.stderr.splitlines()
    assert first == (
        "text: text; label: none; key: none, rows are counted; split: split; beside: stars"
    )
    assert second.startswith("NO LABEL COLUMN, so that labels are not checked")


def test_numbers_and_ids_are_said_too_and_vectors_as_such(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"row_id": [f"r{at}" for at in range(30)], "a": rng.normal(size=30)}
    pq.write_table(pa.table(columns | {"b": rng.normal(size=30)}), tmp_path / "n.parquet")
    result = call(tmp_path / "n.parquet", "--work", tmp_path / "w")
    assert result.stderr.splitlines()[0] == "numbers: a, b; label: none; key: row_id"
    np.save(tmp_path / "v.npy", np.eye(3))
    result = call(tmp_path / "v.npy", "--work", tmp_path / "v")
    said = "vectors: v.npy; label: none beside vectors; key: none, rows are counted"
    assert result.stderr.splitlines()[0] == said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["v.npy", "--label", "stars"], "--label: only for Parquet"),
        (["v.npy", "part-0.parquet"], "only for Parquet"),
        ([*FIRST, "--label", "star"], "Did you mean 'stars'"),
        ([*FIRST, "--executor", "pool"], "must be one of 'serial'"),
        ([*FIRST, "part-0.parquet", "--clean", "c"], "same name"),
        ([*FIRST, "--clean", "."], "replace the sources"),
        (["nothing.parquet"], "cannot be read"),
    ],
)
def test_bad_calls_are_explained(files, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    np.save("v.npy", np.eye(2))
    result = call(*words, "--work", "w")
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


def test_clean_files_of_an_earlier_call_do_not_stay(files, tmp_path):
    options = ["--column", "text", "--work", tmp_path / "w", "--clean", tmp_path / "clean"]
    for sources in (files, files[1:]):
        assert call(*sources, *options).exit_code == 0
    assert [path.name for path in (tmp_path / "clean").iterdir()] == ["part-1.parquet"]


def added(files, tmp_path, *options):
    """Curate the first file by arrival, then add the second one to it."""
    common = ["--column", "text", "--threshold", 0.99, *options]
    first = call(files[0], *common, "--work", tmp_path / "first", "--order", "arrival")
    assert first.exit_code == 0, first.output
    more = ["--work", tmp_path / "second", "--against", tmp_path / "first"]
    return call(*files[1:], *common, *more, "--clean", tmp_path / "clean", "--json")


def test_files_are_added_to_a_finished_curation(files, tmp_path):
    result = added(files, tmp_path, "--label", "stars")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["rows"], found["drop"], found["review"]) == (60, 2, 1)
    manifest = Manifest.load(tmp_path / "second" / "manifest").table
    assert manifest["row_id"].to_pylist() == [str(row) for row in range(60)]
    twins = [(at, twin) for at, twin in enumerate(manifest["twin"].to_pylist()) if twin]
    assert twins == [(10, "4"), (50, "2"), (52, "7")]
    (clean,) = found["clean"]
    assert pq.read_table(clean).num_rows == 39
    again = added(files, tmp_path, "--label", "stars")
    assert json.loads(again.stdout) == found


def test_what_cannot_be_added_is_said(files, tmp_path):
    assert added(files, tmp_path).exit_code == 0
    kept = ["--against", tmp_path / "first", "--work", tmp_path / "third"]
    for words, said in [
        ([files[1], *kept, "--column", "text", "--threshold", 0.9], "threshold=0.99"),
        ([files[1], *kept, "--column", "text", "--encoder", "builtin:text-hash"], "Leave out"),
        ([files[1], "--against", tmp_path / "none", "--work", tmp_path / "w"], "--order arrival"),
        ([files[1], "--column", "text", "--order", "late", "--work", tmp_path / "w"], "arrival"),
    ]:
        result = call(*words)
        assert isinstance(result.exception, InputError)
        assert said in str(result.exception)
