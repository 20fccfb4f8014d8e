"""Row ids follow their rows; equal content gives equal hashes, other content other ones."""

import io
import re
import subprocess
import sys

import datasets
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from thresher.core.content import content_hashes
from thresher.core.errors import InputError
from thresher.core.manifest import Manifest
from thresher.core.rows import (
    row_hashes,
    with_letters,
    with_row_ids,
    without_letters,
)


def of(**columns):
    return datasets.Dataset.from_dict(columns)


ROWS = of(text=["a", "b", "a", None, ""], value=[1, 2, 1, 4, 5])


def ids(dataset, **options):
    return list(with_row_ids(dataset, **options)["row_id"])


def test_copies_get_a_counter():
    first, second, copy, *_ = ids(ROWS)
    assert copy == f"{first}-1"
    assert len(first) == 16
    assert first != second
    assert len(set(ids(ROWS))) == 5


def test_ids_survive_reordering_appending_and_other_column_orders():
    by_value = dict(zip(ROWS["value"], ids(ROWS), strict=True))
    shuffled = ROWS.select([4, 1, 3, 0])
    assert ids(shuffled) == [by_value[5], by_value[2], by_value[4], ids(ROWS)[0]]
    longer = datasets.concatenate_datasets([ROWS, of(text=["new"], value=[9])])
    assert ids(longer)[:5] == ids(ROWS)
    assert ids(ROWS.select_columns(["value", "text"])) == ids(ROWS)


def test_ids_are_the_same_in_another_process():
    code = (
        "import datasets; from thresher.core.rows import with_row_ids;"
        "print(with_row_ids(datasets.Dataset.from_dict({'t': ['x'], 'v': [1.5]}))['row_id'][0])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ids(of(t=["x"], v=[1.5]))[0]


def test_the_width_of_a_type_and_the_sign_of_zero_do_not_count():
    narrow = datasets.Dataset(pa.table({"v": pa.array([1, 2], pa.int8())}))
    assert ids(narrow) == ids(of(v=[1, 2]))
    assert ids(of(v=[0.0, np.nan])) == ids(of(v=[-0.0, -np.nan]))


def test_every_column_and_its_name_count():
    base = row_hashes(of(a=["x"], b=["y"]))
    assert base != row_hashes(of(a=["y"], b=["x"]))
    assert base != row_hashes(of(a=["x"], c=["y"]))
    assert row_hashes(of(a=["x"], b=["y"]), ["a"]) == row_hashes(of(a=["x"]))


@pytest.mark.parametrize(
    "values",
    [
        [b"x", None, b""],
        [[1.0, 2.0], [1.0], None],
        [{"k": 1}, {"k": 2}, {"k": None}],
        [True, False, None],
        [1.5, None, float("nan")],
        [{"bytes": b"x", "path": "p"}, {"bytes": b"y", "path": "p"}, {"bytes": None, "path": "p"}],
    ],
)
def test_every_type_tells_its_values_apart(values):
    assert len(np.unique(row_hashes(of(v=values)))) == len(values)


def test_the_path_of_an_embedded_image_does_not_count():
    here, there = ([{"bytes": b"x", "path": path}] for path in ("/a/1.png", None))
    assert row_hashes(of(v=here)) == row_hashes(of(v=there))


def test_sliced_and_chunked_columns_hash_alike():
    whole = pa.table({"t": ["a", "b", "c", "d"], "v": [[1.0], [2.0], [3.0], [4.0]]})
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 3)])
    hashes = row_hashes(datasets.Dataset(whole))
    np.testing.assert_array_equal(row_hashes(datasets.Dataset(parts)), hashes)
    np.testing.assert_array_equal(row_hashes(datasets.Dataset(whole.slice(2, 2))), hashes[2:])


def test_no_rows():
    assert ids(ROWS.select([])) == []


def test_a_key_column_is_used():
    assert ids(of(key=[3, 1, 2], v=[0, 0, 0]), key="key") == ["3", "1", "2"]
    assert ids(of(row_id=["p", "q"])) == ["p", "q"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (["a", None, "c", ""], r"empty in 2 row\(s\), the first at position\(s\) 1, 3"),
        (["a", "b", "a", "b"], "not unique: 2 value.*'a', 'b'"),
    ],
)
def test_a_bad_key_is_refused(key, message):
    with pytest.raises(InputError, match=message):
        with_row_ids(of(key=key), key="key")


