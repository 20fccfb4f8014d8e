"""The data set as a whole: class imbalance, shortcuts to the label, order that carries meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .finding import find_corpus_issues as find_corpus_issues
    from .result import CorpusIssue as CorpusIssue
    from .result import CorpusIssues as CorpusIssues

_HOME = {"CorpusIssue": "result", "CorpusIssues": "result", "find_corpus_issues": "finding"}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
