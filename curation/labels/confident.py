"""Confident learning: counting wrong labels with per-class thresholds.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021).
The results equal those of cleanlab 2.9 (``get_label_issues``, ``compute_confident_joint``,
``num_label_issues``), to which the tests compare. Costs O(n K).
"""

from __future__ import annotations

FILTERS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "argmax")
