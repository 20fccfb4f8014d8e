"""An exported model behind HTTP: batches, caches, stages, swaps."""
