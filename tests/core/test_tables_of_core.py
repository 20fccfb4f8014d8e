"""Embeddings, issues and the neighbor graph as containers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thresher.core.embeddings import Embeddings, unit_length
from thresher.core.errors import InputError
from thresher.core.issues import Issue, Issues


def test_vectors_get_unit_length_and_zero_rows_stay_zero() -> None:
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0], [1e30, 1e30]])
    unit = unit_length(vectors)
    expected = [[0.6, 0.8], [0.0, 0.0], [1.0, 0.0], [0.5**0.5, 0.5**0.5]]
    np.testing.assert_allclose(unit, expected, rtol=1e-6)
    assert unit.dtype == np.float32


def test_vectors_that_are_not_finite_are_named() -> None:
    with pytest.raises(InputError, match=r"1 of 2 vectors .* row\(s\) b"):
        Embeddings.from_vectors(np.array([[1.0], [np.nan]]), row_ids=np.array(["a", "b"]))


def test_repeated_ids_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="more than once: a"):
        Embeddings.from_vectors(np.ones((2, 3)), row_ids=np.array(["a", "a"]))
    with pytest.raises(InputError, match="two dimensions"):
        Embeddings.from_vectors(np.ones(3))
    with pytest.raises(InputError, match="one vector a row"):
        Embeddings(np.array(["a"]), np.ones((2, 3), np.float32))


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_embeddings_come_back_from_disk(tmp_path: Path, rows: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(rows, 4))
    saved = Embeddings.from_vectors(vectors, encoder="mine", fingerprint="f")
    saved.save(tmp_path / "e")
    saved.save(tmp_path / "e")
    loaded = Embeddings.load(tmp_path / "e")
    np.testing.assert_array_equal(loaded.vectors, saved.vectors)
    assert loaded.row_ids.tolist() == saved.row_ids.tolist()
    assert (loaded.encoder, loaded.fingerprint) == ("mine", "f")


def test_issues_sort_count_filter_and_come_back(tmp_path: Path) -> None:
    issues = Issues.concat(
        [
            Issues.from_rows([Issue("b", "label", 0.5, suggested="cat"), Issue("a", "label", 0.1)]),
            Issues.from_columns("blank", row_ids=["c"], scores=[0.0], details=["all one color"]),
            Issues.empty(),
        ]
    )
    assert [issue.row_id for issue in issues] == ["c", "a", "b"]
    assert issues.counts() == {"blank": 1, "label": 2}
    assert [issue.suggested for issue in issues.of("label")] == [None, "cat"]
    issues.save(tmp_path / "issues.parquet")
    assert Issues.load(tmp_path / "issues.parquet").table.equals(issues.table)


def test_a_file_that_is_no_issues_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(InputError, match="cannot be read as an issues file"):
        Issues.load(tmp_path / "x.parquet")
