"""Personal data in texts: found by their forms and check digits, and masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .finding import PersonalData as PersonalData
    from .finding import find_personal_data as find_personal_data

_HOME = {"PersonalData": "finding", "find_personal_data": "finding"}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
