"""The house stands: layers, import cost, and exactly five packages in the wheel."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MIDDLE = ("curation", "active_learning", "augment", "training")


def imported(path: Path, package: str) -> set[str]:
    """Absolute names of our modules that a file imports, also inside functions."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(parts[: len(parts) - node.level]) if node.level else []
            names.add(".".join([*base, *([node.module] if node.module else [])]))
    return {name for name in names if name.split(".")[0] in ("thresher", *MIDDLE)}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", sources("thresher/core"), ids=str)
def test_core_imports_nothing_above_it(path: Path) -> None:
    wrong = {name for name in imported(path, "thresher") if not name.startswith("thresher.core")}
    assert wrong - {"thresher"} == set()


@pytest.mark.parametrize("package", MIDDLE)
def test_middle_packages_import_core_and_themselves(package: str) -> None:
    for path in sources(package):
        for name in imported(path, package):
            assert (
                name.split(".")[0] == package
                or name.startswith("thresher.core")
                or (name == "thresher")
            ), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("package", MIDDLE)
def test_packages_import_themselves_relatively(package: str) -> None:
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] != package, path


def test_no_two_modules_import_each_other() -> None:
    edges = {}
    for package in ("thresher", *MIDDLE):
        for path in sources(package):
            edges[module_name(path)] = top_level_imports(path)
    for module, targets in edges.items():
        for target in targets:
            assert module not in edges.get(target, ()), f"{module} and {target} import each other"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top_level_imports(path: Path) -> set[str]:
    """Modules that a file imports when it is loaded; lazy and type-only imports do not count."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            base = list(parts[: len(parts) - node.level]) if node.level else []
            found.add(".".join([*base, *([node.module] if node.module else [])]))
    return found


@pytest.mark.parametrize("package", [*MIDDLE[:3], "thresher.core"])
def test_import_is_cheap_and_loads_no_heavy_library(package: str) -> None:
    program = (
        f"import time, sys; import {package}; heavy = {{'torch', 'sklearn', 'datasets', 'faiss', "
        "'albumentations', 'onnxruntime'} & set(sys.modules); print(time.process_time(), *heavy)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, *heavy = shown.stdout.split()
    assert heavy == []
    assert float(seconds) < 1.0


def test_the_wheel_holds_exactly_the_five_packages(tmp_path: Path) -> None:
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
    assert "thresher/app/report/page.html.j2" in names
    assert all(f"{package}/py.typed" in names for package in tops)
