"""Stretch: deterministic augmentation, checked for what it does to the labels.

Names are loaded on first use, so that importing this package costs nothing and never loads torch
or albumentations.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import policies as policies
    from .albumentations import AlbumentationsAugmenter as AlbumentationsAugmenter
    from .auditing import AuditReport as AuditReport
    from .auditing import audit as audit
    from .augmenter import Augmenter as Augmenter
    from .cache import cache_decoded as cache_decoded
    from .cache import open_cache as open_cache
    from .choose import PolicyChoice as PolicyChoice
    from .choose import choose_policy as choose_policy
    from .grid import preview as preview
    from .loader import BatchLoader as BatchLoader
    from .mixing import MixBatch as MixBatch
    from .policy import AugMix as AugMix
    from .policy import OneOf as OneOf
    from .policy import Policy as Policy
    from .policy import Step as Step
    from .prediction import TestTimeAugment as TestTimeAugment
    from .schedule import Schedule as Schedule

_HOME = {
    "AlbumentationsAugmenter": "albumentations",
    "AugMix": "policy",
    "AuditReport": "auditing",
    "Augmenter": "augmenter",
    "BatchLoader": "loader",
    "MixBatch": "mixing",
    "OneOf": "policy",
    "Policy": "policy",
    "PolicyChoice": "choose",
    "Schedule": "schedule",
    "Step": "policy",
    "TestTimeAugment": "prediction",
    "audit": "auditing",
    "cache_decoded": "cache",
    "choose_policy": "choose",
    "open_cache": "cache",
    "preview": "grid",
}
__all__ = sorted([*_HOME, "policies"])


def __getattr__(name: str) -> Any:
    if name == "policies":
        return import_module(".policies", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
