"""Optimizers, learning rates over time, averages of weights."""
