"""The versions that pyproject.toml promises are those that are run."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOWEST = runpy.run_path(str(ROOT / "tests/cpus/lowest.py"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def asked_for(*extras: str) -> list[Requirement]:
    """Return what pip installs for extras, with those that they name."""
    lines = [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    own = [Requirement(line) for line in lines if line.startswith("thresher[")]
    found = [Requirement(line) for line in lines if not line.startswith("thresher[")]
    return found + [each for one in own for each in asked_for(*one.extras)]


def test_the_lowest_versions_are_those_of_all_that_the_tests_ask_for():
    wanted = [*map(Requirement, PROJECT["dependencies"]), *asked_for("dev")]
    pins = LOWEST["lowest_pins"]()
    assert set(pins) == {each.name for each in wanted}
    for each in wanted:
        assert each.specifier == SpecifierSet(f">={pins[each.name].partition('==')[2]}")


def test_a_package_has_one_lowest_version_in_all_extras():
    extras = PROJECT["optional-dependencies"]
    wanted = [*map(Requirement, PROJECT["dependencies"]), *asked_for(*extras)]
    bounds = {}
    for each in wanted:
        assert bounds.setdefault(each.name, each.specifier) == each.specifier, each.name


def test_the_versions_that_were_tested_are_allowed():
    extras = PROJECT["optional-dependencies"]
    wanted = [*map(Requirement, PROJECT["dependencies"]), *asked_for(*extras)]
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = [line.split("==") for line in lines if "==" in line]
    tested = {canonicalize_name(name): Version(version) for name, version in pinned}
    installed = {each.name for each in asked_for("dev", "docs", "coverage")}
    for each in wanted:
        name = canonicalize_name(each.name)
        assert name in tested or each.name not in installed, each.name
        assert name not in tested or tested[name] in each.specifier, each.name


@pytest.mark.parametrize("minor", range(9, 17))
def test_a_python_that_is_allowed_is_named_and_run(minor: int):
    version = f"3.{minor}"
    named = f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text("utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    readme = (ROOT / "README.md").read_text("utf-8")
    said = re.search(r"It needs Python ([^:]*?),\s+no\s+GPU", readme)
    assert said is not None
    allowed = Version(f"{version}.0") in SpecifierSet(PROJECT["requires-python"])
    assert allowed == named == (version in matrix) == (version in said[1])


def test_each_file_that_is_left_out_without_pytorch_is_there():
    left_out = runpy.run_path(str(ROOT / "tests/conftest.py"))["FILES_THAT_TRAIN"]
    assert all((ROOT / "tests" / place).exists() for place in left_out)
