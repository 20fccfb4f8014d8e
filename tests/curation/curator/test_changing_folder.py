"""A folder that changes while it is read: what is gone or cut is named, the rest is used."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from curation import content_keys, find_exact_duplicates
from thresher.core.loading import load_dataset


def photograph(seed):
    layer = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(cv2.resize(layer, (40, 40))).save(stream, "JPEG")
    return stream.getvalue()


def test_files_that_vanish_shrink_or_appear_while_a_folder_is_read(tmp_path, monkeypatch):
    names = [f"{label}/{number}.jpg" for label in ("cat", "dog") for number in range(6)]
    for seed, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(photograph(seed % 11))
    read = Path.read_bytes
    changed = []

    def read_and_change(path):
        data = read(path)
        if not changed:
            changed.append(path)
            (tmp_path / "dog/4.jpg").unlink()
            (tmp_path / "dog/3.jpg").write_bytes(photograph(3)[:200])
            (tmp_path / "dog/new.jpg").write_bytes(photograph(50))
        return data

    monkeypatch.setattr(Path, "read_bytes", read_and_change)
    loaded = load_dataset(tmp_path)
    reasons = {issue.row_id: issue.detail for issue in loaded.set_aside}
    assert set(reasons) == {"dog/3.jpg", "dog/4.jpg"}
    assert reasons["dog/4.jpg"].startswith("missing file")
    assert sorted(loaded.dataset["row_id"]) == sorted(set(names) - set(reasons))
    (tmp_path / "cat/1.jpg").unlink()  # once read, the folder no longer matters
    keys = content_keys(loaded.dataset, by="pixels", columns="image")
    found = find_exact_duplicates(keys, row_ids=np.array(loaded.dataset["row_id"]))
    assert [found.row_ids[group].tolist() for group in found.groups()] == [
        ["cat/0.jpg", "dog/5.jpg"]
    ]
