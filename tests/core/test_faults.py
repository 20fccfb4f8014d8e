"""Planted faults are exactly what their table says."""

import io

import datasets
import numpy as np
import pytest
from PIL import Image

from thresher.core.columns import read_features
from thresher.core.content import content_hashes
from thresher.core.errors import InputError
from thresher.core.faults import PlantedFaults, plant_faults
from thresher.core.loading import load_dataset


def texts(rows=200):
    columns = {
        "text": [f"This is sentence number {i} of the test." for i in range(rows)],
        "label": [str(i % 4) for i in range(rows)],
    }
    return load_dataset(datasets.Dataset.from_dict(columns))


def features(rows=200):
    rng = np.random.default_rng(0)
    columns = {
        "a": rng.normal(size=rows),
        "b": rng.integers(0, 100, rows),
        "v": rng.normal(size=(rows, 3)).tolist(),
        "label": ["x", "y"] * (rows // 2),
    }
    return load_dataset(datasets.Dataset.from_dict(columns))


def images(rows=60):
    def encoded(seed):
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 20, 3)).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()

    columns = {"image": [encoded(i) for i in range(rows)], "label": ["x", "y", "z"] * (rows // 3)}
    return load_dataset(datasets.Dataset.from_dict(columns))


MAKERS = [texts, features, images]
SHARES = {"copies": 0.1, "near_copies": 0.1, "swapped_labels": 0.1, "leaked": 0.2}


def by_id(loaded):
    table = loaded.dataset.data.table
    return dict(zip(table["row_id"].to_pylist(), table.to_pylist(), strict=True))


@pytest.mark.parametrize("make", MAKERS)
def test_every_fault_is_as_the_table_says(make):
    loaded = make()
    planted, faults = plant_faults(loaded, **SHARES)
    before, after = by_id(loaded), by_id(planted)
    hashes = content_hashes(planted.dataset, planted.schema.inputs)
    content = dict(zip(after, hashes, strict=True))
    assert len(after) == len(planted.dataset)
    for fault in faults.table.to_pylist():
        row, kind = fault["row_id"], fault["kind"]
        if kind == "swapped_label":
            assert before[row]["label"] == fault["original_label"] != after[row]["label"]
            assert after[row]["label"] in loaded.schema.classes
            continue
        source = fault["source"]
        assert row not in before
        assert after[row]["split"] == "train"
        assert before[source]["split"] == ("test" if kind == "leak" else "train")
        assert after[row]["label"] == before[source]["label"]
        assert (content[row] == content[source]) == (kind != "near_copy")


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_else_changes_and_the_shares_hold(make):
    loaded = make()
    planted, faults = plant_faults(loaded, **SHARES)
    train = list(loaded.dataset["split"]).count("train")
    test = len(loaded.dataset) - train
    assert len(faults.of("copy")) == len(faults.of("near_copy")) == round(0.1 * train)
    assert len(faults.of("leak")) == round(0.2 * test)
    touched = set(faults.row_ids())
    before, after = by_id(loaded), by_id(planted)
    assert all(after[row] == before[row] for row in before if row not in touched)
    assert set(after) == set(before) | touched
    assert planted.dataset.features == loaded.dataset.features
    assert planted.fingerprint != loaded.fingerprint


def test_faults_of_different_kinds_have_different_sources():
    _, faults = plant_faults(texts(), copies=0.3, near_copies=0.3, swapped_labels=0.4)
    used = [*faults.of("copy").sources(), *faults.of("near_copy").sources()]
    used += list(faults.of("swapped_label").row_ids())
    assert len(set(used)) == len(used)


def test_near_copies_of_features_are_near():
    planted, faults = plant_faults(features(), near_copies=0.5, swapped_labels=0)
    ids = list(planted.dataset["row_id"])
    matrix = read_features(planted.dataset, ["a", "v"])
    near = faults.of("near_copy")
    rows = [ids.index(row) for row in near.row_ids()]
    sources = [ids.index(row) for row in near.sources()]
    assert np.abs(matrix[rows] - matrix[sources]).max() < 0.01


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides_all(make):
    first, again, other = (plant_faults(make(), random_state=seed) for seed in (1, 1, 2))
    assert first[0].fingerprint == again[0].fingerprint != other[0].fingerprint
    assert first[1].table.equals(again[1].table)


def test_no_shares_plant_nothing():
    loaded = texts()
    planted, faults = plant_faults(
        loaded, copies=0, near_copies=0, swapped_labels=0, leaked=0, random_state=None
    )
    assert len(faults) == 0
    assert planted.fingerprint == loaded.fingerprint


def test_without_labels_nothing_is_swapped():
    columns = {"text": [f"sentence number {i} is here" for i in range(50)]}
    planted, faults = plant_faults(load_dataset(datasets.Dataset.from_dict(columns)))
    assert len(faults.of("swapped_label")) == 0
    assert len(faults.of("copy")) == 1
    assert planted.schema.label is None


def test_the_table_is_saved_and_loaded(tmp_path):
    _, faults = plant_faults(texts())
    faults.save(tmp_path / "faults.parquet")
    assert PlantedFaults.load(tmp_path / "faults.parquet").table.equals(faults.table)
    (tmp_path / "bad").write_text("no")
    with pytest.raises(InputError, match="cannot be read as planted faults"):
        PlantedFaults.load(tmp_path / "bad")


def test_shares_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="do not fit"):
        plant_faults(texts(), copies=0.6, near_copies=0.6)
    with pytest.raises(InputError, match="`leaked` must be in"):
        plant_faults(texts(), leaked=1.5)
