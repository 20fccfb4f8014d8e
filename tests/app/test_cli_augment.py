"""``thresher augment``: preview, audit and choose on a user's folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

from augment import Policy, policies
from thresher.app.augmentation import pilot_runs, read_training_images
from thresher.app.cli.commands import app
from thresher.core.errors import InputError


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 2 × 15 pictures: bright on the left, bright on the right."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for name, bright in (("left", slice(0, 6)), ("right", slice(10, 16))):
        (folder / name).mkdir()
        for number in range(15):
            pixels = generator.integers(0, 80, (16, 16, 3), dtype=np.uint8)
            pixels[:, bright] += 150
            PIL.Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["augment", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_preview_writes_a_page_and_a_picture(photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "p.html"
    shown = json.loads(
        call("preview", photos, "--out", page, "--policy", "standard", "--policy", "aug_mix",
             "--rows", 4, "--size", 16, "--json")
    )  # fmt: skip
    assert shown == {"out": str(page), "policies": ["standard", "aug_mix"], "rows": 4}
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png") == 2
    assert "crop (down" in text
    assert "http" not in text.replace("http-equiv", "")
    call("preview", photos, "--out", tmp_path / "p.png", "--size", 16, "--views", 2)
    with PIL.Image.open(tmp_path / "p.png") as picture:
        assert picture.width == 3 * (64 + 2)


@pytest.mark.train
def test_audit_finds_the_flip_that_swaps_the_classes(photos: Path) -> None:
    found = json.loads(call("audit", photos, "--policy", "standard", "--size", 16, "--json"))
    verdicts = {row["op"]: row["verdict"] for row in found["operations"]}
    assert verdicts["hflip"] == "drop"
    printed = call("audit", photos, "--policy", "standard", "--size", 16)
    assert "hflip" in printed
    assert "left, right" in printed


@pytest.mark.train
def test_choose_writes_a_policy_that_preview_reads(photos: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    printed = call(
        "choose", photos, "--size", 16, "--budget-s", 5, "--policy", "standard", "--out", policy
    )
    assert "no hflip" in printed
    saved = json.loads(policy.read_text(encoding="utf-8"))
    assert "hflip" not in [node["op"] for node in saved["policy"]["nodes"]]
    call("preview", photos, "--policy", policy, "--out", tmp_path / "p.png", "--size", 16)


@pytest.mark.train
def test_pilots_decide_and_go_on_where_they_stopped(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def run(
        _: object, policy: Policy, rows: np.ndarray, held_out: np.ndarray, seed: int
    ) -> tuple[float, float]:
        assert not set(rows) & set(held_out)
        trained.append(policy.name)
        return (0.5 if policy.name == "none" else 0.9 - seed / 100), 1.0

    monkeypatch.setattr("thresher.app.pilots.PilotRuns._run", run)

    def choose() -> dict[str, Any]:
        found = json.loads(
            call("choose", photos, "--size", 16, "--pilots", 3, "--budget-s", 60, "--json",
                 "--policy", "standard", "--out", tmp_path / "p.json")
        )  # fmt: skip
        return {name: found[name] for name in ("policy", "reason", "pilots")}

    found = choose()
    accuracies = {one["policy"]["name"]: one["accuracies"] for one in found["pilots"]}
    assert accuracies == {"standard, no crop, no hflip": [0.9, 0.89, 0.88], "none": [0.5] * 3}
    assert json.loads((tmp_path / "p.json").read_text())["policy"] == found["policy"]
    assert found["policy"]["name"] == "standard, no crop, no hflip"

    file, done = tmp_path / "p.pilots.jsonl", len(trained)
    lines = [line for line in file.read_text().splitlines() if line]
    assert len(lines) == done == 6
    assert choose() == found
    assert len(trained) == done
    # The last run was being written when the machine stopped.
    file.write_text("\n".join([*lines[:-1], lines[-1][:20]]))
    assert choose() == found
    assert len(trained) == done + 1
    assert file.read_text().splitlines()[-1] == lines[-1]


@pytest.mark.train
def test_a_pilot_learns_what_can_be_learned(photos: Path) -> None:
    images = read_training_images(str(photos), size=16)
    wanted = [policies.crop_flip(pad=1, flip=False)]
    run = pilot_runs(images, wanted, budget_s=1, rounds=1, out=None)
    assert run is not None
    rows = np.arange(len(images.labels))
    right, own = run(wanted[0], rows[rows % 3 > 0], rows[rows % 3 == 0], 0)
    assert min(right, own) > 0.8


@pytest.mark.train
def test_pilots_need_labels_and_a_number(photos: Path) -> None:
    with pytest.raises(InputError, match=r"at least two classes, found 0.*--label"):
        call("choose", photos / "left", "--size", 16, "--pilots", 2)
    with pytest.raises(InputError, match=r"--pilots.*0 to 100.*-1"):
        call("choose", photos, "--size", 16, "--pilots", -1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--policy", "stndard", "--out", "p.png"], "Did you mean 'standard'"),
        (["--out", "p.gif"], r"\.html or \.png"),
        (["--out", "p.png", "--rows", 0], "--rows"),
        (["--out", "p.png", "--views", 0], "views"),
        (["--out", "p.png", "--size", 2], "--size"),
        (["--policy", "none.json", "--out", "p.png"], "none.json"),
    ],
)
def test_bad_options_are_named(
    photos: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        call("preview", photos, *arguments)


def test_texts_are_sent_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\nlost card,a\nnew card,b\nold card,a\n")
    with pytest.raises(InputError, match=r"augment\.text"):
        call("audit", tmp_path / "t.csv")


@pytest.mark.train
def test_what_cannot_be_used_or_judged_is_said_once(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    shutil.copytree(photos, folder)
    (folder / "left" / "broken.png").write_bytes(b"\x89PNG broken")
    result = CliRunner().invoke(app, ["augment", "audit", str(folder), "--size", "16"])
    assert result.exit_code == 0
    assert "Not used: left/broken.png" in result.stderr
    alone = call("audit", photos / "left", "--size", 16)
    assert alone.count("not assessable") == 1
    assert "0 classes" in alone
