"""What is labeled: one class a row, several, a number, spans of a text or boxes of an image."""

from __future__ import annotations

from .registry import TASKS as TASKS
from .registry import get_task as get_task
from .task import Task as Task
