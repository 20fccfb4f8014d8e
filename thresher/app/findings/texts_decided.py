"""Findings about texts become decisions about every row of the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from thresher import __version__

from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ..cleaning import cover_all_rows
from ..sources import columns_of
from .outcome import Outcome


def decided(
    command: str,
    loaded: LoadedDataset,
    issues: Issues,
    *,
    methods: Mapping[str, str],
    said: Mapping[str, Any],
    seed: int,
    drop: Sequence[str] = (),
    others: str = "review",
    facts: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    private: bool = False,
) -> Outcome:
    """Decide about every row by findings of one kind of text, and say what was measured.

    Parameters
    ----------
    command : str
    loaded : LoadedDataset
    issues : Issues
        About the usable rows.
    methods : mapping
        How each check was done, by its name.
    said : mapping
        What the user said of the data, for the manifest's header.
    seed : int
    drop : sequence of str
        Kinds of quality issues whose rows go.
    others : {"review", "none"}
        What becomes of rows with other quality issues.
    facts, notes, private
        See `Outcome`.
    """
    from curation import decide

    policy = {"unusable_kinds": tuple(drop), "quality": others}
    manifest = decide(issues, row_ids=loaded.row_ids, splits=loaded.splits, policy=policy)
    header = {
        **manifest.header,
        "thresher": __version__,
        "dataset": loaded.fingerprint,
        "seed": seed,
        "methods": dict(methods),
        "columns": columns_of(loaded, said),
        "roles": loaded.roles,
    }
    whole = cover_all_rows(Manifest(manifest.table, header), loaded, action="drop")
    found = Issues.concat([issues, loaded.set_aside])
    return Outcome(
        command,
        loaded,
        methods,
        found,
        whole,
        facts=dict(facts or {}),
        notes=tuple(notes),
        private=private,
    )
