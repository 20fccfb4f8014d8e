"""Every promised name is there, and stays what it is whatever was imported before."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from inspect import signature, unwrap
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from thresher.core.moved import _FINDER

ROOT = Path(__file__).resolve().parent.parent

OURS = ("thresher", "curation", "active_learning", "augment", "training", "lifecycle")
PACKAGES = (
    "thresher.core",
    "curation",
    "active_learning",
    "augment",
    "training",
    "lifecycle",
    "thresher.app",
)
PROMISED = {
    "thresher.core": "with_row_ids load_dataset write_dataset Embeddings embed get_encoder "
    "NeighborGraph neighbor_graph Issues Manifest Labels CostLedger ThresherError",
    "curation": "find_exact_duplicates find_near_duplicates find_leakage find_label_issues "
    "find_outliers find_quality_issues select_coreset decide Curator",
    "active_learning": "query get_strategy Session simulate consensus estimate_accuracy",
    "augment": "Augmenter policies MixBatch audit choose_policy preview",
    "training": "compact_model fit distill prune quantize export load_exported check_parity "
    "profile evaluate",
    "lifecycle": "load_served",
    "thresher.app": "run",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_promised_names_are_exported(package: str) -> None:
    module = import_module(package)
    for name in PROMISED[package].split():
        assert name in module.__all__
        getattr(module, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_submodule_hides_a_public_name(package: str) -> None:
    module = import_module(package)
    submodules = {info.name for info in pkgutil.iter_modules(module.__path__)}
    for name in module.__all__:
        getattr(module, name)
        if name in submodules:  # only a module that is meant as one, such as `policies`
            assert isinstance(getattr(module, name), ModuleType)
            assert name in ("policies", "strategies")


@pytest.mark.parametrize("package", PACKAGES)
def test_completion_shows_the_public_names(package: str) -> None:
    module = import_module(package)
    assert dir(module) == sorted(module.__all__)


def test_old_names_of_modules_lead_to_modules_that_are_there() -> None:
    for package in PACKAGES:
        import_module(package)
    assert _FINDER.homes
    for old, new in _FINDER.homes.items():
        assert find_spec(new), f"{old} became {new}, which is not there"
        path = ROOT.joinpath(*old.split("."))
        assert not path.exists(), f"{old} is in the table of moved modules, and still there"
        assert not path.with_suffix(".py").exists()


def shown_code() -> list[tuple[Path, str]]:
    """Python that users are shown: blocks of the README and the guides, and the examples."""
    pages = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
    blocks = [
        (page, block)
        for page in pages
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    examples = sorted((ROOT / "examples").glob("*.py"))
    return blocks + [(path, path.read_text(encoding="utf-8")) for path in examples]


def test_what_is_shown_to_users_imports_public_names_alone() -> None:
    shown = shown_code()
    seen = 0
    for path, text in shown:
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.split(".")[0] in OURS
            ):
                public = getattr(import_module(node.module), "__all__", ())
                hidden = {alias.name for alias in node.names} - set(public)
                assert not hidden, f"{path.name}: {hidden} of {node.module} is not public"
                seen += 1
    assert seen > 20


# One word for one thing: what is called otherwise in other libraries, or was here.
ONE_WORD = {
    "ids": "row_ids",
    "item_ids": "row_ids",
    "keys": "row_ids",
    "n_classes": "num_classes",
    "seed": "random_state",
}
# What a run was given, read back; and row keys, which training hands to whatever augments.
OTHERWISE = {"TrainingRun.__init__", "TokenDropout.__call__"}


def functions_of(package: str) -> Iterator[tuple[str, Callable[..., object]]]:
    for name in import_module(package).__all__:
        found = getattr(import_module(package), name)
        if isinstance(found, type):
            for inner, value in vars(found).items():
                function = getattr(value, "__func__", value)
                shown = not inner.startswith("_") or inner in ("__init__", "__call__")
                if isinstance(function, FunctionType) and shown:
                    yield f"{name}.{inner}", function
        elif callable(found):
            yield name, found


@pytest.mark.parametrize("package", PACKAGES)
def test_one_thing_has_one_name(package: str) -> None:
    for name, function in functions_of(package):
        for parameter in signature(function).parameters:
            assert parameter not in ONE_WORD or name in OTHERWISE, (
                f"{package}.{name} calls `{ONE_WORD[parameter]}` `{parameter}`"
            )


# Beside the one family of options; these are such bundles themselves.
PARAMETERS = 12
BUNDLES = {"Context.__init__", "ServingOptions.__init__"}


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_have_few_parameters(package: str) -> None:
    for name, function in functions_of(package):
        own = [
            parameter.name
            for parameter in signature(unwrap(function)).parameters.values()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            and parameter.name != "self"
        ]
        assert len(own) <= PARAMETERS or name in BUNDLES, (
            f"{package}.{name} has {len(own)} parameters: bundle options in a family "
            f"(thresher/core/options.py)"
        )
