"""Training over clients that keep their rows: packing, weighting, splits and shared duplicates."""
