"""Stretch: deterministic augmentation, checked for what it does to the labels.

Names are loaded on first use, so that importing this package costs nothing and never loads torch
or albumentations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names
from thresher.core.moved import moved_modules

if TYPE_CHECKING:
    from . import policies as policies
    from .albumentations import AlbumentationsAugmenter as AlbumentationsAugmenter
    from .augmenter import Augmenter as Augmenter
    from .choosing.auditing import AuditReport as AuditReport
    from .choosing.auditing import audit as audit
    from .choosing.choose import PolicyChoice as PolicyChoice
    from .choosing.choose import choose_policy as choose_policy
    from .feeding.cache import DecodedRows as DecodedRows
    from .feeding.cache import cache_decoded as cache_decoded
    from .feeding.cache import open_cache as open_cache
    from .feeding.dataset import AugmentedDataset as AugmentedDataset
    from .feeding.loader import BatchLoader as BatchLoader
    from .feeding.multiplicity import balanced as balanced
    from .feeding.records import augment_stream as augment_stream
    from .feeding.records import read_tar as read_tar
    from .grid import preview as preview
    from .mixing import MixBatch as MixBatch
    from .operations.nodes import AugMix as AugMix
    from .operations.nodes import OneOf as OneOf
    from .operations.nodes import Step as Step
    from .operations.policy import Policy as Policy
    from .operations.schedule import Schedule as Schedule
    from .per_class import ClassAugmenter as ClassAugmenter
    from .per_class import spare_classes as spare_classes
    from .prediction import TestTimeAugment as TestTimeAugment
    from .tabular import add_noise as add_noise
    from .text import augment_texts as augment_texts
    from .text import back_translate as back_translate
    from .text import splice as splice

_HOME = {
    "AlbumentationsAugmenter": "albumentations",
    "AugMix": "operations.nodes",
    "AuditReport": "choosing.auditing",
    "AugmentedDataset": "feeding.dataset",
    "Augmenter": "augmenter",
    "BatchLoader": "feeding.loader",
    "ClassAugmenter": "per_class",
    "DecodedRows": "feeding.cache",
    "MixBatch": "mixing",
    "OneOf": "operations.nodes",
    "Policy": "operations.policy",
    "PolicyChoice": "choosing.choose",
    "Schedule": "operations.schedule",
    "Step": "operations.nodes",
    "TestTimeAugment": "prediction",
    "add_noise": "tabular",
    "audit": "choosing.auditing",
    "augment_stream": "feeding.records",
    "augment_texts": "text",
    "back_translate": "text",
    "balanced": "feeding.multiplicity",
    "cache_decoded": "feeding.cache",
    "choose_policy": "choosing.choose",
    "open_cache": "feeding.cache",
    "policies": "policies",
    "preview": "grid",
    "read_tar": "feeding.records",
    "spare_classes": "per_class",
    "splice": "text",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
moved_modules(
    __name__,
    {
        "auditing": "choosing.auditing",
        "autoaugment": "operations.autoaugment",
        "backends": "kernels.backends",
        "cache": "feeding.cache",
        "catalog": "operations.catalog",
        "choose": "choosing.choose",
        "dataset": "feeding.dataset",
        "execution": "kernels.execution",
        "geometry": "operations.geometry",
        "images": "kernels.images",
        "kernel_numbers": "kernels.constants",
        "keyed": "randomness.keyed",
        "layout": "kernels.layout",
        "loader": "feeding.loader",
        "loading": "feeding.workers",
        "lookup": "kernels.lookup",
        "memory": "kernels.buffers",
        "multiplicity": "feeding.multiplicity",
        "opencv_kernels": "kernels.opencv_kernels",
        "opencv_tables": "kernels.opencv_tables",
        "operation": "operations.operation",
        "photometry": "operations.photometry",
        "pilots": "choosing.pilots",
        "plan": "operations.plan",
        "policy": "operations.policy",
        "prior": "choosing.prior",
        "records": "feeding.records",
        "sampling": "choosing.sampling",
        "schedule": "operations.schedule",
        "screen": "choosing.screen",
        "several": "feeding.ragged_batch",
        "single": "kernels.single_image",
        "stream": "randomness.stream",
        "tables": "kernels.pixel_tables",
        "teacher": "choosing.kernel_ridge",
        "torch_kernels": "kernels.torch_kernels",
        "windows": "kernels.windows",
    },
)
