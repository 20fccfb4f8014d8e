"""Shards of pairs on disk, and a joint space whose distances are known."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed: int, *, size: tuple[int, int] = (48, 32), form: str = "PNG") -> bytes:
    """An image file of smooth colors, different for each seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(held, form)
    return held.getvalue()


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def members(key: str, image: bytes, caption: str, **more: object) -> list[tuple[str, bytes]]:
    found = [(f"{key}.png", image), (f"{key}.txt", caption.encode())]
    return found + ([(f"{key}.json", json.dumps(more).encode())] if more else [])


def joint_vectors(
    n: int, *, width: int = 32, noise: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of images and of their captions, of unit length, float32 (n, width) each."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(n, width))
    text = image + noise * rng.normal(size=(n, width))
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (image, text)]
    return unit[0].astype(np.float32), unit[1].astype(np.float32)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Two tar files of five pairs each, all different."""
    folder = tmp_path / "shards"
    folder.mkdir()
    made = []
    for shard in range(2):
        inside = [
            member
            for place in range(5)
            for member in members(
                f"{place:03d}",
                picture(10 * shard + place),
                f"scene number {'abcde'[place]} of shard {'xy'[shard]} in words",
                uid=f"{shard:016x}{place:016x}",
            )
        ]
        made.append(write_tar(folder / f"{shard:05d}.tar", inside))
    return made
