"""Clean a dataset step by step: find, decide, apply, undo.

Run: python examples/clean_a_dataset.py
"""

from __future__ import annotations

from curation import decide, find_label_issues, find_leakage, find_near_duplicates
from thresher.core import embed, load_dataset, neighbor_graph
from thresher.core.columns import read_labels, read_row_ids, read_splits

loaded = load_dataset("digits")
dataset, schema = loaded.dataset, loaded.schema
splits, labels = read_splits(dataset), read_labels(dataset, schema)

embeddings = embed(dataset, column="image")
graph = neighbor_graph(embeddings, threshold=0.95)
duplicates = find_near_duplicates(graph, protect=splits == "test")
leaks = find_leakage(graph, splits=splits)
wrong = find_label_issues(labels, embeddings=embeddings, classes=schema.classes)

manifest = decide(
    duplicates.to_issues(),
    leaks.to_issues(),
    wrong.to_issues(),
    row_ids=read_row_ids(dataset),
    splits=splits,
)
applied = manifest.apply(dataset)
print(f"{len(dataset)} rows, {len(applied.dataset)} kept: {manifest.reasons()['drop']}")

again = manifest.undo(applied.dataset, applied.removed)
assert again["row_id"][:] == dataset["row_id"][:]
print("undone: every row is back, in its place")
