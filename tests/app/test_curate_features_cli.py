"""``thresher curate`` leaves a Hugging Face dataset's features as they are, there and back."""

from __future__ import annotations

import cv2
import datasets as hf
import numpy as np
import pytest

WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]
FEATURES = hf.Features(
    {
        "text": hf.Value("string"),
        "label": hf.ClassLabel(names=["zoo", "art", "bank"]),
        "kind": hf.ClassLabel(names=["b", "a"]),
        "day": hf.Value("date32"),
        "codes": hf.List(hf.Value("int16")),
    }
)


def rows(count=60):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 9)) for _ in range(count)]
    texts[6] = texts[3]  # of the same class: copies with another label are only looked at
    return {
        "text": texts,
        "label": [(-1 if i == 11 else i % 3) for i in range(count)],
        "kind": [(-1, None, 0, 1)[i % 4] for i in range(count)],
        "day": [None] * count,
        "codes": [[i, i + 1] for i in range(count)],
    }


def images(count=24):
    rng = np.random.default_rng(0)
    files = [
        cv2.imencode(".png", rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))[1].tobytes()
        for _ in range(count)
    ]
    files[9] = files[2]
    pictures = [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(files)]
    return {"image": pictures, "label": [i % 2 for i in range(count)]}


def save(dataset, path):
    if path.suffix == ".parquet":
        dataset.to_parquet(str(path))
    else:
        dataset.save_to_disk(str(path))


def load(path):
    if path.suffix == ".parquet":
        return hf.Dataset.from_parquet(str(path), cache_dir=str(path.parent / "cache"))
    return hf.load_from_disk(str(path))


@pytest.mark.parametrize("suffix", ["", ".parquet"])
def test_codes_and_types_go_there_and_back(curate, tmp_path, suffix):
    source = hf.Dataset.from_dict(rows(), features=FEATURES)
    data, clean, back = (tmp_path / f"{name}{suffix}" for name in ("data", "clean", "back"))
    save(source, data)
    options = ["--text", "text", "--exact", "--keep", "first", "--clean", clean]
    assert curate("duplicates", data, *options, "--manifest", tmp_path / "m")[0] == 0
    left = [row for row in range(60) if row != 6]
    assert load(clean).features == FEATURES
    assert load(clean).to_list() == source.select(left).to_list()
    assert curate("undo", tmp_path / "m", clean, "--out", back)[0] == 0
    assert load(back).features == FEATURES
    assert load(back).to_list() == source.to_list()
    again = tmp_path / f"again{suffix}"
    assert curate("apply", tmp_path / "m", data, "--out", again)[0] == 0
    assert load(again).to_list() == load(clean).to_list()


def test_files_without_features_hold_names(curate, tmp_path):
    source = hf.Dataset.from_dict(rows(), features=FEATURES).remove_columns(["codes", "day"])
    save(source, tmp_path / "data")
    clean, back = tmp_path / "clean.csv", tmp_path / "back"
    options = ["--text", "text", "--exact", "--clean", clean, "--manifest", tmp_path / "m"]
    assert curate("duplicates", tmp_path / "data", *options)[0] == 0
    assert clean.read_text().splitlines()[1].split(",")[1] == "zoo"
    assert curate("undo", tmp_path / "m", clean, "--out", back)[0] == 0
    returned = load(back)
    assert returned.features == source.features
    assert returned["label"][:11] == source["label"][:11]


def test_new_labels_are_codes_and_images_are_embedded(curate, tmp_path):
    features = hf.Features(
        {"image": hf.Image(mode="RGB"), "label": hf.ClassLabel(names=["b", "a"])}
    )
    source = hf.Dataset.from_dict(images(), features=features)
    save(source, tmp_path / "data")
    probs = np.full((24, 2), 0.02)
    probs[np.arange(24), 1 - np.array(source["label"])] = 0.98  # the classes sorted by name
    probs[5] = probs[5, ::-1]
    np.save(tmp_path / "p.npy", probs)
    options = ["--pred-probs", tmp_path / "p.npy", "--action", "relabel", "--label", "label"]
    places = ["--clean", tmp_path / "clean", "--manifest", tmp_path / "m", "--json"]
    code, found = curate("labels", tmp_path / "data", *options, *places, "--format", "directory")
    assert (code, found["clean"]["relabeled"]) == (0, 1)
    clean = load(tmp_path / "clean")
    assert clean.features == features
    assert [i for i in range(24) if clean["label"][i] != source["label"][i]] == [5]
    assert all(
        image["bytes"] for image in clean.cast_column("image", hf.Image(decode=False))["image"]
    )
    assert curate("undo", tmp_path / "m", tmp_path / "clean", "--out", tmp_path / "back")[0] == 0
    assert load(tmp_path / "back")["label"] == source["label"]
    assert load(tmp_path / "back").features == features
