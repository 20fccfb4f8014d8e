"""The labels of a session as a dataset of the Hugging Face Hub, with its card."""

from __future__ import annotations
