"""``m2v:``, static token vectors of the model2vec library; fast, on the CPU, without torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..choice import Choice
from ..errors import require
from .function import FunctionEncoder
from .pretrained import Wanted, check_modality, find_folder, loading, wrap


def load(target: str, *, modality: str | None, device: str) -> FunctionEncoder:  # noqa: ARG001
    """Load a model by name, or from a folder without any network."""
    spec = f"m2v:{target}"
    modality = check_modality(spec, modality, ("text",))
    folder = find_folder(target)
    library: Any = require("model2vec", extra="m2v")
    repository = target if "/" in target else f"minishlab/{target}"
    with loading(Wanted.encoder(spec, modality=modality), repository=repository):
        model = library.StaticModel.from_pretrained(str(folder or repository))
    return wrap(
        lambda texts: np.asarray(model.encode(texts)),
        spec=spec,
        modality=modality,
        library="model2vec",
        identity=(np.asarray(model.embedding), bool(model.normalize)),
        device=Choice("cpu", "static vectors are looked up, not computed"),
    )
