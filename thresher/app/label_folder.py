"""The folder of a labeling session: the rows, their vectors, and the file of labels.

``rows/`` is a saved dataset, ``embeddings/`` the vectors, ``labels.db`` the session (SQLite),
``label.json`` says what the rows are; each is readable without us.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.columns import read_column, read_row_ids, take_rows
from ..core.embeddings import Embeddings
from ..core.errors import InputError
from ..core.files import atomic_path, read_json, write_json
from ..core.leftovers import holds_nothing
from ..core.loaded import LoadedDataset
from ..core.schema import ROW_ID, SPLIT, Schema
from ..core.writing import write_dataset

if TYPE_CHECKING:
    import datasets

    from active_learning import Session

FORMAT = 1
HEAD, DATABASE = "label.json", "labels.db"
DATA = "data"  # who gave the labels that the data came with
SIGNATURES = {b"\xff\xd8": "jpg", b"\x89P": "png", b"GI": "gif", b"BM": "bmp", b"RI": "webp"}


@dataclass(frozen=True)
class Start:
    """What a new session is started with; see `Session`. `classes` may be left out for regression.

    ``candidates`` is a mask of the rows that may be asked, ``costs`` the cost of a label for each,
    ``known`` the labels that are known already, as text, by row id.
    """

    classes: tuple[str, ...] | None = None
    task: str = "classification"
    strategy: str = "auto"
    audit: float = 0.1
    random_state: int = 0
    candidates: np.ndarray | None = None
    costs: np.ndarray | None = None
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelFolder:
    """An existing folder; several processes may use one at a time."""

    folder: Path

    def __post_init__(self) -> None:
        if not (self.folder / HEAD).exists():
            raise InputError(
                f"{self.folder} holds no labeling session. Start one with: thresher label init "
                f"DATA --out {self.folder} --classes yes,no"
            )

    @classmethod
    def create(
        cls, folder: Path, loaded: LoadedDataset, embeddings: Embeddings, start: Start
    ) -> LabelFolder:
        """Write the rows, their vectors and an empty session, all or nothing.

        Raises
        ------
        InputError
            When there is a session already.
        """
        if (folder / HEAD).exists():
            raise InputError(
                f"{folder} holds a labeling session already. Go on with: thresher label next "
                f"{folder}; or choose another folder."
            )
        if not holds_nothing(folder):
            raise InputError(f"{folder} is not empty. Choose another folder.")
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            write_dataset(loaded.dataset, temporary / "rows", format="directory")
            embeddings.save(temporary / "embeddings")
            for name in ("candidates", "costs"):
                if getattr(start, name) is not None:
                    np.save(temporary / f"{name}.npy", getattr(start, name))
            head = {"format": FORMAT, "schema": loaded.schema.to_json(), "origin": loaded.origin}
            write_json(temporary / HEAD, head)
            with cls(temporary).open(start) as session:
                known = {row: session.task.parse(text) for row, text in start.known.items()}
                session.tell(known, annotator=DATA)
        return cls(folder)

    def open(self, start: Start | None = None, *, background: bool = False) -> Session:
        """Open the session; models are fitted when rows are asked for, or in the background."""
        from active_learning import Session

        given: dict[str, Any] = {}
        if start is not None:
            given = {
                "classes": start.classes,
                "task": start.task,
                "strategy": start.strategy,
                "audit": start.audit,
                "random_state": start.random_state,
            }
        return Session(
            self.folder / DATABASE,
            embeddings=Embeddings.load(self.folder / "embeddings"),
            candidates=self._array("candidates"),
            costs=self._array("costs"),
            background=background,
            **given,
        )

    def _array(self, name: str) -> np.ndarray | None:
        path = self.folder / f"{name}.npy"
        return np.load(path) if path.exists() else None

    @property
    def schema(self) -> Schema:
        """What the columns of the rows mean."""
        head = read_json(self.folder / HEAD)
        if head.get("format") != FORMAT:
            raise InputError(
                f"{self.folder} has format {head.get('format')}, this version reads {FORMAT}. "
                "Start a new folder and import the answers of this one."
            )
        return Schema.from_json(head["schema"])

    def rows(self) -> datasets.Dataset:
        """Return what the rows hold: ids, splits and the columns that are labeled by."""
        import datasets

        dataset = datasets.load_from_disk(str(self.folder / "rows"))
        there = [name for name in (ROW_ID, SPLIT) if name in dataset.column_names]
        return dataset.select_columns([*there, *self.schema.inputs])

    @cached_property
    def _placed(self) -> tuple[datasets.Dataset, dict[str, int]]:
        """The rows, and the place of each by its id."""
        dataset = self.rows()
        return dataset, {row: place for place, row in enumerate(read_row_ids(dataset).tolist())}

    def cells(self, row_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return, by row id, the input columns by name; images as the bytes of their files."""
        dataset, place = self._placed
        rows = take_rows(dataset, np.array([place[row] for row in row_ids], dtype=np.int64))
        schema = self.schema
        columns = {name: read_column(rows, name).to_pylist() for name in schema.inputs}
        if schema.modality == "image":
            columns = {name: [cell["bytes"] for cell in cells] for name, cells in columns.items()}
        return {
            row: {name: values[number] for name, values in columns.items()}
            for number, row in enumerate(row_ids)
        }

    def content(self, row_ids: Sequence[str], *, images: Path) -> dict[str, dict[str, Any]]:
        """Return what to look at for each row: its text, its numbers, or the path of its image.

        Images are written into the folder `images`.
        """
        cells, schema = self.cells(row_ids), self.schema
        if schema.modality == "image":
            images.mkdir(parents=True, exist_ok=True)
            return {
                row: {"image": _write_image(cells[row][schema.inputs[0]], row, number, images)}
                for number, row in enumerate(row_ids)
            }
        return {row: {_shown(name): value for name, value in cells[row].items()} for row in row_ids}


def costs_of(loaded: LoadedDataset, *, column: str | None) -> np.ndarray | None:
    """Return the costs that a column holds, float64, shape (n,); None without a name."""
    if column is None:
        return None
    values = read_column(loaded.dataset, column).to_pylist()
    costs = np.empty(len(values))
    for place, value in enumerate(values):
        try:
            costs[place] = float(value)
        except (TypeError, ValueError) as error:
            row = read_row_ids(loaded.dataset)[place]
            raise InputError(
                f"The cost of row {str(row)!r} must be a number, got {value!r}."
            ) from error
    return costs


def kept_rows(manifest: Path | None, row_ids: np.ndarray) -> np.ndarray | None:
    """Return the mask of rows that a manifest of curation does not drop; None without one."""
    if manifest is None:
        return None
    from ..core.manifest import Manifest

    decided = Manifest.load(manifest).align(row_ids)
    return np.asarray(decided.actions != "drop")


def known_answers(loaded: LoadedDataset, labels: Iterable[Any]) -> dict[str, str]:
    """Return the labels that rows have already, by row id, as text."""
    pairs = zip(read_row_ids(loaded.dataset).tolist(), labels, strict=True)
    return {row: str(label) for row, label in pairs if label is not None}


def _shown(name: str) -> str:
    """Keep a column of the data apart from those that the export writes."""
    from active_learning.adapters.table_writing import TAKEN

    return f"data_{name}" if name in TAKEN else name


def _write_image(data: bytes, row: str, number: int, folder: Path) -> str:
    name = re.sub(r"[^\w.-]+", "_", row)[:80]
    path = folder / f"{number:04d}-{name}.{SIGNATURES.get(data[:2], 'img')}"
    path.write_bytes(data)
    return str(path)
