"""What the training stages work with: rows, who may be used, and what those stages depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.compute as pc

from training import Samples

from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ...core.manifest_rows import positions
from ...core.text_arrays import in_texts, text_array
from ..settings import DataSettings
from ..stages import Done
from .samples import Parts, read_parts


@dataclass
class Material:
    """Rows for training, decoded on first use and then shared by all stages of a process.

    Attributes
    ----------
    rows : Done of LoadedDataset
    settings : DataSettings
    device : str
        What is computed on, as chosen for the run.
    threads : int or "auto"
        As asked for: a run that follows the machine's processors stays the same run on a machine
        with more of them, although the last bits of sums depend on their number.
    precision : str
        As asked for.
    kept : Done of row ids, optional
        Only these training rows are used (a core set).
    labeled : Done of row ids, optional
        Only these training rows have a label; the others are a pool for distillation.
    judged : Done of Manifest, optional
        What becomes of these labels: rows that are dropped count among those without one.
    classes_known : bool
        Whether classes may tell which training rows are drawn for validation.
    whole : bool
        Whether all rows are decoded at once; else each part when it is asked for.
    """

    rows: Done[LoadedDataset]
    settings: DataSettings
    device: str
    threads: int | str
    precision: str
    kept: Done[np.ndarray] | None = None
    labeled: Done[np.ndarray] | None = None
    judged: Done[Manifest] | None = None
    classes_known: bool = True
    whole: bool = True
    needs: Sequence[Done[Any]] = field(init=False)

    def __post_init__(self) -> None:
        given = (self.kept, self.labeled, self.judged)
        self.needs = [self.rows, *(done for done in given if done is not None)]

    @cached_property
    def parts(self) -> Parts:
        """All rows as samples, and the positions of the parts."""
        parts = read_parts(
            self.rows.value,
            settings=self.settings,
            device=self.device,
            whole=self.whole,
            by_class=self.classes_known,
        )
        return parts if self.judged is None else _relabeled(parts, self.judged.value)

    @property
    def key(self) -> dict[str, Any]:
        """What shapes the inputs and how they are computed on, beside the rows."""
        return {
            "image_size": self.settings.image_size,
            "device": self.device,  # the size of images follows from it
            "threads": self.threads,
            "precision": self.precision,
        }

    @cached_property
    def pool_at(self) -> np.ndarray:
        """Positions of the training rows that may be used, int64."""
        return self._only(self.parts.train, self.kept)

    @cached_property
    def paid_at(self) -> np.ndarray:
        """Positions of those whose labels are known, int64, whatever becomes of them."""
        return self._only(self.pool_at, self.labeled)

    @cached_property
    def train_at(self) -> np.ndarray:
        """Positions of those that may be used with their labels, int64."""
        if self.judged is None:
            return self.paid_at
        table = self.judged.value.table
        dropped = table.filter(pc.equal(table["action"], "drop"))["row_id"].to_pylist()
        gone = in_texts(self.parts.row_ids[self.paid_at], text_array(dropped))
        return np.asarray(self.paid_at[~gone])

    @property
    def labels(self) -> int:
        """Labels that had to be known: those of training and validation rows."""
        return len(self.paid_at) + len(self.parts.validation)

    @cached_property
    def pool(self) -> Samples:
        """Training rows that may be used, labeled or not."""
        return self.parts.of(self.pool_at)

    @cached_property
    def train(self) -> Samples:
        """Training rows that may be used with their labels."""
        return self.parts.of(self.train_at)

    @cached_property
    def validation(self) -> Samples:
        """Rows for choices during training."""
        return self.parts.of(self.parts.validation)

    @cached_property
    def test(self) -> Samples:
        """Rows that nothing but the final accuracy is measured on."""
        return self.parts.of(self.parts.test)

    def _only(self, positions: np.ndarray, chosen: Done[np.ndarray] | None) -> np.ndarray:
        if chosen is None:
            return positions
        allowed: np.ndarray = in_texts(self.parts.row_ids[positions], chosen.value)
        return np.asarray(positions[allowed])


def _relabeled(parts: Parts, judged: Manifest) -> Parts:
    """Return the parts with the labels that rows have been given instead of their own."""
    table = judged.table.filter(pc.equal(judged.table["action"], "relabel"))
    codes = parts.codes.copy()
    new = [parts.classes.index(name) for name in table["new_label"].to_pylist()]
    codes[positions(text_array(table["row_id"].to_pylist()), parts.row_ids)] = new
    return replace(parts, codes=codes)
