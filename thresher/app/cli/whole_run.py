"""Go through a run and print its outcome: what several commands end with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ...core.counted import counted
from ...core.errors import GateError
from ..console import shown_progress
from ..result import RunResult
from ..settings import Settings, to_toml
from ..terminal import write_line


def go(
    function: Callable[..., RunResult], data: str, out: Path, settings: Settings, *, as_json: bool
) -> None:
    """Run the stages, and print what came of it.

    Raises
    ------
    GateError
        After everything was printed, when a limit was not met.
    """
    from ..tables import print_result

    with shown_progress():
        result = function(data, out=out, settings=settings)
    if as_json:
        write_line(json.dumps(result.to_json(), sort_keys=True))
    else:
        print_result(result)
    if result.missed_gates:
        raise GateError(f"Not met: {'; '.join(result.missed_gates)}.")


def show_plan(data: str, settings: Settings, *, until: str, as_json: bool) -> None:
    """Read the data, and print settings and stages without writing anything."""
    from ..pipeline import look, plan
    from ..steps.starts import WITHOUT_TEACHER

    with shown_progress():
        loaded = look(data, settings=settings, until=until)
    rows, aside = len(loaded.dataset), len(loaded.set_aside)
    stages = plan(settings, until=until, modality=loaded.schema.modality)
    if as_json:
        said = {"rows": rows, "set_aside": aside, "settings": settings.model_dump()}
        write_line(json.dumps(said | {"stages": stages}))
        return
    write_line(f"{to_toml(settings, {})}\nStages: {' → '.join(stages)}")
    if "start" in stages:
        write_line(WITHOUT_TEACHER)
    write_line(f"{counted(rows, 'row')} can be read, {aside:,} cannot. Nothing was written.")
