"""What several tests of the command line share."""

from __future__ import annotations

import json
import sys

import pytest

from thresher.app.cli import main


@pytest.fixture
def curate(monkeypatch, capsys):
    """Run ``thresher curate`` here; return exit code and what it printed, parsed if JSON."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["thresher", "curate", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        shown = capsys.readouterr()
        if code:
            return code, shown.err
        return code, json.loads(shown.out) if "--json" in arguments else shown.out

    return run
