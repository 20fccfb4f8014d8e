"""Decisions after the verdicts of people, and the data as decided."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InputError
from ..core.issues import Issues
from ..core.manifest import Manifest

if TYPE_CHECKING:
    from .cleaning import Cleaned


def judged(
    run: Path, verdicts: Path, *, by: str | None, new_labels: bool
) -> tuple[Manifest, Issues]:
    """Return the decisions of a folder after the verdicts of a file, and their findings."""
    from .clean_run import issues_in, manifest_in
    from .verdict_files import read_verdicts, record_of
    from .verdicts import with_verdicts

    manifest, issues = manifest_in(run), issues_in(run)
    said = read_verdicts(verdicts, manifest)
    if not said:
        raise InputError(f"{verdicts} holds no verdict: fill its column `verdict`.")
    record = record_of(verdicts, by=by or _user())
    return with_verdicts(
        manifest, said, issues=issues, new_labels=new_labels, record=record
    ), issues


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name and no entry in the table of users
        return "unknown"


def decisions_beside(out: Path) -> Path:
    """Return where the decisions after verdicts go, beside clean data."""
    return out.with_name(out.name + ".manifest")


def apply_decisions(
    decisions: Manifest,
    data: Any,
    out: Path,
    *,
    format: str | None = None,  # noqa: A002 — as in write_dataset
    issues: Issues | None = None,
    keep: Path,
) -> Cleaned:
    """Write the data as decided, and where verdicts changed decisions, these in the folder `keep`.

    Parameters
    ----------
    decisions : Manifest
    data
    out : Path
    format : str, optional
    issues : Issues, optional
        What decisions after verdicts rest on; None where there were none.
    keep : Path
    """
    from .clean_run import save_decisions
    from .cleaning import apply_manifest
    from .places import places_of
    from .sources import clean_format, read_again

    loaded = read_again(data, decisions)
    chosen = clean_format(data, loaded, format, out)
    cleaned = apply_manifest(decisions, loaded, out, format=chosen)
    if issues is not None:
        save_decisions(decisions, issues, places_of(loaded), keep)
    return cleaned
