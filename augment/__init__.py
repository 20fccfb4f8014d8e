"""Stretch: deterministic augmentation, checked for what it does to the labels.

Names are loaded on first use, so that importing this package costs nothing and never loads torch
or albumentations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from . import policies as policies
    from .albumentations import AlbumentationsAugmenter as AlbumentationsAugmenter
    from .auditing import AuditReport as AuditReport
    from .auditing import audit as audit
    from .augmenter import Augmenter as Augmenter
    from .cache import DecodedRows as DecodedRows
    from .cache import cache_decoded as cache_decoded
    from .cache import open_cache as open_cache
    from .choose import PolicyChoice as PolicyChoice
    from .choose import choose_policy as choose_policy
    from .dataset import AugmentedDataset as AugmentedDataset
    from .grid import preview as preview
    from .loader import BatchLoader as BatchLoader
    from .mixing import MixBatch as MixBatch
    from .per_class import ClassAugmenter as ClassAugmenter
    from .per_class import spare_classes as spare_classes
    from .policy import AugMix as AugMix
    from .policy import OneOf as OneOf
    from .policy import Policy as Policy
    from .policy import Step as Step
    from .prediction import TestTimeAugment as TestTimeAugment
    from .records import augment_stream as augment_stream
    from .records import read_tar as read_tar
    from .schedule import Schedule as Schedule

_HOME = {
    "AlbumentationsAugmenter": "albumentations",
    "AugMix": "policy",
    "AuditReport": "auditing",
    "AugmentedDataset": "dataset",
    "Augmenter": "augmenter",
    "BatchLoader": "loader",
    "ClassAugmenter": "per_class",
    "DecodedRows": "cache",
    "MixBatch": "mixing",
    "OneOf": "policy",
    "Policy": "policy",
    "PolicyChoice": "choose",
    "Schedule": "schedule",
    "Step": "policy",
    "TestTimeAugment": "prediction",
    "audit": "auditing",
    "augment_stream": "records",
    "cache_decoded": "cache",
    "choose_policy": "choose",
    "open_cache": "cache",
    "policies": "policies",
    "preview": "grid",
    "read_tar": "records",
    "spare_classes": "per_class",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
