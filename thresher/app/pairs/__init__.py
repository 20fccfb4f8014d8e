"""Pairs of images and captions: `curate_pairs` and its options."""
