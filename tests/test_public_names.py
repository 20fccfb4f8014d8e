"""Every promised name is there, and stays what it is whatever was imported before."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

PACKAGES = ("thresher.core", "curation", "active_learning", "augment", "training", "thresher.app")
PROMISED = {
    "thresher.core": "with_row_ids load_dataset write_dataset Embeddings embed get_encoder "
    "NeighborGraph neighbor_graph Issues Manifest Labels CostLedger ThresherError",
    "curation": "find_exact_duplicates find_near_duplicates find_leakage find_label_issues "
    "find_outliers find_quality_issues select_coreset decide Curator",
    "active_learning": "query get_strategy Session simulate consensus estimate_accuracy",
    "augment": "Augmenter policies MixBatch audit choose_policy preview",
    "training": "compact_model fit distill prune quantize export load_exported check_parity "
    "profile evaluate",
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
            assert name == "policies"


@pytest.mark.parametrize("package", PACKAGES)
def test_completion_shows_the_public_names(package: str) -> None:
    module = import_module(package)
    assert dir(module) == sorted(module.__all__)
