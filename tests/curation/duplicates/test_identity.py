"""Keys of equal content: by bytes, pixels, text and columns; what cannot be read equals nothing."""

import io
import struct

import datasets
import numpy as np
import pytest
from PIL import Image

from curation import find_exact_duplicates
from curation.duplicates.content_keys import content_keys
from thresher.core.content import content_hashes
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
    color = Image.fromarray(picture())
    gray = Image.fromarray(picture()[:, :, 0])
    files = [
        encoded(color),
        encoded(color, "BMP"),
        encoded(color.convert("RGBA")),
        encoded(Image.fromarray(picture().reshape(6, 8, 3))),
        encoded(gray),
        encoded(gray.convert("RGB")),
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


def test_nothing_that_is_stored_is_left_out_of_a_picture():
    rng = np.random.default_rng(0)
    drawings = []
    for place in range(3):
        rgba = np.full((16, 16, 4), 255, np.uint8)
        rgba[..., 3] = 0
        rgba[4 * place : 4 * place + 4, 2:12, 3] = 255
        drawings.append(encoded(Image.fromarray(rgba)))
    deep = [rng.integers(0, 256, (9, 9)).astype(np.uint16) for _ in range(2)]
    signed = [np.array([[-5, 70_000], [value, 3]], np.int32) for value in (-1, 0)]
    real = [np.array([[0.5, value]], np.float32) for value in (0.1, 0.1 + 1e-7)]
    inks = [Image.new("CMYK", (8, 8), ink) for ink in ((0, 0, 0, 255), (255, 255, 255, 255))]
    files = [
        *drawings,
        *(encoded(Image.fromarray(array)) for array in deep),
        *(encoded(Image.fromarray(array), "TIFF") for array in (*signed, *real)),
        *(encoded(image, "TIFF") for image in inks),
        *(frames("GIF", seeds) for seeds in ((1, 2), (1, 3), (1,), (1, 2, 3))),
        *(frames("TIFF", seeds) for seeds in ((4, 5), (4, 6))),
        *(frames("PNG", seeds) for seeds in ((7, 8), (7, 9))),
        *(frames("WEBP", seeds, lossless=True) for seeds in ((10, 11), (10, 12))),
        frames("GIF", (1, 2), duration=500),
    ]
    for by in ("pixels", "hash"):
        rows = images(files)
        keys = (
            content_hashes(rows, "image")
            if by == "hash"
            else content_keys(rows, by="pixels", columns="image")
        )
        assert len(set(keys.tolist())) == len(files), by
        assert "" not in keys.tolist()


def frames(kind, seeds, **options):
    first, *rest = [Image.fromarray(picture((16, 12), seed)) for seed in seeds]
    return encoded(first, kind, save_all=True, append_images=rest, **options)


def test_color_of_16_bits_is_compared_byte_for_byte():
    import cv2

    deep = np.arange(3 * 64, dtype=np.uint16).reshape(8, 8, 3)
    files = [cv2.imencode(".png", deep + offset)[1].tobytes() for offset in (0, 1, 0)]
    files += [cv2.imencode(".tif", deep + offset)[1].tobytes() for offset in (0, 1)]
    assert groups(content_hashes(images(files), "image")) == [[0, 2]]


def test_the_way_samples_are_packed_and_turned_does_not_count():
    turned = Image.fromarray(np.rot90(picture(), -1).copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    color, palette = Image.fromarray(picture()), Image.fromarray(picture()).quantize(16)
    files = [
        encoded(turned),
        encoded(color, exif=exif),
        encoded(palette),
        encoded(palette.convert("RGB"), "BMP"),
        encoded(Image.fromarray(picture()[..., 0]), "TIFF", compression="tiff_lzw"),
        encoded(Image.fromarray(picture()[..., 0]).convert("RGB")),
        encoded(color),
        encoded(color.convert("RGBA"), "WEBP", lossless=True),
    ]
    assert groups(content_hashes(images(files), "image")) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_animations_that_begin_alike_are_no_near_copies():
    from curation import Curator

    files = [frames("GIF", seeds) for seeds in ((1, 2), (1, 3), (4, 5), (1, 2))]
    files += [encoded(Image.fromarray(picture((16, 12), seed))) for seed in range(10, 40)]
    curator = Curator(["exact_duplicate", "near_duplicate"]).fit(images(files), column="image")
    assert curator.issues_.counts().get("exact_duplicate", 0) == 1
    assert curator.issues_.counts().get("near_duplicate", 0) == 0
