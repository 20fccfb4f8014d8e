"""Clean a folder of images: broken files, copies, crops and a leak from train to test.

The same from the command line: thresher curate photos --crops --out clean

Run: python examples/clean_images.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from curation import Curator
from thresher.core import load_dataset


def paint(tint: tuple[int, int, int], draw: np.random.Generator) -> Image.Image:
    """Paint blots of four sizes, as unlike each other as photographs are."""
    image = np.full((96, 96, 3), 128.0) + tint
    for size in (4, 8, 16, 32):
        blots = draw.normal(0, 28, (size, size, 3)).astype(np.float32)
        image += cv2.resize(blots, (96, 96), interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


def write_photos(folder: Path) -> None:
    """Write 60 images of two classes with faults that you will see found."""
    draw = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 6)):
        for kind, tint in (("warm", (40, 0, -40)), ("cold", (-40, 0, 40))):
            (folder / split / kind).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                paint(tint, draw).save(folder / split / kind / f"{number:02}.png")
    train, test = folder / "train" / "warm", folder / "test" / "warm"
    first = Image.open(train / "00.png")
    first.save(train / "copy.png")
    first.crop((6, 6, 90, 90)).save(train / "cropped.jpg", quality=80)
    Image.open(test / "01.png").save(train / "leaked.jpg", quality=85)
    Image.new("RGB", (96, 96), (128, 128, 128)).save(train / "blank.png")
    (train / "cut-off.png").write_bytes((train / "03.png").read_bytes()[:900])


write_photos(Path("photos"))
loaded = load_dataset("photos")
for issue in loaded.set_aside:
    print(f"set aside: {issue.row_id}: {issue.detail}")

curator = Curator(compare="crops").fit(loaded.dataset, column="image", label="label")
for issue in curator.issues_:
    print(f"{issue.check}: {issue.row_id} (twin {issue.twin}): {issue.detail}")
clean = curator.transform(loaded.dataset)
print(f"{len(loaded.dataset)} rows, {len(clean)} kept:", curator.manifest_.reasons()["drop"])
