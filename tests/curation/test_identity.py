"""Keys of equal content: by bytes, pixels, text and columns; what cannot be read equals nothing."""

import io
import struct

import datasets
import numpy as np
import pytest
from PIL import Image

from curation import find_exact_duplicates
from curation.identity import content_keys
from thresher.core.errors import InputError


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(shape=(8, 6), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)


def groups(keys):
    return sorted(group.tolist() for group in find_exact_duplicates(keys).groups())


def images(files):
    return datasets.Dataset.from_dict(
        {"image": files}, features=datasets.Features({"image": datasets.Value("binary")})
    )


def test_pixels_count_with_shape_and_mode_whatever_the_file():
    colour = Image.fromarray(picture())
    grey = Image.fromarray(picture()[:, :, 0])
    files = [
        encoded(colour),
        encoded(colour, "BMP"),
        encoded(colour.convert("RGBA")),
        encoded(Image.fromarray(picture().reshape(6, 8, 3))),
        encoded(grey),
        encoded(grey.convert("RGB")),
    ]
    assert groups(content_keys(images(files), by="pixels", columns="image")) == [[0, 1]]
    assert groups(content_keys(images([*files, files[4]]), by="file", columns="image")) == [[4, 6]]


def test_odd_images_are_compared_and_unreadable_ones_equal_nothing():
    deep = Image.fromarray((np.arange(48).reshape(8, 6) * 1000).astype(np.uint16))
    frames = [Image.fromarray(picture(seed=seed)) for seed in (1, 2)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    single = encoded(Image.new("RGB", (1, 1)))
    huge = single[:16] + struct.pack(">II", 20_000, 20_000) + single[24:]
    files = [encoded(deep), moving, single, huge, b"no image", b"", None]
    keys = content_keys(images([*files, *files]), by="pixels", columns="image")
    assert groups(keys) == [[0, 7], [1, 8], [2, 9]]
    assert (keys[3:7] == "").all()


def test_texts_count_by_their_words_and_columns_by_their_values():
    rows = datasets.Dataset.from_dict(
        {
            "text": ["Ab  c", "ab c", "abc", "", " ", None],
            "number": [1.0, 1.0, 2.0, 2.0, 2.0, 2.0],
            "label": ["x", "y", "x", "x", "x", "x"],
        }
    )
    assert groups(content_keys(rows, by="text", columns="text")) == [[0, 1]]
    assert groups(content_keys(rows, by="columns")) == []
    assert groups(content_keys(rows, by="columns", columns="number")) == [[0, 1], [2, 3, 4, 5]]


def test_equal_but_for_the_label_is_a_conflict():
    rows = datasets.Dataset.from_dict({"a": [1, 1, 1, 2], "label": ["x", "y", "x", "x"]})
    keys = content_keys(rows, by="columns", columns=["a"])
    found = find_exact_duplicates(keys, labels=np.array(rows["label"]))
    conflicts = {
        issue.row_id: issue.suggested for issue in found.to_issues() if issue.check == "conflict"
    }
    assert conflicts == {"0": None, "1": "x", "2": None}


def test_bad_options_are_named():
    rows = datasets.Dataset.from_dict({"a": [1]})
    with pytest.raises(InputError, match="compares one column"):
        content_keys(rows, by="text")
    with pytest.raises(InputError, match="not texts"):
        content_keys(rows, by="text", columns="a")
    with pytest.raises(InputError, match="not in the data"):
        content_keys(rows, by="columns", columns="A")
    with pytest.raises(InputError, match="'pixels'"):
        content_keys(rows, by="pixel", columns="a")
