"""Rows to train on: inputs, targets, weights and row ids; tokens of texts."""
