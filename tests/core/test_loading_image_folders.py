"""Image folders as people have them: hidden files of programs, and tables that describe images."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset
from thresher.core.writing import write_dataset


def pictures(root, names):
    rng = np.random.default_rng(len(names))
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)).save(path)
    return root


def read(root, **options):
    return load_dataset(root, keep_unlabeled=True, test_fraction=0, **options)


CLASSES = [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(5)]
FLAT = [f"img_{i:02}.png" for i in range(12)]
LABELS = ["ab"[i % 2] for i in range(12)]
HIDDEN = [
    ".ipynb_checkpoints/1-checkpoint.png",
    "__MACOSX/cat/._1.png",
    "@eaDir/1.png",
    "cat/@eaDir/1.png/SYNOFILE_THUMB_M.png",
    "cat/._1.png",
]


@pytest.mark.parametrize("layout", ["classes", "splits"])
def test_what_programs_leave_is_neither_row_nor_class(tmp_path, layout):
    names = CLASSES
    if layout == "splits":
        names = [f"{split}/{name}" for split in ("train", "test") for name in CLASSES]
    pictures(tmp_path, [*names, *HIDDEN])
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "cat").mkdir(exist_ok=True)
    (tmp_path / "cat/Thumbs.db").write_bytes(b"\0")
    loaded = read(tmp_path)
    assert list(loaded.dataset["row_id"]) == sorted(names)
    assert loaded.schema.classes == ("cat", "dog")
    assert len(loaded.set_aside) == 0
    said = loaded.choices["left out"]
    assert ".DS_Store" in said.value
    assert "and 2 more" in said.value


def test_tables_in_hidden_folders_are_no_data(tmp_path):
    for folder in ("", "__MACOSX", ".cache"):
        (tmp_path / folder).mkdir(exist_ok=True)
        frame = pd.DataFrame({"text": [f"a text of {folder} {i}" for i in range(9)]})
        frame.to_csv(tmp_path / folder / "d.csv", index=False)
    assert len(read(tmp_path).dataset) == 9


def write_table(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        pd.DataFrame(rows).to_csv(path, index=False)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_a_flat_folder_has_the_labels_of_its_table(tmp_path, name):
    pictures(tmp_path, FLAT)
    rows = [
        {"file_name": file, "label": label, "size": i, "image": "x"}
        for i, (file, label) in enumerate(zip(FLAT, LABELS, strict=True))
    ]
    write_table(tmp_path / name, rows[::-1])
    loaded = read(tmp_path)
    assert (loaded.schema.label, loaded.schema.classes) == ("label", ("a", "b"))
    assert list(loaded.dataset["row_id"]) == FLAT
    assert list(loaded.dataset["label"]) == LABELS
    assert list(map(int, loaded.dataset["size"])) == list(range(12))
    assert loaded.dataset["metadata_image"][0] == "x"
    assert len(loaded.set_aside) == 0
    assert str(loaded.choices["metadata"]) == f"{name} (names 12 of 12 files)"


def test_tables_in_split_folders_name_files_from_there(tmp_path):
    pictures(tmp_path, [f"{split}/{name}" for split in ("train", "test") for name in FLAT])
    for turn, split in enumerate(("train", "test")):
        labels = [{"file_name": n, "kind": "xy"[(i + turn) % 2]} for i, n in enumerate(FLAT)]
        write_table(tmp_path / split / "metadata.csv", labels)
    loaded = read(tmp_path)
    assert loaded.schema.label == "kind"
    by_id = dict(zip(loaded.dataset["row_id"], loaded.dataset["kind"], strict=True))
    assert (by_id["train/img_00.png"], by_id["test/img_00.png"]) == ("x", "y")
    assert set(loaded.dataset["split"]) == {"train", "test"}


def test_what_does_not_fit_together_is_named_and_nothing_is_lost(tmp_path):
    pictures(tmp_path, [f"images/{name}" for name in FLAT])
    files = [f"images\\{name}" for name in FLAT[2:]]
    rows = [{"file_name": file, "label": "ab"[i % 2]} for i, file in enumerate(files)]
    rows += [{"file_name": "gone.png", "label": "a"}, {"file_name": files[0], "label": "b"}]
    write_table(tmp_path / "metadata.csv", rows)
    loaded = read(tmp_path)
    assert list(loaded.dataset["label"]) == [None, None, *(LABELS[:10])]
    assert {issue.row_id: issue.detail for issue in loaded.set_aside} == {
        "gone.png": "missing file (metadata.csv, row 12)",
        "metadata.csv:13": "names images/img_02.png a second time",
    }


def test_class_folders_stay_the_label_where_the_table_has_none(tmp_path):
    pictures(tmp_path, CLASSES)
    write_table(
        tmp_path / "metadata.csv", [{"file_name": n, "seen": i} for i, n in enumerate(CLASSES)]
    )
    loaded = read(tmp_path)
    assert loaded.schema.classes == ("cat", "dog")
    assert "seen" in loaded.dataset.column_names


@pytest.mark.parametrize("column", ["filename", "id"])
def test_a_table_of_another_name_that_names_the_images_describes_them(tmp_path, column):
    pictures(tmp_path, [f"train/{name}" for name in FLAT])
    names = [name.removesuffix(".png") if column == "id" else name for name in FLAT]
    rows = [{column: n, "breed": b} for n, b in zip(names, LABELS, strict=True)]
    write_table(tmp_path / "labels.csv", rows)
    loaded = read(tmp_path)
    assert list(loaded.dataset["breed"]) == LABELS
    assert loaded.schema.label == "breed"
    assert loaded.choices["metadata"].value == "labels.csv"


def test_a_table_that_names_no_image_stays_a_file_that_is_none(tmp_path):
    pictures(tmp_path, CLASSES)
    write_table(tmp_path / "notes.csv", [{"file_name": "x.png", "label": "a"}])
    loaded = read(tmp_path)
    assert [issue.row_id for issue in loaded.set_aside] == ["notes.csv"]
    assert loaded.schema.classes == ("cat", "dog")


def test_metadata_without_names_of_files_is_refused(tmp_path):
    pictures(tmp_path, FLAT)
    write_table(tmp_path / "metadata.csv", [{"breed": "a"}, {"breed": "b"}])
    with pytest.raises(InputError, match=r"metadata\.csv has no column 'file_name'.*breed"):
        read(tmp_path)


def test_a_table_called_metadata_without_images_is_a_table(tmp_path):
    rows = [{"text": f"this is text number {i}", "label": LABELS[i]} for i in range(12)]
    write_table(tmp_path / "metadata.csv", rows)
    assert read(tmp_path).schema.modality == "text"


def test_a_link_to_a_folder_above_is_a_loop(tmp_path):
    pictures(tmp_path / "set", CLASSES)
    (tmp_path / "set" / "cat" / "up").symlink_to("../..")
    loaded = read(tmp_path / "set")
    assert sorted(loaded.dataset["row_id"]) == sorted(CLASSES)
    assert [issue.detail for issue in loaded.set_aside] == ["symbolic link loop"]


@pytest.mark.parametrize("split", ["", "train/"])
def test_deeper_folders_stay_in_what_is_written(tmp_path, split):
    deeper = ["cat/2023 summer/1.png", "cat/2023 summer/June/1.png", "cat/train/1.png"]
    names = [split + name for name in [*CLASSES, *deeper]]
    loaded = read(pictures(tmp_path / "in", names))
    columns = ["split"] if split == "" else []
    write_dataset(
        loaded.dataset.remove_columns(columns),
        tmp_path / "out",
        format="imagefolder",
        label="label",
    )
    written = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")
    }
    assert written == set(names)
