"""A manifest in parts says what the whole one says."""

from __future__ import annotations

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thresher.core import Manifest, ManifestParts
from thresher.core.errors import InputError
from thresher.core.manifest_parts import save_part


def whole_manifest():
    actions = ["keep", "drop", "review", "drop", "keep", "relabel", "keep"]
    reasons = [None, "near_duplicate", "label", "label", None, "label", None]
    return Manifest.from_columns(
        [f"r{at}" for at in range(7)],
        actions,
        reasons=reasons,
        scores=[None, 0.1, 0.2, 0.3, None, 0.4, None],
        twins=[None, "r0", None, None, None, None, None],
        old_labels=list("aabbcca"),
        new_labels=[None] * 5 + ["a", None],
        header={"seed": 3},
    )


@pytest.fixture
def both(tmp_path):
    whole = whole_manifest()
    folders = []
    for at, (start, stop) in enumerate([(0, 3), (3, 3), (3, 7)]):
        folders.append(tmp_path / f"part-{at}")
        folders[-1].mkdir()
        save_part(whole.rows_between(start, stop), folders[-1])
    return whole, ManifestParts.join(folders, tmp_path / "manifest", header=whole.header)


def test_it_says_what_the_whole_says(both, tmp_path):
    whole, parts = both
    assert len(parts) == 7
    assert parts.counts() == whole.counts()
    assert parts.reasons() == whole.reasons()
    assert parts.whole().table.equals(whole.table)
    assert parts.header == whole.header
    assert pa.concat_tables([part.table for part in parts.parts()]).equals(whole.table)
    for start, stop in [(0, 7), (2, 5), (3, 3), (6, 7)]:
        assert parts.rows_between(start, stop).table.equals(whole.table.slice(start, stop - start))
    again = ManifestParts.load(tmp_path / "manifest")
    assert again.index == parts.index
    assert Manifest.load(tmp_path / "manifest").table.equals(whole.table)
    assert Manifest.load(tmp_path / "manifest").header == whole.header


def test_the_parts_outlive_what_they_were_made_of(both, tmp_path):
    whole, parts = both
    for folder in tmp_path.glob("part-*"):
        for file in folder.iterdir():
            file.unlink()
    assert parts.whole().table.equals(whole.table)


def test_a_whole_manifest_applies_what_was_saved_in_parts(both):
    whole, parts = both
    rows = datasets.Dataset.from_dict({"row_id": whole.row_ids.tolist(), "label": list("aabbcca")})
    expected = whole.apply(rows, label="label").dataset.to_list()
    assert parts.whole().apply(rows, label="label").dataset.to_list() == expected


def test_what_is_no_manifest_in_parts_is_refused(both, tmp_path):
    whole, _ = both
    whole.save(tmp_path / "single")
    with pytest.raises(InputError, match=r"not a manifest in parts: .*Manifest.load"):
        ManifestParts.load(tmp_path / "single")
    (tmp_path / "manifest" / "manifest-000002.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"manifest-000002\.parquet cannot be read as a manifest"):
        ManifestParts.load(tmp_path / "manifest").whole()
    (tmp_path / "manifest" / "manifest-000001.parquet").unlink()
    with pytest.raises(InputError, match=r"manifest-000001\.parquet"):
        Manifest.load(tmp_path / "manifest")
    pq.write_table(pa.table({"row_id": ["a"]}), tmp_path / "single" / "manifest.parquet")
    with pytest.raises(InputError, match="A manifest has the columns"):
        Manifest.load(tmp_path / "single")
