"""Whether a reference is one of the model in use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lifecycle.monitoring.reference import Reference

from ...core.counted import counted
from ...core.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

PathLike = str | os.PathLike[str]


def check_reference(known: Reference, table: pa.Table, *, path: PathLike, log: PathLike) -> None:
    """Refuse a reference of another model than the one in use; it would tell nothing of this."""
    model = str(table["model"][-1])
    shares = next((row for row in table["probabilities"].to_pylist() if row is not None), None)
    strange = sorted(set(table["answer"].to_pylist()) - set(known.classes))
    said = ""
    if known.model and not known.model.startswith(model):
        said = f"of model {known.model[: len(model)]}; the model in use in {log} is {model}"
    elif shares is not None and len(shares) != known.probabilities.shape[1]:
        said = (
            f"of a model with {counted(known.probabilities.shape[1], 'class', 'classes')}, the "
            f"model in use {len(shares)} ({model} in {log})"
        )
    elif shares is not None and known.classes and strange:
        said = (
            f"of a model without the class {strange[0]!r}, which the model in use answers ({model} "
            f"in {log})"
        )
    if said:
        raise InputError(
            f"{path} is a reference {said}. Write one of this model: thresher monitor-reference "
            "MODEL DATA --out FILE."
        )
