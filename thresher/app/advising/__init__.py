"""Advice: short probes of a user's rows say which lever pays first, before a run."""
