"""The training loop: settings, batches, steps, checkpoints, and the run that comes out."""
