"""What several tests of the command line share."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

from thresher.app.cli import main

WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]


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


def call_thresher(*arguments):
    """Run a command in this process; raise where it fails."""
    before = sys.argv
    sys.argv = ["thresher", *map(str, arguments)]
    try:
        main()
    except SystemExit as leaving:
        if leaving.code:
            raise RuntimeError(f"left with {leaving.code}") from leaving
    finally:
        sys.argv = before


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    """Texts with conflicts, copies, near copies, and words that a page could take for markup."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 9)) for _ in range(80)]
    for at in range(4):
        texts[40 + at] = texts[at]
    texts[50], texts[51], texts[52] = texts[5] + " now", texts[9], texts[9]
    texts[53], texts[54] = texts[6] + " now", texts[6] + " then"
    texts[60] = "<script>alert(1)</script> " + texts[60]
    stars = ["good" if at % 2 else "bad" for at in range(80)]
    for at in range(4):
        stars[40 + at] = "bad" if stars[at] == "good" else "good"
    for copy, of in ((50, 5), (51, 9), (52, 9), (53, 6), (54, 6)):
        stars[copy] = stars[of]
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    rows = {"id": [f"k{at:03d}" for at in range(80)], "text": texts, "stars": stars}
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def decisions(reviews, tmp_path_factory):
    """A folder of decisions about the reviews; not to be changed."""
    folder = tmp_path_factory.mktemp("found") / "found"
    options = ["--label", "stars", "--text", "text", "--manifest", folder, "--json"]
    call_thresher("curate", "duplicates", reviews, *options)
    return folder


@pytest.fixture
def thresher():
    """Run a command in this process; raise where it fails."""
    return call_thresher
