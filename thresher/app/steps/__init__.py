"""The stages of a run: each reads what earlier ones left on disk and leaves its own."""
