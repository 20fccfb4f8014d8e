"""What a run found, decided, trained and measured: read by the table, the report and programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..core.files import read_json, write_json

FILE = "result.json"


@dataclass(frozen=True)
class Line:
    """One line of the savings table: what one stage works with, and what it cost.

    Attributes
    ----------
    stage : str
    rows, labels : int or None
        Training rows, and labels among them, that the stage used.
    train_s : float or None
        Wall seconds of training.
    train_flops : float or None
        Floating-point operations of training, forward and backward.
    megabytes : float or None
        Size of the model's file, in 10**6 bytes.
    milliseconds : float or None
        Median latency of one row in ONNX Runtime.
    accuracy, low, high : float or None
        Accuracy on the untouched test rows, with its 95 % interval.
    note : str
    """

    stage: str
    rows: int | None = None
    labels: int | None = None
    train_s: float | None = None
    train_flops: float | None = None
    megabytes: float | None = None
    milliseconds: float | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class RunResult:
    """The outcome of a run.

    ``metrics`` depends on data, settings and seed alone; everything that a clock measured is in
    ``lines``, ``stages`` and ``costs``.
    """

    folder: Path
    origin: str
    lines: tuple[Line, ...]
    metrics: dict[str, Any]
    choices: dict[str, str]
    stages: tuple[dict[str, Any], ...]
    gates: tuple[dict[str, Any], ...] = ()
    missed_gates: tuple[str, ...] = ()
    report: Path | None = None
    beside_reference: str = ""
    warnings: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    costs: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; paths as text."""
        value = asdict(self)
        value["folder"] = str(self.folder)
        value["report"] = None if self.report is None else str(self.report)
        return value

    def save(self) -> None:
        """Write ``result.json`` and ``metrics.json`` into the run's folder, atomically."""
        value = self.to_json()
        del value["folder"], value["report"]  # so that a moved folder stays true
        write_json(self.folder / FILE, value)
        write_json(self.folder / "metrics.json", self.metrics)

    @classmethod
    def load(cls, folder: Path) -> RunResult:
        """Read what `save` wrote."""
        if not (folder / FILE).is_file():
            raise InputError(f"{folder} has no {FILE}: it is not the folder of a finished run.")
        value = read_json(folder / FILE)
        value["lines"] = tuple(Line(**line) for line in value["lines"])
        value["stages"] = tuple(value["stages"])
        value["gates"] = tuple(value["gates"])
        value["missed_gates"] = tuple(value["missed_gates"])
        value["warnings"] = tuple(value.get("warnings", ()))  # older runs have none
        return cls(folder=folder, **value)
