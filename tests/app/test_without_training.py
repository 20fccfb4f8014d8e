"""Where PyTorch and ONNX are not installed: what still works, and what the rest says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LINES = (
    "PyTorch, by the line that https://pytorch.org/get-started names for processors (CPU)",
    "pip install 'thresher[train]'",
)
HIDE = """
import sys
from importlib.machinery import PathFinder

class WithoutTraining(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in ("torch", "onnx", "onnxruntime", "onnxscript")
        return None if hidden else super().find_spec(name, path, target)

sys.meta_path[:] = [WithoutTraining if it is PathFinder else it for it in sys.meta_path]
"""
NEED_TORCH = """
from active_learning import TorchLearner
from augment import AugmentedDataset, Augmenter, policies
from thresher.core.choice import choose_device
from thresher.core.errors import MissingExtraError, require

def says(call):
    try:
        call()
    except MissingExtraError as error:
        return str(error)

def fit_torch():
    import numpy as np
    zeros = np.zeros((2, 2), np.float32)
    return TorchLearner(lambda d, outputs: None)(zeros, np.arange(2), num_classes=2, random_state=0)

def augmenter(backend):
    import numpy as np
    images = np.zeros((2, 8, 8, 3), np.uint8)
    return Augmenter(policies.standard(), backend=backend).batch(images, [0, 1], 0)

def imported(package, name):
    return getattr(__import__(package), name)

print(json.dumps({
    "device": str(choose_device("auto")),
    "arrays": augmenter("auto").shape,
    "cuda": says(lambda: choose_device("cuda")),
    "backend": says(lambda: augmenter("torch")),
    "dataset": says(lambda: AugmentedDataset([], Augmenter(policies.standard()))),
    "learner": says(fit_torch),
    "mix": says(lambda: imported("augment", "MixBatch")),
    "fit": says(lambda: imported("training", "fit")),
    "samples": says(lambda: __import__("training.rows.samples")),
}))
"""


def python(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HIDE + program, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def thresher(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python("from thresher.app.cli import main; main()", *arguments, cwd=cwd)


def test_arrays_are_augmented_and_the_rest_names_both_install_lines(tmp_path: Path) -> None:
    done = python(f"import json\n{NEED_TORCH}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("device") == "cpu (torch is not installed)"
    assert found.pop("arrays") == [2, 8, 8, 3]
    for name, said in found.items():
        assert all(line in said for line in LINES), (name, said)


def test_a_run_says_it_before_it_starts(tmp_path: Path) -> None:
    for command in ("run", "train"):
        done = thresher(command, "digits", "--out", "out", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: This needs torch, onnx, onnxruntime, onnxscript")
        assert all(line in done.stderr for line in LINES)
        assert not (tmp_path / "out").exists()


def test_data_are_cleaned_and_the_doctor_answers(tmp_path: Path) -> None:
    rows = [f"{number * number} pieces of {number},{'yn'[number % 2]}" for number in range(40)]
    text = "\n".join(["text,label", *rows, rows[3], rows[4]])
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    done = thresher("curate", "rows.csv", "--label", "label", "--out", "clean.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "clean.csv").read_text(encoding="utf-8").splitlines()) == 41
    assert (tmp_path / "clean.csv.run" / "report.html").is_file()
    asked = thresher("doctor", cwd=tmp_path)
    assert asked.returncode == 0, asked.stderr
    assert all(line in asked.stdout for line in LINES)
