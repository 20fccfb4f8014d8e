"""Model files that were exported: opening them without PyTorch, and what they say of themselves."""
