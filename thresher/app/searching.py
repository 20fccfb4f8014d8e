"""A search on a user's data: rows into samples, the search, and a judgment on test rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Unpack

from augment import Augmenter, policies
from training import Samples, evaluate, search_compact
from training.evaluation import Evaluation
from training.loop.feed import Augment
from training.search import SearchResult

from ..core.options import Option, filled, options_of
from ..core.progress import messages
from ..core.shown import Shown
from ..core.signatures import checked
from .pages.search_page import write_search_page
from .read_options import InputOptions
from .settings import meaning, settings_of
from .sources import path_of
from .steps.load import load_by_columns
from .steps.samples import read_parts


class SearchOptions(InputOptions, total=False):
    """How the data are read, which networks are tried, and how long."""

    label: Annotated[str | None, Option(None, meaning("data.label"))]
    batch_size: Annotated[int, Option(1, "Rows of a batch, for the timing.", low=1)]
    threads: Annotated[int, Option(1, "Threads of the runtime, for the timing.", low=1)]
    families: Annotated[
        Sequence[str] | str | None, Option(None, "Networks to try; by default all.")
    ]
    widths: Annotated[Sequence[int] | int | None, Option(None, "Widths to try.")]
    bits: Annotated[Sequence[int] | int, Option((32, 8, 4), "Bits of a weight; 32 is float.")]
    prune: Annotated[
        Sequence[float] | float,
        Option((0.5,), "Shares of the FLOPs to prune; 0 prunes nothing."),
    ]
    epochs: Annotated[int | None, Option(None, "Epochs of the finalists.", low=1)]
    budget_s: Annotated[float | None, Option(None, "Seconds to aim at.")]
    random_state: Annotated[int, Option(0, meaning("seed"))]
    device: Annotated[str, Option("auto", meaning("device"))]


@dataclass(frozen=True, repr=False)
class SearchOutcome(Shown):
    """A search and what the chosen file reaches on rows that took no part in it.

    Attributes
    ----------
    result : SearchResult
    test : Evaluation or None
        None when nothing was chosen.
    page : Path
        What was tried, as a page.
    """

    result: SearchResult
    test: Evaluation | None
    page: Path

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        found = {**self.result.to_json(), "page": str(self.page)}
        if self.test is not None:
            interval = list(self.test.interval)
            found["test"] = {"accuracy": self.test.accuracy, "interval": interval}
        return found


@checked
def search(
    data: Any,
    *,
    out: str | os.PathLike[str],
    max_ms: float | None = None,
    max_bytes: int | None = None,
    min_accuracy: float | None = None,
    **options: Unpack[SearchOptions],
) -> SearchOutcome:
    """Find the network that meets limits on time, size and accuracy on this machine.

    Searches on the training rows, chooses on validation rows, judges on test rows; splits that the
    data lacks are made from the row ids. Images are shifted by up to an eighth while training,
    which keeps the label of any image.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes.
    out : path-like
        Folder of the search; the same call goes on there.
    max_ms : float, optional
        Median milliseconds of a batch.
    max_bytes : int, optional
        Bytes of the file.
    min_accuracy : float, optional
        Share of the validation rows.
    **options

    Returns
    -------
    SearchOutcome
        Its ``result.chosen`` is None when nothing meets the limits.

    Raises
    ------
    InputError
        For data that cannot be trained on.

    Examples
    --------
    >>> import datasets
    >>> numbers = {"x": list(range(60)), "label": ["low"] * 30 + ["high"] * 30}
    >>> rows = datasets.Dataset.from_dict(numbers)
    >>> from thresher.app import search
    >>> grid = {"families": ["mlp"], "widths": [8], "bits": [32], "prune": [0]}
    >>> found = search(rows, out="small", max_bytes=200_000, epochs=1, **grid)
    >>> found.result.chosen.costs.size_bytes < 200_000
    True
    """
    asked = filled(SearchOptions, options)
    seed, device = asked["random_state"], asked["device"]
    columns = settings_of({"data": _columns(options)}).data
    loaded = load_by_columns(data, columns, seed=seed)
    messages(loaded.role_lines)
    parts = read_parts(loaded, settings=columns, device=device)
    samples = parts.of(parts.train)
    folder = Path(out)
    result = search_compact(
        samples,
        parts.of(parts.validation),
        folder=folder,
        max_ms=max_ms,
        max_bytes=max_bytes,
        min_accuracy=min_accuracy,
        batch_size=asked["batch_size"],
        threads=asked["threads"],
        families=asked["families"],
        widths=asked["widths"],
        bits=asked["bits"],
        prune=asked["prune"],
        epochs=asked["epochs"],
        budget_s=asked["budget_s"],
        random_state=seed,
        classes=parts.classes,
        preprocessing=parts.preprocessing,
        augment=_augment(samples, seed),
        device=device,
    )
    test = None if result.chosen is None else evaluate(result.load(), parts.of(parts.test))
    page = write_search_page(result, origin=Path(path_of(data)).name or "rows in memory")
    return SearchOutcome(result, test, page)


def _columns(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said of the columns and files, as settings take it."""
    names = (*options_of(InputOptions), "label")
    return {name: options[name] for name in names if options.get(name) is not None}


def _augment(samples: Samples, seed: int) -> Augment | None:
    if samples.modality != "image":
        return None
    pad = max(1, min(samples.input_shape[1:]) // 8)
    return Augmenter(policies.crop_flip(pad=pad, flip=False), random_state=seed).for_training()
