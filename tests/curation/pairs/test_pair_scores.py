"""Shards are read once, each fault stays with its pair, and what is stored goes on."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.pairs import PairColumns, PairVectors, score_pairs
from curation.pairs.contrast import OTHERS, TEMPERATURE
from thresher.core.errors import InputError

from .conftest import joint_vectors, members, picture, write_tar


def column(scores, name):
    return scores.table[name].to_pylist()


def test_sound_shards_are_measured(shards, tmp_path):
    scores = score_pairs(shards, tmp_path / "work")
    assert column(scores, "id") == [f"{s:016x}{p:016x}" for s in range(2) for p in range(5)]
    assert column(scores, "pair_id") == column(scores, "id")
    assert column(scores, "shard") == [0] * 5 + [1] * 5
    assert set(column(scores, "width")) == {48.0}
    assert set(column(scores, "height")) == {32.0}
    assert set(column(scores, "fault")) == {None}
    assert set(column(scores, "caption_words")) == {8}
    assert column(scores, "similarity") == [None] * 10
    assert len(set(column(scores, "image_key"))) == 10
    assert len(scores.set_aside) == 0


def test_bad_members_are_named_and_stay_with_their_pair(tmp_path):
    blank = io.BytesIO()
    Image.new("RGB", (40, 40), (9, 9, 9)).save(blank, "PNG")
    inside = [
        *members("good", picture(1), "a red kettle on the stove"),
        ("noimage.txt", b"a kettle without its image"),
        ("nocaption.png", picture(2)),
        *members("cut", picture(3)[:200], "a kettle that is cut off"),
        ("latin.png", picture(4)),
        ("latin.txt", "un caf\xe9".encode("latin-1")),
        ("noise.png", b"this is no image"),
        ("noise.txt", b"a kettle that is none"),
        ("blank.png", blank.getvalue()),
        ("blank.txt", b"a kettle in the dark of night"),
        ("broken.json", b"{"),
        ("broken.png", picture(5)),
        ("broken.txt", b"a kettle beside broken words"),
        ("README", b"a member without a suffix"),
        *members("good", picture(6), "the same key once more, apart"),
        *members("empty", picture(7), "   "),
        *members("sub/dir.more", picture(8), "a kettle in a folder"),
    ]
    path = write_tar(tmp_path / "mixed.tar", inside)
    scores = score_pairs([path], tmp_path / "work", decode=True)
    faults = dict(zip(column(scores, "pair_id"), column(scores, "fault"), strict=True))
    assert faults["mixed/good"] is None
    assert faults["mixed/noimage"] == "no image"
    assert faults["mixed/nocaption"] == "no caption"
    assert faults["mixed/cut"] == "unreadable image: truncated"
    assert faults["mixed/latin"] == "the caption is not UTF-8"
    assert faults["mixed/noise"] == "unreadable image: not an image"
    assert faults["mixed/broken"] == "broken JSON"
    assert "lie apart" in faults["mixed/good#2"]
    assert faults["mixed/empty"] == "no caption"
    assert faults["mixed/sub/dir"] is not None  # dir.more.png: an image of another name
    looks = dict(zip(column(scores, "id"), column(scores, "image_fault"), strict=True))
    assert looks["blank"] == "blank"
    assert looks["cut"] is None  # its fault has said so
    (aside,) = list(scores.set_aside)
    assert (aside.row_id, aside.detail) == ("mixed.tar/README", "a member without a suffix")


def test_a_truncated_shard_gives_what_comes_before(shards, tmp_path):
    whole = shards[0].read_bytes()
    shards[0].write_bytes(whole[: len(whole) * 2 // 3])
    scores = score_pairs(shards, tmp_path / "work")
    faults = column(scores, "fault")
    assert 7 <= len(scores) < 10
    assert any(
        "cut short" in (fault or "") or fault in ("no image", "no caption") for fault in faults
    )
    assert faults[:2] == [None, None]


def test_tables_hold_images_as_bytes_paths_or_not_at_all(tmp_path):
    (tmp_path / "images").mkdir()
    for place in range(3):
        (tmp_path / "images" / f"{place}.png").write_bytes(picture(place))
    files = [f"images/{place}.png" for place in range(3)]
    captions = ["a red kettle", "a blue kettle", "a green kettle"]
    pq.write_table(
        pa.table({"image": [picture(place) for place in range(3)], "caption": captions}),
        tmp_path / "bytes.parquet",
    )
    rows = [
        json.dumps({"path": path, "text": text}) for path, text in zip(files, captions, strict=True)
    ]
    (tmp_path / "paths.jsonl").write_text(
        "\n".join([*rows, '{"path": "gone.png", "text": "x y z"}'])
    )
    pq.write_table(
        pa.table({
            "url": [f"http://shop.example/{place}.jpg" for place in range(3)],
            "text": captions,
            "original_width": [640, 320, 200],
            "original_height": [480, 240, 100],
            "clip_l14_similarity_score": [0.3, 0.2, 0.1],
            "sha256": ["a", "b", "a"],
        }),
        tmp_path / "metadata.parquet",
    )  # fmt: skip
    names = ["bytes.parquet", "paths.jsonl", "metadata.parquet"]
    scores = score_pairs([tmp_path / name for name in names], tmp_path / "work")
    keys = column(scores, "image_key")
    assert keys[:3] == keys[3:6]
    assert keys[7] == keys[9] != keys[8]
    assert column(scores, "fault") == [None] * 6 + ["missing file"] + [None] * 3
    assert column(scores, "width")[7:] == [640.0, 320.0, 200.0]
    assert np.allclose(scores.numbers("similarity")[7:], [0.3, 0.2, 0.1])
    assert column(scores, "pair_id")[0] == "bytes/row 1"
    looked = score_pairs([tmp_path / name for name in names], tmp_path / "looked", decode=True)
    assert column(looked, "image_fault")[7:] == [None] * 3  # no image is there to be at fault
    assert column(looked, "fault") == column(scores, "fault")
    assert column(scores, "caption_repeats") == [3, 3, 3, 3, 3, 3, 1, 3, 3, 3]


def test_files_that_hold_no_pairs_are_refused_by_name(tmp_path, shards):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "numbers.parquet")
    with pytest.raises(InputError, match=r"numbers.parquet has no column .* like a caption"):
        score_pairs([tmp_path / "numbers.parquet"], tmp_path / "work")
    with pytest.raises(InputError, match="no files, the first is"):
        score_pairs([tmp_path / "none.tar"], tmp_path / "work")
    with pytest.raises(InputError, match="given twice"):
        score_pairs([shards[0], shards[0]], tmp_path / "work")
    table = pa.table({"text": ["a"], "one_similarity": [0.1], "other_similarity": [0.2]})
    pq.write_table(table, tmp_path / "two.parquet")
    with pytest.raises(InputError, match="Several columns hold similarities"):
        score_pairs([tmp_path / "two.parquet"], tmp_path / "work")
    named = PairColumns(similarity="other_similarity")
    scores = score_pairs([tmp_path / "two.parquet"], tmp_path / "work", columns=named)
    assert np.allclose(scores.numbers("similarity"), [0.2])


def test_a_folder_stands_for_its_tar_files_or_its_tables(shards, tmp_path):
    folder = shards[0].parent
    pq.write_table(
        pa.table({"key": ["a"], "caption": ["how it was made"]}), folder / "00000.parquet"
    )
    (folder / "00000_stats.json").write_text("{}")
    assert [path.name for path in score_pairs([folder], tmp_path / "work").paths] == [
        "00000.tar",
        "00001.tar",
    ]
    for path in shards:
        path.unlink()
    (folder / "00000_stats.json").unlink()
    assert len(score_pairs([folder], tmp_path / "work")) == 1
    (folder / "00000.parquet").unlink()
    with pytest.raises(InputError, match="holds neither tar files nor tables"):
        score_pairs([folder], tmp_path / "work")


def test_paths_written_by_windows_are_found_and_pipes_do_not_block(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(picture(1))
    (tmp_path / "images" / "0.png").write_bytes(b"")
    os.mkfifo(tmp_path / "images" / "pipe.png")
    names = ["images\\1.png", "images/pipe.png", "images/0.png"]
    rows = "\n".join(f"{name},a kettle in some words" for name in names)
    (tmp_path / "a.csv").write_text(f"file_name,caption\n{rows}\n")
    faults = column(score_pairs([tmp_path / "a.csv"], tmp_path / "work"), "fault")
    assert faults == [None, "a folder, pipe, socket or device, not a file", "zero bytes"]


def test_a_set_that_grows_is_read_where_it_is_new(shards, tmp_path):
    score_pairs(shards[:1], tmp_path / "work")
    done = sorted((tmp_path / "work").glob("score-*/*"))
    stamps = [path.stat().st_mtime_ns for path in done]
    scores = score_pairs(shards, tmp_path / "work")
    assert len(scores) == 10
    assert [path.stat().st_mtime_ns for path in done] == stamps
    assert len(list((tmp_path / "work").glob("score-*/*"))) == 2
    os.utime(shards[0], ns=(1, 1))  # a file that was touched is read again
    score_pairs(shards, tmp_path / "work")
    assert len(list((tmp_path / "work").glob("score-*/*"))) == 3


def stored_vectors(folder: Path, shards: list[Path], image: np.ndarray, text: np.ndarray) -> None:
    for at, path in enumerate(shards):
        rows = slice(5 * at, 5 * at + 5)
        np.savez(folder / f"{path.stem}.npz", l14_img=image[rows].astype(np.float16),
                 l14_txt=text[rows].astype(np.float16))  # fmt: skip


def brute_contrast(image: np.ndarray, text: np.ndarray) -> np.ndarray:
    """The loss over all pairs, as few as the sample holds."""
    assert len(image) <= OTHERS
    cosines = image @ text.T
    both = [np.log(np.exp(part / TEMPERATURE).mean(axis=1)) for part in (cosines, cosines.T)]
    return np.diag(cosines) - TEMPERATURE * (both[0] + both[1]) / 2


def test_stored_vectors_give_cosines_and_contrast(shards, tmp_path):
    image, text = joint_vectors(10)
    stored_vectors(tmp_path, shards, image, text)
    scores = score_pairs(shards, tmp_path / "work", vectors=tmp_path)
    assert np.allclose(scores.numbers("similarity"), (image * text).sum(axis=1), atol=2e-3)
    exact = [part.astype(np.float16).astype(np.float64) for part in (image, text)]
    exact = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in exact]
    assert np.allclose(scores.numbers("contrast"), brute_contrast(*exact), atol=1e-4)
    assert scores.image is not None
    assert np.allclose(scores.image.read(0, 10), image, atol=2e-3)


def test_vectors_in_the_layout_of_clip_retrieval(shards, tmp_path):
    image, text = joint_vectors(10)
    for name, part in (("img_emb", image), ("text_emb", text)):
        (tmp_path / name).mkdir()
        for at in range(2):
            np.save(tmp_path / name / f"{name}_{at:05d}.npy", part[5 * at : 5 * at + 5])
    scores = score_pairs(shards, tmp_path / "work", vectors=tmp_path)
    assert np.allclose(scores.numbers("similarity"), (image * text).sum(axis=1), atol=1e-6)


def test_vectors_that_do_not_fit_are_refused(shards, tmp_path):
    image, text = joint_vectors(10)
    with pytest.raises(InputError, match=r"no vectors for 00000.tar: looked for 00000.npz"):
        score_pairs(shards, tmp_path / "work", vectors=tmp_path)
    np.savez(tmp_path / "a.npz", b32_img=image, b32_txt=text, l14_img=image, l14_txt=text)
    both = [PairVectors((tmp_path / "a.npz",))] * 2
    with pytest.raises(InputError, match="Say with `arrays`"):
        score_pairs(shards, tmp_path / "work", vectors=both)
    with pytest.raises(InputError, match=r"00000.tar has 5 pairs, but .*a.npz has 10 vectors"):
        score_pairs(
            shards, tmp_path / "work", vectors=[PairVectors((tmp_path / "a.npz",), "l14")] * 2
        )
    image[2, 0] = np.nan
    stored_vectors(tmp_path, shards, image, text)
    with pytest.raises(InputError, match=r"NaN or infinite values, the first in row\(s\) 0{31}2"):
        score_pairs(shards, tmp_path / "work", vectors=tmp_path)
    with pytest.raises(InputError, match="not both"):
        score_pairs(shards, tmp_path / "work", vectors=tmp_path, encoder="openclip:x@y")
