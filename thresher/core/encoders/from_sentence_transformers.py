"""``st:``, text models of the sentence-transformers library (N. Reimers and I. Gurevych, 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..choice import choose_device
from ..errors import require
from .from_transformers import count_longer
from .function import FunctionEncoder
from .lengths import Cuts
from .pretrained import BATCH, Wanted, check_modality, find_folder, hash_weights, loading, wrap


def read_model(target: str, *, wanted: Wanted, device: str) -> Any:
    """Load a ``SentenceTransformer`` by name, or from a folder without any network."""
    folder = find_folder(target)
    library: Any = require("sentence_transformers", extra="st")
    repository = target if "/" in target else f"sentence-transformers/{target}"
    with loading(wanted, repository=repository):
        return library.SentenceTransformer(
            str(folder or target), device=device, local_files_only=folder is not None
        )


def load(target: str, *, modality: str | None, device: str) -> FunctionEncoder:
    """Load a model as an encoder, by name or from a folder."""
    spec = f"st:{target}"
    modality = check_modality(spec, modality, ("text",))
    place = choose_device(device)
    wanted = Wanted.encoder(spec, modality=modality)
    model = read_model(target, wanted=wanted, device=place.value)

    cuts = Cuts(int(model.max_seq_length or 0))
    tokenizer = getattr(model, "tokenizer", None)

    def encode(texts: list[str]) -> np.ndarray:
        if cuts.longest and callable(tokenizer):
            # Nothing with fewer characters has as many tokens; two mark begin and end.
            full = [text for text in texts if len(text) + 2 > cuts.longest]
            cuts.count += count_longer(full, tokenizer, longest=cuts.longest)
        return np.asarray(model.encode(texts, batch_size=BATCH, show_progress_bar=False))

    return wrap(
        encode,
        spec=spec,
        modality=modality,
        library="sentence-transformers",
        identity=(hash_weights(model), model.max_seq_length),
        device=place,
        cuts=cuts,
    )
