"""Go through a run and print its outcome: what several commands end with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

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


def show_plan(settings: Settings, *, until: str, as_json: bool) -> None:
    """Print settings and stages without doing anything."""
    from ..pipeline import plan

    stages = plan(settings, until=until)
    if as_json:
        write_line(json.dumps({"settings": settings.model_dump(), "stages": stages}))
    else:
        write_line(f"{to_toml(settings, {})}\nStages: {' → '.join(stages)}\nNothing was done.")
