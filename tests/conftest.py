"""What tests of several packages share."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def save_bert() -> Callable[[Path, Sequence[str]], Path]:
    """Return what writes a tiny BERT with the given vocabulary into a folder."""
    transformers = pytest.importorskip("transformers", reason="needs thresher[hf]")
    torch = pytest.importorskip("torch")

    def save(folder: Path, words: Sequence[str]) -> Path:
        config = transformers.BertConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=16,
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            transformers.BertModel(config).save_pretrained(folder)
        vocabulary = {word: place for place, word in enumerate(words)}
        tokenizer = transformers.BertTokenizerFast(vocab=vocabulary, model_max_length=16)
        tokenizer.save_pretrained(folder)
        return folder

    return save
