"""Encoders: images, texts and numeric rows as unit-length vectors, with or without a network.

Names are loaded on first use; no encoder's libraries load before that encoder is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .embedding import embed as embed
    from .protocol import Encoder as Encoder
    from .registry import get_encoder as get_encoder
    from .registry import load_encoder as load_encoder

_HOME = {
    "Encoder": "protocol",
    "embed": "embedding",
    "get_encoder": "registry",
    "load_encoder": "registry",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
