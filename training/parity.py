"""Is the exported model the model that was trained? Both compute the same rows; rows are named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from thresher.core.counted import counted, percent
from thresher.core.cpu import instruction_sets
from thresher.core.errors import GateError, InputError, check_number
from thresher.core.shown import Shown
from thresher.core.signatures import checked

from .evaluation import predict_logits, rows_at_once
from .exporting import ExportedModel
from .rows.samples import Samples


@dataclass(frozen=True, eq=False, repr=False)
class Parity(Shown):
    """How far an exported model and its torch model agree.

    Attributes
    ----------
    agreement : float
        Share of rows with the same most likely class.
    max_abs_diff, mean_abs_diff : float
        Of the logits.
    differing : ndarray of str
        Row ids whose most likely class differs.
    rows : int
    machine : tuple of str
        Instruction sets of the processor that both ran on, from `instruction_sets`.
    """

    agreement: float
    max_abs_diff: float
    mean_abs_diff: float
    differing: np.ndarray
    rows: int
    machine: tuple[str, ...]

    def require(self, agreement: float = 0.99) -> Parity:
        """Return self, or raise `GateError` that names rows when too few agree."""
        check_number("agreement", agreement, low=0, high=1)
        if self.agreement < agreement:
            listed = ", ".join(map(str, self.differing[:5]))
            raise GateError(
                "The exported model agrees with the torch model on "
                f"{percent(self.agreement, digits=2)} of "
                f"{counted(self.rows, 'row')} on this machine ({', '.join(self.machine)}), below "
                f"{percent(agreement, digits=2)}. First differing rows: {listed}."
            )
        return self


@checked
def check_parity(
    exported: ExportedModel, model: nn.Module, samples: Samples, *, batch_size: int = 256
) -> Parity:
    """Compare the logits of an exported model with those of the torch model, row by row.

    Parameters
    ----------
    exported : ExportedModel
    model : nn.Module
        The model that was exported: float, or the simulation of a quantized one.
    samples : Samples
        Rows to compare on; labels are not used.

    Raises
    ------
    InputError
        When there are no rows.

    Examples
    --------
    >>> import numpy as np
    >>> from training import check_parity, compact_model, export, samples_from_arrays
    >>> rows = samples_from_arrays(np.eye(4, dtype=np.float32), row_ids=np.array(list("abcd")))
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> parity = check_parity(export(model, "file", classes=["no", "yes"]), model, rows)
    >>> parity.agreement
    1.0
    """
    if not len(samples):
        raise InputError("`samples` is empty: parity needs rows.")
    batch_size = rows_at_once(samples.inputs, batch_size)
    ours = exported.predict(samples.inputs, batch_size=batch_size)
    theirs = predict_logits(model, samples, batch_size=batch_size, device="cpu")
    differs = ours.argmax(1) != theirs.argmax(1)
    gap = np.abs(ours - theirs)
    return Parity(
        agreement=float(1 - differs.mean()),
        max_abs_diff=float(gap.max()),
        mean_abs_diff=float(gap.mean()),
        differing=samples.row_ids[differs],
        rows=len(samples),
        machine=instruction_sets(),
    )
