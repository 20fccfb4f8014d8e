"""Conversations for training assistants: read, checked, deduplicated, one answer kept a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .conversations import Conversations as Conversations
    from .conversations import read_conversations as read_conversations
    from .finding import ChatIssues as ChatIssues
    from .finding import find_chat_issues as find_chat_issues

_HOME = {
    "ChatIssues": "finding",
    "Conversations": "conversations",
    "find_chat_issues": "finding",
    "read_conversations": "conversations",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
