"""Files of an image folder that cannot be read come back with undo, also when they were moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from thresher.app import curate_duplicates, curate_undo


def folder_of(path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a/0.png", "a/1.png", "b/0.png", "b/1.png"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path / name), rng.integers(0, 255, (24, 24, 3), np.uint8))
    (path / "b" / "2.png").write_bytes((path / "a" / "0.png").read_bytes())
    (path / "a" / "bad.png").write_bytes(b"no image")
    (path / "b" / "cut.png").write_bytes((path / "b" / "0.png").read_bytes()[:600])
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


@pytest.mark.parametrize("splits", [False, True])
def test_unreadable_images_come_back(splits: bool, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("train", "test") if splits else ("",):
        folder_of(photos / name)
    before = contents(photos)
    curate_duplicates(photos, exact=True, manifest=tmp_path / "m", clean=tmp_path / "clean")
    assert not {"bad.png", "cut.png"} & {Path(name).name for name in contents(tmp_path / "clean")}
    shutil.rmtree(photos)  # as where the originals were moved away
    curate_undo(tmp_path / "m", tmp_path / "clean", out=tmp_path / "back")
    assert contents(tmp_path / "back") == before
