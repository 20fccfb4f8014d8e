"""Which pairs stay: rules, scores, copies and evaluation images, against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.pairs import (
    PairHead,
    PairRules,
    choose_pairs,
    combine_scores,
    read_evaluation,
    score_pairs,
)
from curation.pairs.deduplicating import deduplicate_pairs
from curation.sharded.work import open_work
from thresher.core.encoders.function import FunctionEncoder
from thresher.core.errors import InputError

from .conftest import joint_vectors, members, picture, write_tar


@pytest.fixture
def work(tmp_path):
    with open_work(tmp_path / "chosen") as opened:
        yield opened


def stored(folder, image, text, /, *, shard="a", **columns):
    """Pairs without images, with stored vectors and any further columns."""
    n = len(image)
    told = {
        "uid": [f"{row:032x}" for row in range(n)],
        "text": [f"scene number {row} in some words" for row in range(n)],
    }
    pq.write_table(pa.table({**told, **columns}), folder / f"{shard}.parquet")
    np.savez(folder / f"{shard}.npz", l14_img=image, l14_txt=text)
    return folder / f"{shard}.parquet"


def scored(folder, image, text, /, **columns):
    path = stored(folder, image, text, **columns)
    return score_pairs([path], folder / "work", vectors=folder)


def same(scores_on, vectors, threshold, one, two):
    """Whether two rows are the same by any of the relations, told from all the vectors."""
    close = {name: part[one] @ part[two] >= threshold for name, part in vectors.items()}
    close["both"] = close["image"] and close["caption"]
    return any(close[name] for name in scores_on)


@pytest.mark.parametrize("on", [["image"], ["caption"], ["both"], ["image", "caption"]])
def test_close_pairs_leave_the_best_of_each_star(tmp_path, work, on):
    rng = np.random.default_rng(1)
    centers = joint_vectors(40, width=8)
    image = centers[0][rng.integers(40, size=200)] + 0.1 * rng.normal(size=(200, 8))
    text = centers[1][rng.integers(40, size=200)] + 0.1 * rng.normal(size=(200, 8))
    image[50], text[60] = image[51], text[61]  # equal ones too
    image[70] = 0  # and one without direction
    vectors = {
        "image": image / np.maximum(np.linalg.norm(image, axis=1, keepdims=True), 1e-9),
        "caption": text / np.linalg.norm(text, axis=1, keepdims=True),
    }
    scores = scored(tmp_path, image.astype(np.float32), text.astype(np.float32))
    priority = rng.permutation(200).astype(float)
    rows = np.arange(200)
    found = deduplicate_pairs(scores, work, rows=rows, priority=priority, on=on, threshold=0.9)
    kept: list[int] = []
    for row in np.argsort(-priority):
        twins = [other for other in kept if same(on, vectors, 0.9, row, other)]
        assert (found.duplicate_of[row] >= 0) == bool(twins)
        if twins:
            assert found.duplicate_of[row] in twins
        else:
            kept.append(int(row))
    assert 20 < len(kept) < 200


@pytest.mark.parametrize("on", [["image"], ["caption"], ["both"], ["image", "caption"]])
def test_equal_pairs_leave_the_best(tmp_path, work, on):
    rng = np.random.default_rng(2)
    shown, said = rng.integers(15, size=80), rng.integers(15, size=80)
    scores = scored(
        tmp_path,
        *joint_vectors(80),
        sha256=[f"{value}" for value in shown],
        text=[f"Scene no {value}{'!' if row % 2 else ''}" for row, value in enumerate(said)],
    )
    priority = rng.normal(size=80)
    priority[3] = np.nan
    found = deduplicate_pairs(scores, work, rows=np.arange(80), priority=priority, on=on)
    codes = {"image": shown, "caption": said}
    kept: list[int] = []
    for row in np.argsort(-np.nan_to_num(priority, nan=-np.inf), kind="stable"):
        equal = [
            other for other in kept
            if any(
                all(codes[part][row] == codes[part][other] for part in
                    (("image", "caption") if name == "both" else (name,)))
                for name in on
            )
        ]  # fmt: skip
        assert (found.duplicate_of[row] >= 0) == bool(equal)
        assert found.duplicate_of[row] in [*equal, -1]
        if not equal:
            kept.append(int(row))


def test_copies_by_what_is_not_there_are_refused(tmp_path):
    scores = score_pairs([stored(tmp_path, *joint_vectors(5))], tmp_path / "work")
    with pytest.raises(InputError, match="Neither images nor hashes"):
        choose_pairs(scores, tmp_path / "chosen")
    with pytest.raises(InputError, match="A threshold compares vectors"):
        choose_pairs(scores, tmp_path / "chosen", threshold=0.9)
    with pytest.raises(InputError, match="Pairs are ranked by the similarity"):
        choose_pairs(scores, tmp_path / "chosen", top=0.5, on=["caption"])
    with pytest.raises(InputError, match=r"`least_side` cannot be judged"):
        choose_pairs(scores, tmp_path / "chosen", rules=PairRules(least_side=200), on=[])
    assert len(choose_pairs(scores, tmp_path / "chosen", on=["caption"]).kept) == 5


def test_rules_say_what_was_broken(tmp_path):
    common = "a red kettle on the stove"
    dog = "der Hund schläft auf dem Sofa"
    captions = [common, "IMG_2034", "kettle", dog, common, common, "five words are enough here"]
    scores = scored(
        tmp_path,
        *joint_vectors(7),
        text=captions,
        width=[640, 640, 640, 640, 640, 640, 100],
        height=[480, 480, 480, 480, 480, 100, 90],
    )
    rules = PairRules(
        least_words=2, most_repeats=2, languages=("en",), least_side=95, most_aspect=3.0
    )
    chosen = choose_pairs(scores, tmp_path / "chosen", rules=rules, on=[])
    said = {}
    for issue in chosen.issues:
        said.setdefault(issue.row_id[-1], set()).add(issue.detail)
    assert said["0"] == {"3 pairs with this caption, at most 2"}
    assert "caption: file name" in said["1"]
    assert "1 word, at least 2" in said["2"]
    assert said["3"] == {"caption reads like de"}
    assert said["5"] == {
        "3 pairs with this caption, at most 2",
        "6.4 times as long as wide, at most 3",
    }
    assert said["6"] == {"90 pixels on the shorter side, at least 95"}
    assert chosen.manifest.counts()["drop"] == 7
    assert sum(chosen.steps.values()) == 7


def test_the_best_share_stays_by_score_then_place(tmp_path):
    image, text = joint_vectors(20)
    scores = scored(tmp_path, image, text)
    chosen = choose_pairs(scores, tmp_path / "chosen", rank_by="similarity", top=0.3, on=[])
    best = np.sort(np.argsort(-(image * text).sum(axis=1))[:6])
    assert np.array_equal(chosen.kept, best)
    tied = choose_pairs(scores, tmp_path / "chosen", rank_by=np.zeros(20), top=0.25, on=[])
    assert tied.kept.tolist() == [0, 1, 2, 3, 4]
    header = chosen.manifest.header
    assert (header["rank_by"], header["top"]) == ("similarity", 0.3)


def test_dropping_low_scores_first_leaves_the_same_winners(tmp_path):
    rng = np.random.default_rng(3)
    scores = scored(
        tmp_path, *joint_vectors(100), sha256=[str(v) for v in rng.integers(30, size=100)]
    )
    first = choose_pairs(scores, tmp_path / "chosen", rank_by="similarity", top=0.5).kept
    all_kept = choose_pairs(scores, tmp_path / "chosen", rank_by="similarity").kept
    limit = np.sort(scores.numbers("similarity"))[::-1][49]
    assert np.array_equal(first, all_kept[scores.numbers("similarity")[all_kept] >= limit])


def encoder_of_means() -> FunctionEncoder:
    """Images by the mean color of a grid: nearly equal images are close."""

    def encode(images):
        small = images.reshape(len(images), 4, 8, 4, 8, 3).mean(axis=(2, 4))
        return small.reshape(len(images), -1) - 128

    return FunctionEncoder(encode, modality="image", image_size=32, name="means")


def words(texts):
    return np.ones((len(texts), 48))


def test_evaluation_images_are_found_by_content_and_by_looks(tmp_path):
    import cv2

    files = [picture(seed) for seed in range(6)]
    near = cv2.imdecode(np.frombuffer(files[2], np.uint8), cv2.IMREAD_COLOR)
    jpeg = cv2.imencode(".jpg", near, [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes()
    folder = tmp_path / "evaluation"
    folder.mkdir()
    (folder / "same.png").write_bytes(files[1])
    (folder / "near.jpg").write_bytes(jpeg)
    (folder / "none.jpg").write_bytes(b"no image")
    inside = [members(f"{at}", data, f"a scene with number {at}") for at, data in enumerate(files)]
    path = write_tar(tmp_path / "a.tar", list(itertools.chain(*inside)))
    image = encoder_of_means()
    text = FunctionEncoder(words, modality="text", name="words")
    scores = score_pairs([path], tmp_path / "work", encoder=(image, text))
    by_bytes = choose_pairs(
        scores, tmp_path / "chosen", evaluation=read_evaluation([folder]), on=[]
    )
    assert by_bytes.manifest.reasons()["drop"] == {"leakage": 1}
    assert np.array_equal(by_bytes.kept, [0, 2, 3, 4, 5])
    known = read_evaluation([folder], encoder=image)
    chosen = choose_pairs(scores, tmp_path / "chosen", evaluation=known, leak_threshold=0.98, on=[])
    assert np.array_equal(chosen.kept, [0, 3, 4, 5])
    assert {issue.detail for issue in chosen.issues} == {
        "shows the evaluation image same.png",
        "shows the evaluation image near.jpg",
    }
    with pytest.raises(InputError, match="no folder of images"):
        read_evaluation([tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        read_evaluation([tmp_path / "empty"])


def test_a_head_learns_what_single_scores_do_not_tell(tmp_path):
    rng = np.random.default_rng(4)
    n = 600
    good = rng.random(n) < 0.5
    image, text = joint_vectors(n, width=16, noise=1.0)
    text = np.where(good[:, None], 0.35 * image + text, text)
    count = np.where(good, rng.integers(6, 14, n), rng.integers(2, 9, n))
    captions = [
        " ".join(f"word{row}x{place}" for place in range(size)) for row, size in enumerate(count)
    ]
    scores = scored(tmp_path, image.astype(np.float32), text.astype(np.float32), text=captions)
    ids = scores.table["pair_id"].to_pylist()
    head = combine_scores(scores, ids[:300], good[:300])
    from sklearn.metrics import average_precision_score

    unseen = head.score(scores)[300:]
    found = average_precision_score(good[300:], unseen)
    alone = average_precision_score(good[300:], scores.numbers("similarity")[300:])
    assert found > alone + 0.05
    assert abs(head.average_precision["head"] - found) < 0.05
    assert abs(unseen.mean() - good[300:].mean()) < 0.1  # a probability
    head.save(tmp_path / "head.json")
    assert np.array_equal(PairHead.load(tmp_path / "head.json").score(scores), head.score(scores))
    with pytest.raises(InputError, match="none of these, the first is 'gone'"):
        combine_scores(scores, ["gone"], [True])
    with pytest.raises(InputError, match="at least 10 good and 10 bad pairs; got 20 and 0"):
        combine_scores(scores, ids[:20], [True] * 20)


@pytest.mark.parametrize("threshold", [None, 0.9])
def test_the_cut_into_shards_changes_nothing(tmp_path, threshold):
    rng = np.random.default_rng(5)
    image, text = joint_vectors(60, width=8)
    copies = rng.integers(40, size=20)
    image[40:] = image[copies] + 0.01 * rng.normal(size=(20, 8))
    text[40:] = text[copies]
    uid = [f"{row:032x}" for row in range(60)]
    hashes = [str(row if row < 40 else copies[row - 40]) for row in range(60)]
    found = []
    for cuts in ([0, 60], [0, 7, 33, 60]):
        folder = tmp_path / str(len(cuts))
        folder.mkdir()
        for start, stop in itertools.pairwise(cuts):
            rows = {"uid": uid[start:stop], "sha256": hashes[start:stop],
                    "text": [f"scene {row} in words" for row in range(start, stop)]}  # fmt: skip
            pq.write_table(pa.table(rows), folder / f"{start:03d}.parquet")
            halves = {"b_img": image[start:stop], "b_txt": text[start:stop]}
            np.savez(folder / f"{start:03d}.npz", **halves)
        scores = score_pairs([folder], folder / "work", vectors=folder)
        chosen = choose_pairs(scores, folder / "work", top=0.6, threshold=threshold)
        found.append((scores.numbers("contrast"), chosen.manifest.table))
    assert np.array_equal(found[0][0], found[1][0])
    assert found[0][1].equals(found[1][1])
    assert 5 < found[0][1]["action"].to_pylist().count("keep") < 36
