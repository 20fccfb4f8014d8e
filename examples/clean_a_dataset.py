"""Clean a dataset step by step: find, decide, apply, undo.

Run: python examples/clean_a_dataset.py
"""

from __future__ import annotations

from curation import decide, find_label_issues, find_leakage, find_near_duplicates
from thresher.core import embed, load_dataset, neighbor_graph

loaded = load_dataset("digits")
embeddings = embed(loaded.dataset, column="image")
graph = neighbor_graph(embeddings, threshold=0.95)

duplicates = find_near_duplicates(graph, protect=loaded.splits == "test")
leaks = find_leakage(graph, splits=loaded.splits)
wrong = find_label_issues(loaded.labels, embeddings=embeddings, classes=loaded.schema.classes)

manifest = decide(
    duplicates.to_issues(),
    leaks.to_issues(),
    wrong.to_issues(),
    row_ids=loaded.row_ids,
    splits=loaded.splits,
)
applied = manifest.apply(loaded.dataset)
before, after = len(loaded.dataset), len(applied.dataset)
print(f"{before} rows, {after} kept: {manifest.reasons()['drop']}")

again = manifest.undo(applied.dataset, applied.removed)
assert again["row_id"][:] == loaded.dataset["row_id"][:]
print("undone: every row is back, in its place")
