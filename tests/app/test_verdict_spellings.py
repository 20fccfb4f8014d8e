"""Labels that a spreadsheet or another system spelled its own way are the classes they are."""

from __future__ import annotations

import pytest

from thresher.app.verdict import Verdict
from thresher.app.verdicts import with_verdicts
from thresher.core.errors import InputError
from thresher.core.issues import Issues
from thresher.core.manifest import Manifest


def decided() -> Manifest:
    ids = ["a", "b", "c"]
    return Manifest.from_columns(
        ids,
        ["review", "keep", "keep"],
        reasons=["label", None, None],
        scores=[0.1, None, None],
        old_labels=["true", "false", "caf\u00e9"],
    )


@pytest.mark.parametrize(("said", "label"), [("FALSE", "false"), ("cafe\u0301 ", "caf\u00e9")])
def test_spellings_are_known_classes(said, label):
    verdicts = [Verdict("a", "relabel", 2, said)]
    found = with_verdicts(decided(), verdicts, issues=Issues.concat([]))
    assert found.table["new_label"].to_pylist() == [label, None, None]


def test_unknown_ones_are_still_refused():
    with pytest.raises(InputError, match="no row has the label 'maybe'"):
        with_verdicts(decided(), [Verdict("a", "relabel", 2, "maybe")], issues=Issues.concat([]))
