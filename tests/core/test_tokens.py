import os
import subprocess
import sys
import time

import numpy as np
import pytest

from thresher.core.errors import InputError
from thresher.core.tokens import HashTokenizer
from training import compact_model, evaluate, fit
from training.rows.samples import samples_from_arrays

FIXED = [847, 12, 561, 64, 102, 115, 752, 445]
TEXTS = ["Where is my card?", "", "where IS my   card!", "¿Dónde está?", "a\nb", "卡在哪里", "x"]


def test_ids_do_not_change_between_releases():
    # A change here would silently break every model that was exported before.
    ids = HashTokenizer(vocabulary=1000, max_tokens=8).encode(["my card"])
    assert ids[0].tolist() == FIXED


def test_ids_depend_on_the_words_alone():
    ids = HashTokenizer().encode(TEXTS)
    assert ids.dtype == np.int64
    assert ids.shape == (7, 256)
    assert np.array_equal(ids[0], ids[2])
    assert not ids[1].any()
    assert (ids < 32768).all()
    for row, text in enumerate(TEXTS):
        assert np.array_equal(HashTokenizer().encode([text])[0], ids[row])


def test_tokens_are_the_words_the_pairs_and_the_ngrams_within_words():
    text = "where is it"
    words, pairs = 3, 2
    padded = [" where ", " is ", " it "]
    grams = sum(max(len(word) - size + 1, 0) for word in padded for size in (3, 4, 5))
    ids = HashTokenizer(vocabulary=2**30).encode([text])[0]
    assert (ids != 0).sum() == words + pairs + grams
    only_words = HashTokenizer(vocabulary=2**30, word_ngrams=1, char_ngrams=None)
    assert np.array_equal(only_words.encode([text])[0, :4], [*ids[:3], 0])
    assert set(only_words.encode(["it where is"])[0, :3]) == set(ids[:3])


def test_order_within_words_and_of_words_counts():
    ids = HashTokenizer(vocabulary=2**30).encode(["ab cd", "ba cd", "cd ab"])
    assert ids[0, 0] != ids[1, 0]
    assert ids[0, 2] != ids[2, 2]


def test_long_texts_are_cut_words_first():
    tokenizer = HashTokenizer(max_tokens=5)
    ids = tokenizer.encode(["one two three four five six seven"])
    assert np.array_equal(
        ids[0], HashTokenizer().encode(["one two three four five six seven"])[0, :5]
    )
    assert ids.shape == (1, 5)
    assert HashTokenizer().encode([]).shape == (0, 256)


def test_another_process_gives_the_same_ids():
    code = f"from training import HashTokenizer; print(HashTokenizer().encode({TEXTS!r}).sum())"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert int(out.stdout) == HashTokenizer().encode(TEXTS).sum()


def test_settings_go_through_json():
    for tokenizer in (HashTokenizer(vocabulary=64), HashTokenizer(char_ngrams=None, word_ngrams=1)):
        assert HashTokenizer.from_json(tokenizer.to_json()) == tokenizer


@pytest.mark.parametrize("options", [{"vocabulary": 1}, {"max_tokens": 0}, {"char_ngrams": (5, 3)}])
def test_wrong_settings_are_told(options):
    with pytest.raises(InputError, match=next(iter(options))):
        HashTokenizer(**options)


@pytest.mark.parametrize("name", ["hashed_embedding", "text_cnn"])
def test_text_models_learn_from_words(name):
    rng = np.random.default_rng(0)
    subjects = [["card", "cards", "visa"], ["refund", "money", "refunds"], ["app", "apps", "phone"]]
    targets = np.arange(300) % 3
    texts = [
        f"my {rng.choice(subjects[c])} is {rng.choice(['late', 'here', 'odd'])}" for c in targets
    ]
    words = {"word_ngrams": 1, "char_ngrams": None} if name == "text_cnn" else {}
    ids = HashTokenizer(vocabulary=4096, max_tokens=40, **words).encode(texts)
    samples = samples_from_arrays(ids, row_ids=np.arange(300).astype(str), targets=targets)
    model = compact_model(name, num_classes=3, input_shape=(40,), width=16, vocabulary=4096)
    fit(model, samples.take(np.arange(200)), epochs=8, batch_size=32, optimizer="adamw", lr=5e-3)
    assert evaluate(model, samples.take(np.arange(200, 300))).accuracy >= 0.98


def test_thousands_of_texts_take_a_second():
    texts = ["what is the exchange rate for my transfer to a friend abroad, please?"] * 5000
    began = time.process_time()
    HashTokenizer().encode(texts)
    assert time.process_time() - began < 2
