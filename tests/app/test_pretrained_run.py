"""A run whose teacher is a pretrained model, with a stand-in and with a tiny real one."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from thresher.app.pipeline import plan, run
from thresher.app.settings import resolve
from thresher.core.errors import InputError

SMALL = {
    "threads": 1,
    "curate": False,
    "augment": {"policy": "none"},
    "student": {"epochs": 4, "width": 8},
    "quantize": {"method": "ptq", "calibration_rows": 50},
    "gate": {"max_accuracy_drop": None, "min_agreement": 0.5},
}
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
KINDS = ["good", "fine", "nice", "bad", "poor", "awful"]
WORDS = [*MARKS, *KINDS, "a", "the", "film", "book", "day"]


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def create_model(name: str, *, pretrained: bool, num_classes: int) -> nn.Module:
        asked.append(name)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(1))

    config = {"input_size": (3, 8, 8), "mean": (0.5,) * 3, "std": (0.3,) * 3}
    module: Any = ModuleType("timm")
    module.create_model = create_model
    module.data = SimpleNamespace(resolve_model_data_config=lambda _: config)
    monkeypatch.setitem(sys.modules, "timm", module)
    return asked


def test_pictures_are_taught_by_a_model_of_timm(timm: list[str], tmp_path: Path) -> None:
    settings = resolve(
        values={**SMALL, "data": {"limit": 500}, "teacher": {"model": "timm:small", "epochs": 20}}
    )
    found = run("digits", out=tmp_path / "r", settings=settings)
    lines = {line.stage: line for line in found.lines}
    assert set(lines) == {"as given", "reference", "teacher", "student", "int8"}
    assert lines["teacher"].accuracy > 0.7
    assert lines["teacher"].milliseconds is None
    assert "timm:small, frozen; not exported" in lines["teacher"].note
    assert found.choices["teacher: vectors"].startswith("cached vectors")
    assert "timm:small, frozen" in (tmp_path / "r" / "report.html").read_text()
    before = len(timm)
    again = run("digits", out=tmp_path / "r", settings=settings)
    assert again.metrics == found.metrics
    assert len(timm) == before
    assert "plain teacher" not in plan(settings.model_copy(update={"baseline": True}))


def test_numbers_have_no_pretrained_teacher(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with open(tmp_path / "rows.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "label"])
        writer.writerows([x, y, "pos" if x > 0 else "neg"] for x, y in rng.normal(size=(80, 2)))
    settings = resolve(values={**SMALL, "teacher": {"model": "transformers:any"}})
    with pytest.raises(InputError, match="these rows are numbers"):
        run(tmp_path / "rows.csv", out=tmp_path / "r", settings=settings)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("mode", ["frozen", "lora"])
def test_texts_are_judged_once_as_texts(
    mode: str, tmp_path: Path, save_bert: Callable[[Path, Sequence[str]], Path]
) -> None:
    if mode == "lora":
        pytest.importorskip("peft", reason="needs thresher[lora]")
    save_bert(tmp_path / "bert", WORDS)
    rng = np.random.default_rng(0)
    with open(tmp_path / "rows.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(240):
            kind, word = divmod(int(rng.integers(6)), 3)
            rest = rng.choice(WORDS[11:], 3)
            writer.writerow([f"{rest[0]} {WORDS[5 + 3 * kind + word]} {rest[1]} {rest[2]}", kind])
    teacher = {"model": f"transformers:{tmp_path / 'bert'}", "mode": mode, "lr": 0.02}
    settings = resolve(values={**SMALL, "teacher": teacher})
    found = run(tmp_path / "rows.csv", out=tmp_path / "r", settings=settings)
    lines = {line.stage: line for line in found.lines}
    assert lines["teacher"].accuracy > 0.9
    assert lines["student"].accuracy > 0.9
    kept = tmp_path / "r" / "models" / "teacher"
    with np.load(kept / "judged.npz") as judged:
        assert judged["logits"].shape == (lines["student"].rows, 2)
    assert (kept / "model" / "weights.pt").stat().st_size < 100_000
    stage = next(stage for stage in found.stages if stage["name"] == "teacher")
    assert stage["summary"]["mode"] == mode
    json.dumps(found.to_json())
