"""Prodigy's JSON Lines: tasks to annotate, and annotated examples, both ways.

The fields are those of Prodigy's documented interfaces: ``choice`` for classes (``options``,
``accept``), ``spans_manual``, ``image_manual`` (boxes with their ``points``) and ``text_input`` for
numbers, each with ``answer`` accept, reject or ignore. ``row_id``, ``annotator`` and ``seconds``
are ours; Prodigy hands on what it does not know.
"""

from __future__ import annotations

from .reading import is_prodigy, read
from .writing import write_answers, write_batch

__all__ = ["is_prodigy", "read", "write_answers", "write_batch"]
