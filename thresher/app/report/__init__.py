"""``report.html``: one file, no network, no script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...core.files import write_text
from ..result import RunResult
from .content import collect
from .run_findings import only_cleaned, write_cleaning_report
from .templates import template


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
