"""What tests of several packages share."""

import os
import shutil
import subprocess
import sys
import sysconfig
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


@pytest.fixture(scope="session")
def run_on_haswell() -> Callable[..., str]:
    """Return what runs a Python script as on a processor with AVX2 and nothing newer."""
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        pytest.skip("needs qemu-x86_64: apt-get install qemu-user")

    def run(*arguments: str | Path) -> str:
        # An emulated interpreter does not find its virtual environment by itself.
        kept = {key: os.environ[key] for key in os.environ if key != "NPY_DISABLE_CPU_FEATURES"}
        paths = [str(Path(__file__).parents[1]), sysconfig.get_path("purelib")]
        done = subprocess.run(
            [qemu, "-cpu", "Haswell", os.path.realpath(sys.executable), *map(str, arguments)],
            env={**kept, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
