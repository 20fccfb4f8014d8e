"""Curating with the joined encoder: copies by the surface, the weight by training labels."""

import datasets
import numpy as np
import pytest

from curation import Curator
from curation.curator.encoding import encode_rows
from curation.curator.rows import Rows
from thresher.core.encoders.automatic import choose_encoder

pytestmark = pytest.mark.skipif(
    {choose_encoder(kind).value for kind in ("image", "text")} != {"joined:image", "joined:text"},
    reason="needs thresher[encoders]",
)
RNG = np.random.default_rng(0)
TOPICS = {
    "animals": ["my kitten purrs", "the dog barks", "a horse gallops", "birds sing"],
    "money": ["interest rates rise", "the bank lends", "stocks fall", "taxes grow"],
}


def pictures() -> np.ndarray:
    """Return 120 smooth pictures, uint8 (120, 32, 32, 3), the last 20 copies but for a pixel."""
    coarse = RNG.integers(0, 230, (100, 4, 4, 3), dtype=np.uint8)
    smooth = coarse.repeat(8, axis=1).repeat(8, axis=2)
    copies = smooth[:20].copy()
    copies[:, 0, 0] += 9
    return np.concatenate([smooth, copies])


def texts(rows: int = 160) -> tuple[list[str], list[str]]:
    """Return texts whose classes only their meaning tells, and the classes."""
    names = [name for row in range(rows // 2) for name in TOPICS]
    said = [
        f"{RNG.choice(TOPICS[name])} {RNG.choice(TOPICS[name])} {i}" for i, name in enumerate(names)
    ]
    return said, names


def test_copies_are_those_of_the_built_in_encoder():
    images = pictures()
    found = {
        name: Curator(["near_duplicate"], encoder=name).fit(images)
        for name in ("auto", "builtin:image")
    }
    auto, surface = found["auto"], found["builtin:image"]
    assert auto.checks_.embeddings.encoder == "joined:image"
    assert auto.threshold_ == surface.threshold_
    assert np.array_equal(auto.checks_.graph.indptr, surface.checks_.graph.indptr)
    assert np.array_equal(auto.checks_.graph.indices, surface.checks_.graph.indices)
    actions = auto.manifest_.to_pandas()["action"]
    assert np.array_equal(actions, surface.manifest_.to_pandas()["action"])
    assert (actions == "drop").sum() >= 10


def test_texts_are_still_compared_by_their_words():
    said, _ = texts()
    curator = Curator(["near_duplicate"], encoder="joined:text").fit(said)
    assert "Jaccard similarity" in curator.methods_["near_duplicate"]


def test_only_labels_of_training_rows_weigh():
    said, names = texts()
    split = ["train" if row < 120 else "test" for row in range(160)]
    weighed = []
    for test_names in (names, names[:120] + ["animals"] * 40):
        columns = {"text": said, "label": test_names, "split": split}
        rows = Rows.open(datasets.Dataset.from_dict(columns), column="text", label="label")
        encoder = encode_rows(rows, "auto", known=None, random_state=0).encoder
        weighed.append(encoder.weighing_)
    assert weighed[0] == weighed[1]
    assert "nearest of 120 rows" in weighed[0].reason


def test_numbers_as_labels_do_not_weigh():
    said, _ = texts()
    columns = {"text": said, "label": RNG.normal(size=160).tolist()}
    rows = Rows.open(datasets.Dataset.from_dict(columns), column="text", label="label")
    encoder = encode_rows(rows, "auto", known=None, random_state=0).encoder
    assert encoder.weighing_.reason == "usual without labels that tell"


def test_wrong_labels_that_only_meaning_shows():
    said, names = texts(200)
    wrong = RNG.choice(200, 10, replace=False)
    given = np.array(names)
    given[wrong] = np.where(given[wrong] == "money", "animals", "money")
    curator = Curator(["label"]).fit(said, given)
    found = curator.checks_.found["label"].scores
    assert set(np.argsort(found)[:10]) == set(wrong)


def test_batches_end_with_the_rows_of_one_fit():
    images, names = pictures(), np.array(["a", "b", "c"] * 40)
    whole = Curator(["near_duplicate", "outlier"]).fit(images, names)
    parts = Curator(["near_duplicate", "outlier"])
    for part in (slice(0, 50), slice(50, 120)):
        parts.partial_fit(images[part], names[part])
    assert np.array_equal(
        whole.manifest_.to_pandas()["action"], parts.manifest_.to_pandas()["action"]
    )
