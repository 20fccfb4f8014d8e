"""The report of a finished run, written at its end, and again with other prices."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import check_choice
from ...core.files import write_text
from ...core.shown import Shown
from ...core.signatures import checked
from ..costs import DEVICES, total_costs
from ..result import RunResult
from .content import collect
from .run_findings import only_cleaned, write_cleaning_report
from .templates import template


@dataclass(frozen=True, repr=False)
class RunReport(Shown):
    """The page of a run, and what the run cost by the prices that were given."""

    path: Path
    costs: dict[str, Any]


@checked
def report(
    folder: str | os.PathLike[str], *, price_per_hour: Mapping[str, float] | None = None
) -> RunReport:
    """Write ``report.html`` of a finished run again.

    Parameters
    ----------
    folder : path-like
        Of the run.
    price_per_hour : mapping of str to float, optional
        Price of the machine by device, such as ``{"cpu": 0.1}``, in place of what the run was told.

    Returns
    -------
    RunReport

    Raises
    ------
    InputError
        When `folder` is not the folder of a finished run.

    Examples
    --------
    >>> import datasets
    >>> numbers = {"x": list(range(60)), "label": ["low"] * 30 + ["high"] * 30}
    >>> rows = datasets.Dataset.from_dict(numbers)
    >>> from thresher.app import report, run
    >>> _ = run(rows, out="runs/first", until="curate")
    >>> report("runs/first", price_per_hour={"cpu": 0.1}).path.name
    'report.html'
    """
    for device in price_per_hour or ():
        check_choice("price_per_hour", device, DEVICES)
    path = write_report(Path(folder), prices=price_per_hour)
    result = RunResult.load(Path(folder))
    stages = [stage["cost"] for stage in result.stages]
    costs = total_costs(stages, prices=price_per_hour) if price_per_hour else result.costs
    return RunReport(path, costs)


def write_report(folder: Path, *, prices: Mapping[str, float] | None = None) -> Path:
    """Write the report of a finished run and return its path.

    Parameters
    ----------
    folder : Path
    prices : mapping of str to float, optional
        Price of an hour by device, in place of what the run was told.

    Raises
    ------
    InputError
        When `folder` is not the folder of a finished run.
    """
    path, result = folder / "report.html", RunResult.load(folder)
    if only_cleaned(result):
        write_cleaning_report(path, result, prices=prices)
        return path
    write_text(path, template("page.html.j2").render(collect(folder, prices=prices)))
    return path
