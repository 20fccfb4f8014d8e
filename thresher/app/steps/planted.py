"""How many of the planted faults were found, kind by kind."""

from __future__ import annotations

# The check that must find each kind of planted fault.
CHECK_OF = {
    "copies": ("exact_duplicate",),
    "near_copies": ("near_duplicate",),
    "swapped_labels": ("label",),
    "leaked": ("leakage",),
}
