"""Session files of older versions, brought up to date in place.

Format 1 had classification only and no uncertainties of the caller's own; in format 2 a lease could
be neither renewed nor given back. No answer is touched: a table gets columns, and the settings say
what went without saying.
"""

from __future__ import annotations

import json

from thresher.core.errors import InputError
from thresher.core.labels import Labels


def migrate(labels: Labels, *, to: str) -> None:
    """Bring a session's file to the format `to`; the caller holds the transaction.

    Raises
    ------
    InputError
        For a format that this version does not know; nothing is changed.
    """
    there = _format(labels)
    if there in (None, to):
        return
    if there not in STEPS:
        known = ", ".join(STEPS)
        raise InputError(
            f"{labels.path} holds a session of format {there}, this version reads {known} and {to}."
            " Open it with the version that wrote it, export its answers (`thresher label export "
            "--history`), and import them into a new file."
        )
    execute = labels.connection.execute
    execute("DROP TRIGGER IF EXISTS settings_no_update")
    for step in range(list(STEPS).index(there), len(STEPS)):
        list(STEPS.values())[step](labels)
    execute("UPDATE settings SET value = ? WHERE name = 'session_format'", (json.dumps(to),))


def _tasks(labels: Labels) -> None:
    """Go from format 1 to 2."""
    execute = labels.connection.execute
    execute("ALTER TABLE asks ADD COLUMN uncertainty INTEGER NOT NULL DEFAULT 0")
    added = {"task": "classification", "task_options": {}}
    for name, value in added.items():
        execute("INSERT INTO settings VALUES (?, ?)", (name, json.dumps(value)))


def _lease_changes(labels: Labels) -> None:
    """Go from format 2 to 3; the new tables are made where all tables are."""
    for column in ("changes_seen", "desk"):
        labels.connection.execute(
            f"ALTER TABLE asks ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0"
        )


STEPS = {"1": _tasks, "2": _lease_changes}


def _format(labels: Labels) -> str | None:
    """Return the session format of the file, None for a file without a session."""
    execute = labels.connection.execute
    if not execute("SELECT 1 FROM sqlite_master WHERE name = 'settings'").fetchone():
        return None
    found = execute("SELECT value FROM settings WHERE name = 'session_format'").fetchone()
    return None if found is None else str(json.loads(found[0]))
