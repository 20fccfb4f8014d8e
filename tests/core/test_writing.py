"""What is written loads back equal, stands alone, and is never half there."""

import io
import json
import shutil

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from thresher.core import parquet_writing, writing
from thresher.core.errors import InputError
from thresher.core.writing import write_dataset


def encoded(value, kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (value, 0, 0)).save(file, kind)
    return file.getvalue()


@pytest.fixture
def rows():
    features = datasets.Features(
        {
            "row_id": datasets.Value("string"),
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["a", "b"]),
            "vector": datasets.List(datasets.Value("float32"), length=2),
            "value": datasets.Value("float64"),
        }
    )
    columns = {
        "row_id": [f"r{i}" for i in range(50)],
        "text": [f"text {i}, 'é\n" if i % 7 else None for i in range(50)],
        "label": [i % 2 for i in range(50)],
        "vector": [[i, -i] for i in range(50)],
        "value": [i / 3 for i in range(50)],
    }
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.mark.parametrize("order", [slice(None), [40, 3, 3, 7], [1, 5, 9], []])
def test_parquet_and_directory_load_back_equal(rows, order, tmp_path):
    selected = rows.select(np.arange(50)[order])
    write_dataset(selected, tmp_path / "d")
    write_dataset(selected, tmp_path / "d.parquet")
    from_parquet = datasets.Dataset(pq.read_table(tmp_path / "d.parquet"))
    for loaded in (datasets.load_from_disk(str(tmp_path / "d")), from_parquet):
        assert loaded.features == rows.features
        assert loaded.to_dict() == selected.to_dict()
        assert loaded._indices is None


def test_row_groups_are_bounded_and_complete(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "ROW_GROUP_ROWS", 8)
    write_dataset(rows.select(range(49, -1, -1)), tmp_path / "d.parquet")
    file = pq.ParquetFile(tmp_path / "d.parquet")
    assert file.metadata.num_row_groups == 7
    assert file.read()["row_id"].to_pylist() == list(rows["row_id"])[::-1]


def test_datasets_itself_reads_the_parquet_file(rows, tmp_path):
    write_dataset(rows, tmp_path / "d.parquet")
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "d.parquet"), split="train", cache_dir=str(tmp_path)
    )
    assert loaded.features == rows.features
    assert loaded[:] == rows[:]


def test_csv_and_json_lines(rows, tmp_path):
    plain = rows.remove_columns("vector")
    write_dataset(plain, tmp_path / "d.csv")
    from pyarrow import csv

    options = csv.ParseOptions(newlines_in_values=True)
    assert csv.read_csv(tmp_path / "d.csv", parse_options=options)["value"].to_pylist() == list(
        rows["value"]
    )
    write_dataset(rows, tmp_path / "d.jsonl")
    lines = (tmp_path / "d.jsonl").read_text().splitlines()
    assert json.loads(lines[3]) == {**rows.data.table.slice(3, 1).to_pylist()[0]}


def images(tmp_path, **columns):
    """Two embedded images and one that is only a path."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "c.png").write_bytes(encoded(3))
    cells = [
        {"bytes": encoded(1), "path": "cat/a.png"},
        {"bytes": encoded(2, "JPEG"), "path": None},
        {"bytes": None, "path": str(tmp_path / "source" / "c.png")},
    ]
    features = datasets.Features({"image": datasets.Image(decode=False)})
    for name in columns:
        features[name] = datasets.Value("string")
    return datasets.Dataset.from_dict({"image": cells, **columns}, features=features)


@pytest.mark.parametrize("name", ["d", "d.parquet"])
def test_images_stand_alone(name, tmp_path):
    dataset = images(tmp_path)
    write_dataset(dataset.select([2, 0, 1]), tmp_path / name)
    shutil.rmtree(tmp_path / "source")
    if name == "d":
        loaded = datasets.load_from_disk(str(tmp_path / name))
    else:
        loaded = datasets.Dataset(pq.read_table(tmp_path / name))
    assert isinstance(loaded.features["image"], datasets.Image)
    assert [image.getpixel((0, 0))[0] for image in loaded["image"]][:2] == [3, 1]
    cells = loaded.data.table["image"].to_pylist()
    assert [cell["path"] for cell in cells] == ["c.png", "a.png", None]
    assert all(cell["bytes"] for cell in cells)


def test_a_missing_image_file_is_named_and_nothing_is_written(tmp_path):
    dataset = images(tmp_path)
    shutil.rmtree(tmp_path / "source")
    with pytest.raises(InputError, match=r"c\.png.*cannot be read"):
        write_dataset(dataset, tmp_path / "d.parquet")
    assert list(tmp_path.iterdir()) == []


def test_image_folder(tmp_path):
    columns = {
        "row_id": ["cat/a.png", "second", "other/a.png"],
        "split": ["train", "train", "test"],
        "label": ["cat", "a/../b", "cat"],
    }
    write_dataset(images(tmp_path, **columns), tmp_path / "out", format="imagefolder")
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in tmp_path.glob("out/*/*/*"))
    assert found == ["test/cat/c.png", "train/a_.._b-37d26d22/second.jpg", "train/cat/a.png"]


def test_image_folder_keeps_rows_of_one_name_apart(tmp_path):
    cells = [{"bytes": encoded(i), "path": f"{i}/a.png"} for i in range(3)]
    features = datasets.Features(
        {"image": datasets.Image(decode=False), "label": datasets.Value("string")}
    )
    dataset = datasets.Dataset.from_dict({"image": cells, "label": ["x"] * 3}, features=features)
    write_dataset(dataset, tmp_path / "out", format="imagefolder")
    assert len(list(tmp_path.glob("out/x/*.png"))) == 3


def test_an_old_folder_is_replaced_whole(rows, tmp_path):
    write_dataset(rows, tmp_path / "d")
    write_dataset(rows.select([1]), tmp_path / "d")
    assert len(datasets.load_from_disk(str(tmp_path / "d"))) == 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("d.xlsx", {}, r"suffix '\.xlsx'"),
        ("d", {"format": "parqet"}, "Did you mean 'parquet'"),
        ("d.csv", {}, "cannot hold the column 'vector'"),
        ("d.parquet", {"label": "label"}, "names the folders"),
        ("d", {"format": "imagefolder"}, "has 0"),
    ],
)
def test_what_cannot_be_written_is_said(rows, tmp_path, name, options, message):
    with pytest.raises(InputError, match=message):
        write_dataset(rows, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_vectors_are_stored_plain_and_repeated_texts_as_dictionary(rows):
    table = rows.data.table.append_column("group", pa.array(["g"] * 50))
    settings = parquet_writing.parquet_settings(table)
    assert settings["compression"]["vector.list.element"] == "none"
    assert settings["use_dictionary"] == ["label", "group"]
