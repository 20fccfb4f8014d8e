"""The house stands: layers, import cost, and exactly six packages in the wheel."""

from __future__ import annotations

import ast
import email
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MIDDLE = ("curation", "active_learning", "augment", "training", "lifecycle")
PACKAGES = ("thresher", *MIDDLE)
# At the top of a package, and modules or folders on the longest way down through its imports.
ENTRIES = 20
FLOORS = {"curation": 7, "active_learning": 7, "augment": 7, "training": 11, "lifecycle": 7}
FILE_LINES, FUNCTION_LINES = 350, 90
# Functions with so many options that describing them takes more; the list may only get shorter.
LONG = {
    "thresher.core.loading.load.load_dataset",
    "thresher.core.writing.write_dataset",
}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sources(package)}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    """Modules of ours that a file imports: at its top, inside functions and for types only."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(parts[: len(parts) - node.level]) if node.level else []
            home = ".".join([*base, *([node.module] if node.module else [])])
            names |= {
                inner if (inner := f"{home}.{alias.name}") in MODULES else home
                for alias in node.names
            }
    return frozenset(name for name in names if name.split(".")[0] in PACKAGES)


def edges() -> dict[str, set[str]]:
    return {name: set(imported(path)) & MODULES.keys() - {name} for name, path in MODULES.items()}


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Sets of nodes of which each leads to every other one."""
    reached = {}
    for start in graph:
        seen, ahead = set(), list(graph[start])
        while ahead:
            node = ahead.pop()
            if node not in seen:
                seen.add(node)
                ahead += graph[node]
        reached[start] = seen
    found: list[set[str]] = []
    for node, others in reached.items():
        if node in others and not any(node in circle for circle in found):
            found.append({other for other in others if node in reached[other]})
    return found


def test_circles_of_any_length_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a", "f"}}
    assert circles(graph) == [{"a", "b", "c"}, {"d", "e"}, {"f"}]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_imports_inside_functions_and_for_types_are_seen() -> None:
    assert "active_learning.annotators.marks" in imported(MODULES["active_learning.tasks.marks"])
    assert "active_learning.learners.learner" in imported(MODULES["active_learning.tasks.task"])


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(edges()) == []


@pytest.mark.parametrize("path", sources("thresher/core"), ids=str)
def test_core_imports_nothing_above_it(path: Path) -> None:
    wrong = {name for name in imported(path) if not name.startswith("thresher.core")}
    assert wrong - {"thresher"} == set()


@pytest.mark.parametrize("package", MIDDLE)
def test_middle_packages_import_core_and_themselves(package: str) -> None:
    for path in sources(package):
        for name in imported(path):
            assert (
                name.split(".")[0] == package
                or name.startswith("thresher.core")
                or (name == "thresher")
            ), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("package", MIDDLE)
def test_packages_import_themselves_relatively(package: str) -> None:
    for path in sources(package):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] != package, path


def rooms(package: str) -> dict[str, set[str]]:
    """What each entry at the top of a package imports of the others; a folder is one entry."""
    found: dict[str, set[str]] = {}

    def room_of(name: str) -> str:
        return name.removeprefix(f"{package}.").split(".")[0]

    for name, targets in edges().items():
        if name.startswith(f"{package}."):
            inner = {room_of(each) for each in targets if each.startswith(f"{package}.")}
            room = room_of(name)
            found[room] = found.get(room, set()) | inner - {room}
    return found


def floors(graph: Mapping[str, set[str]]) -> int:
    """Return the number of nodes on the longest way down."""

    @cache
    def height(node: str) -> int:
        return 1 + max(map(height, graph[node]), default=0)

    return max(map(height, graph))


@pytest.mark.parametrize("package", [*MIDDLE, "thresher.core", "thresher.app"])
def test_rooms_do_not_import_each_other_in_a_circle(package: str) -> None:
    assert circles(rooms(package)) == []


@pytest.mark.parametrize("package", FLOORS)
def test_a_package_has_few_entries_and_floors(package: str) -> None:
    entries = rooms(package)
    assert len(entries) <= ENTRIES, sorted(entries)
    assert floors(entries) <= FLOORS[package]


def examples(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines of a function are the examples at the end of its docstring."""
    _, found, after = (ast.get_docstring(node, clean=False) or "").partition("Examples\n")
    return after.count("\n") + 2 if found else 0  # its title, and the empty line above that


@pytest.mark.parametrize("package", PACKAGES)
def test_files_and_functions_are_short(package: str) -> None:
    for path in sources(package):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= FILE_LINES, f"{path.relative_to(ROOT)} has {len(lines)} lines"
    long = {
        f"{module_name(path)}.{node.name}"
        for path in sources(package)
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or node.lineno) - node.lineno - examples(node) >= FUNCTION_LINES
    }
    assert long == {name for name in LONG if name.split(".")[0] == package}


@pytest.mark.parametrize("package", [*MIDDLE[:3], "lifecycle", "thresher.core"])
def test_import_is_cheap_and_loads_no_heavy_library(package: str) -> None:
    program = (
        f"import time, sys; import {package}; heavy = {{'torch', 'sklearn', 'datasets', 'faiss', "
        "'albumentations', 'onnxruntime', 'starlette', 'prometheus_client', 'opentelemetry'} "
        "& set(sys.modules); "
        "print(time.process_time(), *heavy)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, *heavy = shown.stdout.split()
    assert heavy == []
    assert float(seconds) < 1.0


def test_the_wheel_holds_exactly_the_six_packages(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"thresher", *MIDDLE}
    assert "thresher/app/pages/page.html.j2" in names
    pages = (ROOT / "thresher/app/web/static").iterdir()
    assert {f"thresher/app/web/static/{page.name}" for page in pages} <= set(names)
    assert all(f"{package}/py.typed" in names for package in tops)
    data = [path for package in tops for path in (ROOT / package).rglob("*") if path.is_file()]
    of_use = {p for p in data if p.suffix != ".pyc" and not p.name.startswith(".")}
    assert {path.relative_to(ROOT).as_posix() for path in of_use} <= set(names)
    (described,) = (name for name in names if name.endswith("METADATA"))
    metadata = email.message_from_bytes(zipfile.ZipFile(wheel).read(described))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    for version in ("3.11", "3.12", "3.13"):  # those of .github/workflows/tests.yml
        assert f"Programming Language :: Python :: {version}" in metadata.get_all("Classifier", [])
