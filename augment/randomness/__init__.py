"""Random numbers that follow from a seed, a row and an epoch, and from nothing else."""

from __future__ import annotations
