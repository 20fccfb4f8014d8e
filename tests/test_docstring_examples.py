"""Every public function and class shows an example in its docstring, and the examples are right."""

from __future__ import annotations

import doctest
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = (
    "thresher.core",
    "curation",
    "active_learning",
    "augment",
    "training",
    "lifecycle",
    "thresher.app",
)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NAMES = [
    (package, name)
    for package in PACKAGES
    for name in import_module(package).__all__
    if not isinstance(getattr(import_module(package), name), (str, tuple, dict, Enum, ModuleType))
]


@pytest.mark.parametrize(("package", "name"), NAMES, ids=[".".join(one) for one in NAMES])
def test_example_of_a_public_name(
    package: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = getattr(import_module(package), name).__doc__ or ""
    test = doctest.DocTestParser().get_doctest(text, {}, f"{package}.{name}", None, None)
    assert test.examples, f"{package}.{name} has no example"
    assert any(name in example.source for example in test.examples), "the example uses the name"
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    said: list[str] = []
    runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)
