"""Modules of training that users may have imported are found by old names for one release."""

from importlib import import_module

import pytest

OLD_AND_NEW = {
    "training.batches": "training.loop.batches",
    "training.hooks": "training.loop.hooks",
    "training.loss": "training.loop.loss",
    "training.run": "training.loop.run",
    "training.dynamics": "training.loop.dynamics",
    "training.samples": "training.rows.samples",
    "training.rows.tokens": "training.rows",
    "training.text": "training.rows",
}


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW.items())
def test_an_old_name_is_the_module_at_its_new_place(old: str, new: str) -> None:
    names: dict[str, object] = {}
    with pytest.warns(DeprecationWarning, match=f"{old} is now {new}"):
        exec(f"import {old} as found", names)
    assert names["found"] is import_module(new)
