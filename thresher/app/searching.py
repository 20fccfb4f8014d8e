"""A search on a user's data: rows into samples, the search, and a judgment on test rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from augment import Augmenter, policies
from training import Samples, evaluate, search_compact
from training.evaluation import Evaluation
from training.loop.feed import Augment
from training.search import SearchResult

from ..core.progress import messages
from .settings import DataSettings
from .steps.load import load_by_columns
from .steps.samples import read_parts


class SearchOptions(TypedDict, total=False):
    """The options of `search_compact` that the command line has."""

    max_ms: float | None
    max_bytes: int | None
    min_accuracy: float | None
    batch_size: int
    threads: int
    families: list[str] | None
    widths: list[int] | None
    bits: list[int]
    prune: list[float]
    epochs: int | None
    budget_s: float | None
    random_state: int


@dataclass(frozen=True)
class SearchOutcome:
    """A search and what the chosen file reaches on rows that took no part in it.

    Attributes
    ----------
    result : SearchResult
    test : Evaluation or None
        None when nothing was chosen.
    """

    result: SearchResult
    test: Evaluation | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        found = self.result.to_json()
        if self.test is not None:
            interval = list(self.test.interval)
            found["test"] = {"accuracy": self.test.accuracy, "interval": interval}
        return found


def search_data(
    data: str,
    folder: Path,
    columns: DataSettings,
    options: SearchOptions,
    *,
    device: str = "auto",
) -> SearchOutcome:
    """Search on the training rows of `data`, choose on validation rows, judge on test rows.

    Splits that the data lacks are made from the row ids. Pictures are shifted by up to an eighth
    while training, which keeps the label of any picture.
    """
    seed = options.get("random_state", 0)
    loaded = load_by_columns(data, columns, seed=seed)
    messages(loaded.role_lines)
    parts = read_parts(loaded, settings=columns, device=device)
    samples = parts.of(parts.train)
    result = search_compact(
        samples,
        parts.of(parts.validation),
        folder=folder,
        classes=parts.classes,
        preprocessing=parts.preprocessing,
        augment=_augment(samples, seed),
        device=device,
        **options,
    )
    test = None if result.chosen is None else evaluate(result.load(), parts.of(parts.test))
    return SearchOutcome(result, test)


def _augment(samples: Samples, seed: int) -> Augment | None:
    if samples.modality != "image":
        return None
    pad = max(1, min(samples.input_shape[1:]) // 8)
    return Augmenter(policies.crop_flip(pad=pad, flip=False), random_state=seed).for_training()
