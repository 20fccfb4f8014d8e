"""Token counts against the tokenizer itself; folders, cut and padded files, what is none."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from thresher.core import TokenCounter
from thresher.core.errors import InputError

TEXTS = ["the red car stops", "a car", "", "zebra crossing ahead", "the the the"]


@pytest.fixture
def tokenizer_file(tmp_path: Path) -> Path:
    """Write a tokenizer of six words that cuts at two tokens, pads to five and adds marks."""
    tokenizers = pytest.importorskip("tokenizers", reason="pip install 'thresher[encoders]'")
    words = ["[UNK]", "[CLS]", "[SEP]", "the", "red", "car", "stops", "a"]
    model = tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, "[UNK]")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    made.enable_truncation(2)
    made.enable_padding(length=5)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_words_are_runs_of_letters_and_digits() -> None:
    counter = TokenCounter.of()
    assert counter.count(["one two", "it's 3.5 m²!", "", " \n", "naïve Größe"]).tolist() == [
        2, 5, 0, 0, 2,
    ]  # fmt: skip
    assert (counter.unit, counter.said) == ("words", "words")
    assert TokenCounter.of(counter) is counter


def test_tokens_are_those_of_the_file_uncut_unpadded_and_without_marks(
    tokenizer_file: Path,
) -> None:
    counter = TokenCounter.of(tokenizer_file)
    assert counter.count(TEXTS).tolist() == [4, 2, 0, 3, 3]
    assert counter.count([]).tolist() == []
    assert counter.count(TEXTS).dtype == np.int64
    assert str(tokenizer_file) in counter.said


def test_a_folder_counts_as_its_file_and_counters_travel(tokenizer_file: Path) -> None:
    counter = TokenCounter.of(tokenizer_file.parent)
    assert counter == TokenCounter.of(tokenizer_file)
    sent = pickle.loads(pickle.dumps(counter))
    assert sent.count(TEXTS * 500).tolist() == [4, 2, 0, 3, 3] * 500


def test_what_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tokenizer .*or 'words'"):
        TokenCounter.of(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"holds no tokenizer\.json.*save_pretrained"):
        TokenCounter.of(tmp_path)
    pytest.importorskip("tokenizers", reason="pip install 'thresher[encoders]'")
    for content in ("[]", "{}", "not json"):
        (tmp_path / "bad.json").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"bad\.json is not a tokenizer"):
            TokenCounter.of(tmp_path / "bad.json")
