"""``st:``, text models of the sentence-transformers library (N. Reimers and I. Gurevych, 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..choice import choose_device
from ..errors import require
from .function import FunctionEncoder
from .pretrained import BATCH, check_modality, find_folder, hash_weights, loading, wrap


def load(target: str, *, modality: str | None, device: str) -> FunctionEncoder:
    """Load a model by name, or from a folder without any network."""
    spec = f"st:{target}"
    modality = check_modality(spec, modality, ("text",))
    folder, place = find_folder(target), choose_device(device)
    library: Any = require("sentence_transformers", extra="st")
    repository = target if "/" in target else f"sentence-transformers/{target}"
    with loading(spec, repository=repository, modality=modality):
        model = library.SentenceTransformer(
            str(folder or target), device=place.value, local_files_only=folder is not None
        )

    def encode(texts: list[str]) -> np.ndarray:
        return np.asarray(model.encode(texts, batch_size=BATCH, show_progress_bar=False))

    return wrap(
        encode,
        spec=spec,
        modality=modality,
        library="sentence-transformers",
        identity=(hash_weights(model), model.max_seq_length),
        device=place,
    )
