"""What tests of several packages share."""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from thresher.core.errors import TRAINING

HERE = Path(__file__).parent
TRAINS = all(find_spec(name) for name in TRAINING)
NO_TRAINING = "needs PyTorch and ONNX (thresher[train])"
# Files that need them without importing them by name; single tests of others are marked `train`.
FILES_THAT_TRAIN = (
    "app/advising/test_advise.py",
    "app/advising/test_noise.py",
    "app/advising/test_sample.py",
    "app/advising/test_start.py",
    "app/test_bought_labels.py",
    "app/test_docs_training.py",
    "app/test_file_to_use.py",
    "app/test_label_budget.py",
    "app/test_label_trial.py",
    "app/test_lengths.py",
    "app/test_reference.py",
    "lifecycle/serving/",
    "training/",
)


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


class NeedsTraining(pytest.Module):
    """A file that imports PyTorch or ONNX, where they are not installed."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Skip the whole file, with the reason."""
        pytest.skip(NO_TRAINING, allow_module_level=True)


def imports_training(path: Path) -> bool:
    """Tell whether a file itself imports PyTorch, ONNX or our `training` at its top."""
    names = set()
    for line in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(line, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in line.names}
        elif isinstance(line, ast.ImportFrom) and line.level == 0:
            names.add(str(line.module).partition(".")[0])
    return not names.isdisjoint({*TRAINING, "training"})


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Skip files that cannot be imported without PyTorch, and name the reason."""
    place = module_path.relative_to(HERE).as_posix()
    if TRAINS or not (place.startswith(FILES_THAT_TRAIN) or imports_training(module_path)):
        return None
    return NeedsTraining.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `train` where PyTorch or ONNX is not installed."""
    for item in items:
        if not TRAINS and item.get_closest_marker("train"):
            item.add_marker(pytest.mark.skip(reason=NO_TRAINING))
