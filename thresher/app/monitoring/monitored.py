"""What a look at a model in use has shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lifecycle.monitoring.calibration import Calibration
from lifecycle.monitoring.days import Day
from lifecycle.monitoring.drift import Drift
from lifecycle.monitoring.labels_a_day import LabelsNeeded
from lifecycle.monitoring.watch import WatchState
from lifecycle.triggers.trigger import Look


@dataclass(frozen=True)
class Monitored:
    """What a look has shown.

    Attributes
    ----------
    folder : Path
        Of what was written.
    page : Path
    model : str
        The newest in the log, which all else is about.
    rows : int
    days : list of Day
    labels : int
        Of this model.
    calibration : Calibration
    drift : Drift or None
        Of the last day; None without a reference.
    watch : WatchState or None
        None without a reference.
    needed : LabelsNeeded or None
        Labels a day to find a fall of 5 points within 7 days; None without a reference.
    looks : list of Look
        What the trigger said: of new days, or of all with ``dry_run``.
    asked : Path or None
        Where audit rows wait for labels.
    config : Path or None
        Settings of a new run, when the trigger fired.
    problems : list of str
    """

    folder: Path
    page: Path
    model: str
    rows: int
    days: list[Day]
    labels: int
    calibration: Calibration
    drift: Drift | None
    watch: WatchState | None
    needed: LabelsNeeded | None
    looks: list[Look] = field(default_factory=list)
    asked: Path | None = None
    config: Path | None = None
    problems: list[str] = field(default_factory=list)
