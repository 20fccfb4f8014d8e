"""Sets, wrong labels and evidence of `curation_labels_families.py`, and its tables."""