def test_features_and_order_are_kept():
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])}
    )
    table = datasets.Dataset.from_dict({"image": [None, None], "label": [1, 0]}, features=features)
    result = with_row_ids(table)
    assert result.column_names == ["row_id", "image", "label"]
    assert result.features["label"] == features["label"]
    assert result.features["image"] == features["image"]


def test_texts_are_compared_character_by_character():
    texts = ["Ｈello  World", "hello world", "STRASSE", "straße", "10² m", "102 m", "x", "x"]
    hashes = content_hashes(of(t=texts), "t")
    assert hashes[6] == hashes[7]
    assert len(set(hashes)) == 7
    assert len(hashes[0]) == 32


def test_features_are_compared_to_the_last_bit():
    table = of(a=[0.0, -0.0, 1.0, 0.1, 0.1], b=[1.0, 1.0, np.nan, 0.1 + 1e-12, 0.1])
    hashes = content_hashes(table, ["a", "b"])
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4
    large = [2**24, 2**24 + 1, 2**53, 2**53 + 1, 1_700_000_000, 1_700_000_001]
    assert len(set(content_hashes(of(a=large), ["a"]))) == 6
    assert len(set(content_hashes(of(a=[[x, 1.0] for x in (0.1, 0.1 + 1e-12, np.nan)]), "a"))) == 3
    missing = content_hashes(of(a=[np.nan, np.nan, None], b=[None, None, 1.0]), ["a", "b"])
    assert missing[0] == missing[1] != missing[2]


def test_rows_are_compared_by_value_where_their_hashes_agree(monkeypatch):
    from thresher.core import content

    monkeypatch.setattr(content, "row_hashes", lambda rows, _: np.zeros(len(rows), np.uint64))
    kinds = {
        "whole": [1, 2, 1, None, None],
        "text": ["a", "A", "a", None, ""],
        "real": [0.5, 0.5, 0.5, np.nan, np.nan],
        "list": [[1, 2], [1], [1, 2], [], None],
    }
    for name, values in kinds.items():
        keys = content.equal_rows(of(**{name: values}), [name])
        expected = [str(value) for value in values]
        for i in range(5):
            for j in range(5):
                assert (keys[i] == keys[j]) == (expected[i] == expected[j]), (name, i, j)


def encoded(pixels, kind):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def test_images_are_compared_by_pixels():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    other_shape = pixels.reshape(2, 8, 3)
    files = [
        encoded(pixels, "PNG"),
        encoded(pixels, "BMP"),
        encoded(other_shape, "PNG"),
        b"bad",
        b"bad",
        b"worse",
    ]
    hashes = content_hashes(of(image=files), "image")
    assert hashes[0] == hashes[1]
    assert hashes[3] == hashes[4]
    assert len(set(hashes)) == 4


def test_generated_ids_survive_a_spreadsheet():
    rows = datasets.Dataset.from_dict({"text": [f"row {i}" for i in range(20_000)]})
    ids = with_row_ids(rows)["row_id"][:]
    assert not [one for one in ids if re.fullmatch(r"\d+(e\d+)?", one)]
    assert len(set(ids)) == 20_000
    lettered = np.array([one for one in ids if one[0] in "ghijklmnop"])
    assert 0 < len(lettered) < 40
    before = without_letters(np.array(ids))
    assert [one for one in before if re.fullmatch(r"\d+(e\d+)?", one)] == without_letters(
        lettered
    ).tolist()
    np.testing.assert_array_equal(with_letters(before), ids)


def test_only_whole_numbers_of_sixteen_digits_get_a_letter():
    ids = ["1234567890123456", "9876543210e12345", "1234567890123456-2", "12", "a234567890123456"]
    wanted = ["h234567890123456", "p876543210e12345", "h234567890123456-2", "12", ids[-1]]
    assert with_letters(np.array(ids)).tolist() == wanted
    assert without_letters(np.array(wanted)).tolist() == ids


def test_decisions_about_old_ids_are_those_of_todays_rows():
    old = ["1234567890123456", "abcdef0123456789"]
    manifest = Manifest.from_columns(
        old, ["keep", "drop"], reasons=[None, "x"], scores=[None, 0.1], twins=[None, old[0]]
    )
    today = np.array(["abcdef0123456789", "h234567890123456"])
    found = manifest.align(today)
    assert found.actions.tolist() == ["drop", "keep"]
    assert found.table["twin"].to_pylist() == ["h234567890123456", None]
    with pytest.raises(InputError, match="missing"):
        manifest.align(np.array(["abcdef0123456789", "other"]))
