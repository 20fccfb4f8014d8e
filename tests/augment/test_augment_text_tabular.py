import numpy as np
import pytest

from augment import add_noise, augment_texts, back_translate, splice
from thresher.core.errors import InputError

TEXTS = ["the quick brown fox jumps over the lazy dog", "card lost", "single", ""]
KEYS = ["a", "b", "c", "d"]


@pytest.mark.parametrize("op", ["delete", "swap", "typo"])
def test_a_text_depends_on_its_own_key(op):
    whole = augment_texts(TEXTS, KEYS, op=op, rate=0.5, epoch=1)
    single = [
        augment_texts([t], [k], op=op, rate=0.5, epoch=1)[0]
        for t, k in zip(TEXTS, KEYS, strict=True)
    ]
    assert whole == single
    assert whole[0] != TEXTS[0]
    assert whole[2:] == TEXTS[2:]
    assert augment_texts(TEXTS, KEYS, op=op, rate=0) == TEXTS
    assert whole != augment_texts(TEXTS, KEYS, op=op, rate=0.5, epoch=2)


def test_what_each_operation_may_change():
    deleted = augment_texts(TEXTS, KEYS, op="delete", rate=0.6)[0].split()
    assert set(deleted) < set(TEXTS[0].split())
    assert augment_texts(TEXTS[:1], [1], op="delete", rate=1)[0] in TEXTS[0].split()
    swapped = augment_texts(TEXTS, KEYS, op="swap", rate=0.6)[0]
    assert sorted(swapped.split()) == sorted(TEXTS[0].split())
    lexicon = {"quick": ["fast"], "lost": ["missing"]}
    changed = augment_texts(TEXTS, KEYS, op="synonym", rate=1, lexicon=lexicon)
    assert changed[:2] == [TEXTS[0].replace("quick", "fast"), "card missing"]


def test_splice_stays_in_the_class():
    texts, labels = ["a a", "b b", "c c"], [0, 0, 1]
    spliced = splice(texts, labels, [1, 2, 3])
    assert spliced[2] == "c c"
    assert set(spliced[0].split()) <= {"a", "b"}


def test_back_translation_keeps_what_has_no_answer():
    assert back_translate(["a", "b"], lambda texts: [texts[0].upper(), " "]) == ["A", "b"]
    with pytest.raises(InputError, match="2 texts"):
        back_translate(["a", "b"], lambda texts: texts[:1])


def test_noise_has_its_scale_and_depends_on_the_row():
    features = np.zeros((20_000, 2), dtype=np.float32)
    features[0, 0] = np.nan
    keys = np.arange(20_000)
    noisy = add_noise(features, keys, scale=np.array([2.0, 0.0]), amount=0.5)
    assert np.isnan(noisy[0, 0])
    assert abs(np.nanstd(noisy[:, 0]) - 1) < 0.02
    assert (noisy[:, 1] == 0).all()
    one = add_noise(features[7:8], keys[7:8], scale=np.array([2.0, 0.0]), amount=0.5)
    assert np.array_equal(one[0], noisy[7])


def test_bad_arguments_are_refused():
    with pytest.raises(InputError, match="lexicon"):
        augment_texts(TEXTS, KEYS, op="synonym")
    with pytest.raises(InputError, match="op"):
        augment_texts(TEXTS, KEYS, op="delet")
    with pytest.raises(InputError, match="strings"):
        augment_texts([3], [1], op="swap")
    with pytest.raises(InputError, match="scale"):
        add_noise(np.zeros((2, 2)), [1, 2], scale=np.ones(3))
    with pytest.raises(InputError, match="labels"):
        splice(TEXTS, [1], KEYS)
