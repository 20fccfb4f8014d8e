"""Files at addresses: read in pieces, put where there is none, named when they cannot be."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from thresher.core.errors import InputError
from thresher.core.urls import Url, below, place, places, put_if_absent, read_bytes, resolved


@pytest.fixture
def store():
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def test_places_are_addresses_or_paths(tmp_path):
    assert place("s3://bucket/a.npy") == Url("s3://bucket/a.npy")
    assert place("file:///data/a.npy") == Path("/data/a.npy")
    assert place("data/a.npy") == Path("data/a.npy")
    assert place(tmp_path) == tmp_path
    url = place("s3://bucket/folder/a.npy")
    assert (url.name, url.suffix) == ("a.npy", ".npy")
    assert below("s3://bucket/folder/", "b") == "s3://bucket/folder/b"
    assert below(tmp_path, "b") == tmp_path / "b"
    assert resolved("memory://a/b") == "memory://a/b"
    assert resolved(".") == str(Path.cwd())


def test_a_star_stands_for_what_is_there_in_order(store):
    for name in ("x-2.npy", "x-10.npy", "y.npy"):
        store.pipe(f"/data/{name}", b"1")
    found = places(["memory://data/x-*.npy", "here-*.npy"])
    assert [str(path) for path in found] == [
        "memory:///data/x-10.npy", "memory:///data/x-2.npy", "here-*.npy",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"No file is at memory://data/z\*"):
        places(["memory://data/z*"])


def test_pieces_are_read_and_stamps_follow_the_content(store):
    store.pipe("/data/a", b"0123456789")
    url = Url("memory://data/a")
    assert read_bytes(url, 2, 5) == b"234"
    before = url.stamp()
    assert before[:2] == ["a", 10]
    store.pipe("/data/a", b"01234567890")
    assert url.stamp() != before


def test_files_are_put_once_and_never_replaced(store, tmp_path):
    local = tmp_path / "a"
    local.write_bytes(b"first")
    url = Url("memory://out/a")
    put_if_absent(local, url)
    put_if_absent(local, url)  # the same one, as after an interrupted run
    assert store.cat("/out/a") == b"first"
    for other in (b"other", b"longer than it"):
        local.write_bytes(other)
        with pytest.raises(InputError, match=r"memory://out/a holds another file, and none is"):
            put_if_absent(local, url)
    assert store.cat("/out/a") == b"first"


def test_what_another_worker_put_meanwhile_is_not_replaced(store, tmp_path, monkeypatch):
    local = tmp_path / "a"
    local.write_bytes(b"mine")
    store.pipe("/out/a", b"yours")
    seen = iter([False, True, True])  # it comes between the look and the writing
    monkeypatch.setattr(type(store), "exists", lambda *_, **__: next(seen))
    with pytest.raises(InputError, match="holds another file"):
        put_if_absent(local, Url("memory://out/a"))


def test_addresses_that_cannot_be_read_are_named(store, monkeypatch):
    for call in (lambda: read_bytes(Url("memory://none"), 0, 1), Url("memory://none").stamp):
        with pytest.raises(InputError, match="memory://none cannot be read"):
            call()
    with pytest.raises(InputError, match="not an address that fsspec knows"):
        Url("nosuch://a").opened()

    def lacking(_):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", lacking)
    with pytest.raises(InputError, match="pip install s3fs"):
        Url("s3://bucket/a").opened()
