"""From a trained network to its files: quantized, exported, measured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from thresher.core.errors import InputError, ThresherWarning

from ..evaluation import evaluate
from ..exporting import export
from ..quantization import quantize
from ..rows.samples import Samples
from .bench import time_file
from .candidate import FLOAT_BITS, Candidate, Variant
from .record import SearchRecord


@dataclass(frozen=True, eq=False)
class Finisher:
    """Makes the variants of a trained network.

    Attributes
    ----------
    samples, validation : Samples
    record : SearchRecord
    classes : sequence of str
    preprocessing : mapping or None
    batch_size, threads : int
        Of the timing.
    seed : int
    """

    samples: Samples
    validation: Samples
    record: SearchRecord
    classes: Sequence[str]
    preprocessing: Mapping[str, Any] | None
    batch_size: int
    threads: int
    seed: int

    def finish(
        self, variant: Variant, network: Callable[[], nn.Module], *, epochs: int
    ) -> Candidate:
        """Quantize, export and measure one variant, unless it lies in the folder already.

        Parameters
        ----------
        variant : Variant
        network : callable
            Returns the trained, and where the variant says so pruned, network; left as it is.
        epochs : int
            That the whole network was trained for.
        """
        known = self.record.measured(variant.name)
        if known is not None and known["epochs"] == epochs:
            return Candidate.from_json(known)
        try:
            made = self._quantized(variant, network())
        except InputError as error:
            return Candidate(variant, "not possible", str(error), epochs)
        exported = export(
            made,
            self.record.model(variant.name),
            classes=self.classes,
            preprocessing=self.preprocessing,
            name=variant.name,
            threads=self.threads,
        )
        judged = evaluate(exported, self.validation)
        found = Candidate(
            variant,
            "finished",
            epochs=epochs,
            costs=time_file(exported, batch_size=self.batch_size),
            accuracy=judged.accuracy,
            interval=judged.interval,
        )
        self.record.keep_measured(variant.name, found.to_json())
        return found

    def _quantized(self, variant: Variant, network: nn.Module) -> nn.Module:
        if variant.bits == FLOAT_BITS:
            return network.eval()
        with warnings.catch_warnings():
            # The accuracy of each candidate is measured and shown.
            warnings.simplefilter("ignore", ThresherWarning)
            return quantize(
                network,
                self.samples,
                method="ptq",
                weight_bits=variant.bits,
                validation=self.validation,
                random_state=self.seed,
            )
