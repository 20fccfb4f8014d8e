"""Results print in one line, as a table in a notebook, and as a DataFrame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation import find_label_issues, find_near_duplicates
from thresher.core import Embeddings, Issues, Manifest, load_dataset, neighbor_graph
from thresher.core.shown import Shown, ShownRows


def _results() -> list[Shown]:
    draw = np.random.default_rng(0)
    vectors = np.concatenate([draw.normal(0, 1, (300, 8)) + 6 * np.eye(8)[k] for k in range(2)])
    labels = np.arange(600) // 300
    embeddings = Embeddings.from_vectors(vectors)
    graph = neighbor_graph(embeddings, threshold=0.9)
    wrong = find_label_issues(labels, embeddings=embeddings)
    return [
        embeddings,
        graph,
        find_near_duplicates(graph),
        wrong,
        wrong.to_issues(),
        Manifest.keep_all(embeddings.row_ids),
        load_dataset("digits"),
    ]


def test_results_print_in_a_line_that_fits_a_screen() -> None:
    for result in _results():
        text = repr(result)
        assert text.startswith(f"{type(result).__name__}(")
        assert "\n" not in text.replace("\\n", "")
        assert len(text) < 1500, text


def test_results_of_rows_become_frames_of_their_arrays() -> None:
    for result in _results():
        if not isinstance(result, ShownRows):
            continue
        frame = result.to_pandas()
        table = getattr(result, "table", None)
        if table is not None:
            assert list(frame.columns) == table.column_names
            assert len(frame) == table.num_rows
        else:
            assert (
                frame["row_id" if "row_id" in frame else "row_ids"].tolist()
                == result.row_ids.tolist()
            )


def test_a_notebook_shows_names_as_text_and_never_as_markup() -> None:
    issues = Issues.from_columns("label", row_ids=["<script>alert(1)</script>"], scores=[0.5])
    shown = issues._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


@pytest.mark.parametrize("rows", [0, 1, 25])
def test_long_tables_are_cut_in_a_notebook(rows: int) -> None:
    issues = Issues.from_columns("label", row_ids=map(str, range(rows)), scores=[0.5] * rows)
    assert issues._repr_html_().count("<tr") <= 13


def test_a_notebook_converts_the_rows_it_shows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.keep_all([f"row {n}" for n in range(5_000)])
    embeddings = Embeddings.from_vectors(np.eye(64), row_ids=[f"row {n}" for n in range(64)])
    lengths = []
    made = pd.DataFrame.to_html
    monkeypatch.setattr(
        pd.DataFrame, "to_html", lambda self, **how: lengths.append(len(self)) or made(self, **how)
    )
    shown = manifest._repr_html_()
    assert "row 9<" in shown
    assert "row 10<" not in shown
    assert "The first 10 of 5,000 rows" in shown
    if isinstance(embeddings, ShownRows):
        assert "The first 10 of 64 rows" in embeddings._repr_html_()
    assert max(lengths) == 10
    assert len(manifest.to_pandas()) == 5_000
