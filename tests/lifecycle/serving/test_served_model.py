"""Loading what is served: one file, exits, a cascade; the answers of `training`, without torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lifecycle import load_served
from thresher.core.errors import InputError
from training import Cascade, compact_model, export, export_exits, samples_from_arrays, with_exits

CLASSES = ["no", "yes", "perhaps"]
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(80, 6)).astype(np.float32)
TARGETS = np.arange(80) % 3


def network(width: int, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return compact_model("mlp", num_classes=3, input_shape=(6,), width=width)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model, one with exits, one cascade."""
    folder = tmp_path_factory.mktemp("served")
    how = {"kind": "features", "columns": list("abcdef")}
    files = [
        export(network(width), folder / f"m{width}", classes=CLASSES, preprocessing=how, threads=1)
        for width in (8, 16)
    ]
    rows = samples_from_arrays(ROWS, row_ids=np.arange(80).astype(str), targets=TARGETS)
    cascade = Cascade(files, costs=[1.0, 4.0])
    cascade.calibrate(rows, max_drop=0.5)
    cascade.save(folder / "cascade")
    exits = with_exits(network(8), exits=1)
    exits.calibrate(rows, max_drop=0.5)
    export_exits(exits, folder / "exits", classes=CLASSES, preprocessing=how, threads=1)
    return folder


def test_one_file_answers_as_training_does(folder: Path) -> None:
    from training import load_exported

    expected = load_exported(folder / "m8", threads=1).predict(ROWS)
    for path in (folder / "m8", folder / "m8" / "model.onnx"):
        served = load_served(path, threads=1)
        assert np.array_equal(served.predict(ROWS), expected)
        assert served.classes == CLASSES
        assert served.preprocessing["columns"] == list("abcdef")
        assert served.kind == "model"
        assert served.size_bytes == (folder / "m8" / "model.onnx").stat().st_size


def test_a_cascade_answers_as_training_does(folder: Path) -> None:
    loaded = Cascade.load(folder / "cascade", threads=1)
    found = loaded.answer(ROWS)
    served = load_served(folder / "cascade", threads=1)
    assert served.kind == "cascade"
    assert 0 < found.shares(2)[0] < 1, "both models answer some rows"
    assert np.array_equal(served.predict(ROWS), found.logits)


def test_exits_answer_as_training_does(folder: Path) -> None:
    from training import load_exits

    found = load_exits(folder / "exits", threads=1).answer(ROWS)
    served = load_served(folder / "exits", threads=1)
    assert served.kind == "exits"
    assert served.input_spec.shape == (6,)
    assert served.input_spec.dtype == "float32"
    assert served.preprocessing["kind"] == "features"
    assert np.array_equal(served.predict(ROWS), found.logits)


def test_the_digest_names_exactly_one_model(folder: Path, tmp_path: Path) -> None:
    first = load_served(folder / "m8", threads=1).digest
    assert first == load_served(folder / "m8" / "model.onnx", threads=1).digest
    assert first != load_served(folder / "m16", threads=1).digest
    export(network(8, seed=1), tmp_path / "other", classes=CLASSES)
    assert first != load_served(tmp_path / "other", threads=1).digest


def test_no_torch_is_loaded(folder: Path) -> None:
    program = (
        "import sys, lifecycle, numpy as np\n"
        f"served = lifecycle.load_served({str(folder / 'cascade')!r}, threads=1)\n"
        "served.predict(np.zeros((2, 6), np.float32))\n"
        "print(*{'torch', 'onnx', 'sklearn', 'training'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_what_cannot_be_served_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"holds no model\.onnx.* but notes\.txt"):
        load_served(tmp_path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_served(tmp_path / "nowhere.onnx")
    with pytest.raises(InputError, match="needs PyTorch or ExecuTorch"):
        load_served(tmp_path / "model.pt2")
    (tmp_path / "broken.onnx").write_bytes((folder / "m8" / "model.onnx").read_bytes()[:500])
    with pytest.raises(InputError, match=r"ONNX Runtime cannot load .*broken\.onnx"):
        load_served(tmp_path / "broken.onnx")
    with pytest.raises(InputError, match="must be float32, got float64"):
        load_served(folder / "m8", threads=1).predict(ROWS.astype(np.float64))


def spoil(folder: Path, target: Path, **entries: object) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    record = json.loads((folder / "cascade.json").read_text()) | entries
    (target / "cascade.json").write_text(json.dumps(record))
    return target


def test_damaged_rules_are_named(folder: Path, tmp_path: Path) -> None:
    rule = json.loads((folder / "cascade" / "cascade.json").read_text())["rule"]
    cases = {
        "has 1 temperature for 2 stages": {"rule": rule | {"temperatures": [1.0]}},
        "cannot be read": {"rule": rule | {"threshold": "high"}},
        "no entry 'rule'": {"rule": None},
        "no list 'files'": {"files": "stage-0.onnx"},
        "cannot be read: No such": {"files": ["stage-0.onnx", "stage-7.onnx"]},
    }
    for place, (text, entries) in enumerate(cases.items()):
        with pytest.raises(InputError, match=text):
            load_served(spoil(folder / "cascade", tmp_path / str(place), **entries))


def test_models_of_a_cascade_that_do_not_fit_are_named(folder: Path, tmp_path: Path) -> None:
    place = spoil(folder / "cascade", tmp_path / "c")
    other = compact_model("mlp", num_classes=3, input_shape=(5,), width=8)
    export(other, tmp_path / "five", classes=CLASSES)
    (place / "stage-1.onnx").write_bytes((tmp_path / "five" / "model.onnx").read_bytes())
    with pytest.raises(InputError, match="another entry 'input'"):
        load_served(place)


def test_a_cascade_without_a_rule_or_files_is_not_saved(folder: Path, tmp_path: Path) -> None:
    from training import load_exported

    files = [load_exported(folder / name, threads=1) for name in ("m8", "m16")]
    with pytest.raises(InputError, match="no rule yet"):
        Cascade(files, costs=[1, 4]).save(tmp_path / "c")

    class Plain:
        def predict(self, inputs: np.ndarray) -> np.ndarray:
            return np.zeros((len(inputs), 3), np.float32)

    cascade = Cascade([Plain(), Plain()], costs=[1, 4])
    cascade.rule = Cascade.load(folder / "cascade").rule
    with pytest.raises(InputError, match="Plain is none"):
        cascade.save(tmp_path / "c")
