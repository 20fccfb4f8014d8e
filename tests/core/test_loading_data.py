"""Real files load with no option but their name."""

import os
from pathlib import Path

import pytest

from thresher.core.loading import load_dataset

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif("THRESHER_DATA" not in os.environ, reason="THRESHER_DATA is not set"),
]


@pytest.fixture
def data():
    return Path(os.environ["THRESHER_DATA"])


def counts(loaded):
    splits = loaded.dataset["split"][:]
    return {name: splits.count(name) for name in set(splits)}


def test_cifar10(data):
    loaded = load_dataset(f"train={data}/cifar10_train.parquet,test={data}/cifar10_test.parquet")
    assert counts(loaded) == {"train": 50_000, "test": 10_000}
    assert loaded.schema.inputs == ("jpeg",)
    assert len(loaded.schema.classes) == 10
    assert len(loaded.set_aside) == 0


def test_banking77(data):
    loaded = load_dataset(data / "text_classification.parquet", where={"dataset": "banking77"})
    assert counts(loaded) == {"train": 10_003, "test": 3_080}
    assert (loaded.schema.label, len(loaded.schema.classes)) == ("label_name", 77)


def test_adult(data):
    loaded = load_dataset(data / "tabular_adult.parquet", label="income")
    assert loaded.schema.modality == "features"
    assert len(loaded.schema.inputs) == 6
    assert counts(loaded) == {"train": 32_561, "test": 16_281}
