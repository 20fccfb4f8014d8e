"""Use vectors of your own: near duplicates and the rows to label next, without any encoder.

Run: python examples/own_embeddings.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from active_learning import query, simulate
from curation import find_near_duplicates
from thresher.core import Embeddings, neighbor_graph

pixels, labels = load_digits(return_X_y=True)
embeddings = Embeddings.from_vectors(pixels)

duplicates = find_near_duplicates(neighbor_graph(embeddings, threshold=0.995))
print(f"{int((~duplicates.kept).sum())} rows have a kept twin within cosine .995")
print("the least sure of them:", duplicates.borderline(3)[2].round(4))

first = query(embeddings, n=10)
print("classes of the first ten rows to label:", np.sort(labels[first.positions]))

curves = simulate(embeddings, labels, strategies=("auto", "random"), budgets=(10, 20, 40), seeds=2)
for name, accuracy in zip(curves.strategies, curves.accuracy.mean(axis=1), strict=True):
    print(f"{name:>7}: " + ", ".join(f"{100 * value:.0f} %" for value in accuracy))
