"""What the five packages share: rows, encoders, neighbors, issues, manifest, labels, costs.

Names are loaded on first use, so that importing this package costs nothing and never loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:
    from .detection.detection_set import DetectionSet as DetectionSet
    from .detection.loading import load_detection_set as load_detection_set
    from .detection.predictions import Predictions as Predictions
    from .detection.predictions import load_predictions as load_predictions
    from .detection.writing import write_detection_set as write_detection_set
    from .embeddings import Embeddings as Embeddings
    from .encoders import embed as embed
    from .encoders import get_encoder as get_encoder
    from .errors import ThresherError as ThresherError
    from .issues import Issues as Issues
    from .labels import Labels as Labels
    from .ledger import CostLedger as CostLedger
    from .loading import load_dataset as load_dataset
    from .manifest import Manifest as Manifest
    from .manifest_parts import ManifestParts as ManifestParts
    from .neighbors import NeighborGraph as NeighborGraph
    from .rows import with_row_ids as with_row_ids
    from .search import neighbor_graph as neighbor_graph
    from .token_counts import TokenCounter as TokenCounter
    from .writing import write_dataset as write_dataset

_HOME = {
    "CostLedger": "ledger",
    "DetectionSet": "detection.detection_set",
    "Embeddings": "embeddings",
    "Issues": "issues",
    "Labels": "labels",
    "Manifest": "manifest",
    "ManifestParts": "manifest_parts",
    "NeighborGraph": "neighbors",
    "Predictions": "detection.predictions",
    "ThresherError": "errors",
    "TokenCounter": "token_counts",
    "embed": "encoders",
    "get_encoder": "encoders",
    "load_dataset": "loading",
    "load_detection_set": "detection.loading",
    "load_predictions": "detection.predictions",
    "neighbor_graph": "search",
    "with_row_ids": "rows",
    "write_dataset": "writing",
    "write_detection_set": "detection.writing",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
