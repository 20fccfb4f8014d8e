"""Small sets of images of many kinds: photographs, pages, drawings."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont
from pipeline_start import DATA, Rows, digits, mnist, png

WORDS = ["invoice", "receipt", "order", "letter", "report", "notice", "ticket", "permit"]


def jpeg(image: Image.Image, quality: int = 88) -> bytes:
    """Return an image as the bytes of a file."""
    kept = io.BytesIO()
    image.convert("RGB").save(kept, "JPEG", quality=quality)
    return kept.getvalue()


def colored(values: np.ndarray) -> bytes:
    """Return colors, float (h, w, 3), as the bytes of a file."""
    return png(values.clip(0, 255))


def photographs(
    rows: int, labels: str, *, classes: int = 10, side: int | None = None, gray: bool = False
) -> Rows:
    """Return photographs of Imagenette, made small where a side is given."""
    frame = pq.read_table(DATA / "imagenette224_subset.parquet").to_pandas()
    frame = frame[frame["split"] == "train"]
    frame = frame[frame["wnid"].isin(sorted(frame["wnid"].unique())[:classes])]
    frame = frame.sample(min(rows, len(frame)), random_state=1)
    files = frame["jpeg"].tolist()
    if side is not None:
        opened = (Image.open(io.BytesIO(one)).convert("L" if gray else "RGB") for one in files)
        files = [jpeg(one.resize((side, side))) for one in opened]
    return files, frame[labels].tolist()


def cifar(
    rows: int, *, start: int = 0, only: tuple[int, ...] = tuple(range(10)), gray: bool = False
) -> Rows:
    """Return pictures of CIFAR-10 from a place on, of some classes."""
    table = pq.read_table(DATA / "cifar10_train.parquet").slice(start)
    labels = np.asarray(table["label"])
    at = np.flatnonzero(np.isin(labels, only))[:rows]
    files = table["jpeg"].take(at).to_pylist()
    if gray:
        files = [jpeg(Image.open(io.BytesIO(one)).convert("L")) for one in files]
    return files, labels[at].tolist()


def some(rows: Rows, part: slice) -> Rows:
    """Return a part of the rows."""
    images, labels = rows
    return images[part], labels[part]


def patches(rows: int = 480, side: int = 96, classes: int = 10) -> Rows:
    """Cut squares from ten photographs; the classes are the photographs."""
    frame = pq.read_table(DATA / "copydetect_photos_dev.parquet").to_pandas()
    first = (name for name in frame.columns if isinstance(frame[name].iloc[0], bytes))
    opened = (Image.open(io.BytesIO(one)).convert("RGB") for one in frame[next(first)])
    large = (one for one in opened if min(one.size) >= 150)
    sources = [next(large) for _ in range(classes)]
    rng, files = np.random.default_rng(0), []
    for at in range(rows):
        image = sources[at % classes]
        x, y = (int(rng.integers(length - side)) for length in image.size)
        files.append(jpeg(image.crop((x, y, x + side, y + side))))
    return files, [at % classes for at in range(rows)]


def gratings(rows: int = 480, side: int = 64, classes: int = 8) -> Rows:
    """Draw waves under noise; the classes are their directions."""
    rng, files = np.random.default_rng(1), []
    y, x = np.mgrid[:side, :side]
    for at in range(rows):
        turn, often = np.pi * (at % classes) / classes, rng.uniform(0.3, 0.6)
        wave = np.sin(often * (x * np.cos(turn) + y * np.sin(turn)) + rng.uniform(0, 6))
        files.append(png((127 + 40 * wave + rng.normal(0, 60, (side, side))).clip(0, 255)))
    return files, [at % classes for at in range(rows)]


def dots(rows: int = 500, side: int = 48) -> Rows:
    """Draw one to five dots; the classes are their numbers."""
    rng, files = np.random.default_rng(2), []
    for at in range(rows):
        image = Image.new("L", (side, side), 30)
        pen = ImageDraw.Draw(image)
        for _ in range(at % 5 + 1):
            x, y = rng.integers(2, side - 6, 2)
            pen.ellipse((x, y, x + 3, y + 3), fill=220)
        files.append(png(np.asarray(image) + rng.normal(0, 6, (side, side)).clip(0)))
    return files, [at % 5 + 1 for at in range(rows)]


def where(rows: int = 480, side: int = 64) -> Rows:
    """Draw a red square in noise; the classes are nine places."""
    rng, files = np.random.default_rng(3), []
    for at in range(rows):
        field = at % 9
        values = rng.normal(110, 25, (side, side, 3))
        x = side * (field % 3) // 3 + int(rng.integers(2, 14))
        y = side * (field // 3) // 3 + int(rng.integers(2, 14))
        values[y : y + 6, x : x + 6] = [220, 60, 60]
        files.append(colored(values))
    return files, [at % 9 for at in range(rows)]


def pages(rows: int = 300, side: int = 160) -> Rows:
    """Draw pages of one column, two columns, a table, a picture or a list."""
    frame = pq.read_table(DATA / "text_classification.parquet").to_pandas()
    texts, rng = frame["text"].tolist(), np.random.default_rng(4)
    font, high, files = ImageFont.load_default(9), int(side * 1.3), []

    for at in range(rows):
        image = Image.new("L", (side, high), int(rng.integers(225, 255)))
        pen, edge, kind = ImageDraw.Draw(image), int(rng.integers(6, 14)), at % 5
        if kind == 3:
            low = edge + int(rng.integers(40, 80))
            pen.rectangle((edge, edge, side - edge, low), fill=int(rng.integers(60, 180)))
        for left, right, top in _columns(kind, edge, side):
            for y in range(top, high - edge, 11):
                text = texts[int(rng.integers(len(texts)))][: max(1, int((right - left) / 4.6))]
                pen.text((left, y), text, font=font, fill=int(rng.integers(0, 80)))
        for y in range(edge, high - edge, 14) if kind == 2 else ():
            pen.line((edge, y, side - edge, y), fill=60)
            for x in range(edge, side - edge, 36):
                pen.text((x + 2, y + 2), str(int(rng.integers(1000))), font=font, fill=40)
        for y in range(edge, high - edge, 20) if kind == 4 else ():
            pen.ellipse((edge, y + 3, edge + 4, y + 7), fill=20)
            text = texts[int(rng.integers(len(texts)))][:28]
            pen.text((edge + 9, y), text, font=font, fill=30)
        files.append(jpeg(image.rotate(float(rng.normal(0, 2)), fillcolor=240), 60))
    return files, [at % 5 for at in range(rows)]


def _columns(kind: int, edge: int, side: int) -> list[tuple[int, int, int]]:
    """Return left, right and top of each column of text of a page."""
    right = side - edge
    return {
        0: [(edge, right, edge)],
        1: [(edge, side // 2 - 4, edge), (side // 2 + 4, right, edge)],
        3: [(edge, right, edge + 90)],
    }.get(kind, [])


def letters(rows: int = 780, side: int = 28) -> Rows:
    """Draw turned letters of several sizes under noise."""
    rng, files = np.random.default_rng(5), []
    for at in range(rows):
        image, font = (
            Image.new("L", (side, side), 0),
            ImageFont.load_default(int(rng.integers(14, 22))),
        )
        place = (int(rng.integers(3, 12)), int(rng.integers(0, 6)))
        ink = int(rng.integers(150, 255))
        ImageDraw.Draw(image).text(place, chr(97 + at % 26), font=font, fill=ink)
        turned = np.asarray(image.rotate(float(rng.normal(0, 10))))
        files.append(png((turned + rng.normal(0, 20, (side, side))).clip(0, 255)))
    return files, [chr(97 + at % 26) for at in range(rows)]


def scans(rows: int = 480, side: int = 96) -> Rows:
    """Draw a word somewhere on a page; the classes are eight words."""
    rng, files = np.random.default_rng(6), []
    for at in range(rows):
        image, font = (
            Image.new("L", (side, side), 240),
            ImageFont.load_default(int(rng.integers(12, 18))),
        )
        place = (int(rng.integers(2, 26)), int(rng.integers(2, 74)))
        ink = int(rng.integers(0, 90))
        ImageDraw.Draw(image).text(place, WORDS[at % 8], font=font, fill=ink)
        files.append(jpeg(image.rotate(float(rng.normal(0, 4)), fillcolor=240), 55))
    return files, [WORDS[at % 8] for at in range(rows)]


def hues(rows: int = 400, side: int = 40) -> Rows:
    """Draw one of eight colors under noise."""
    rng, files = np.random.default_rng(7), []
    for at in range(rows):
        hue = (at % 8 + rng.uniform(-0.3, 0.3)) / 8
        color = 255 * np.array(colorsys.hsv_to_rgb(hue, 0.45, 0.7))
        files.append(colored(color + rng.normal(0, 35, (side, side, 3))))
    return files, [at % 8 for at in range(rows)]


NOISY = "noisy_labels_25"
SETS: dict[str, Callable[[], tuple[list[bytes], list[Any]]]] = {
    "150 photographs, a quarter of the labels wrong": partial(photographs, 150, NOISY),
    "500 photographs, a quarter wrong": partial(photographs, 500, NOISY),
    "400 photographs, half wrong": partial(photographs, 400, "noisy_labels_50"),
    "photographs of 2 classes": partial(photographs, 800, "wnid", classes=2),
    "photographs at 32 px": partial(photographs, 600, "wnid", side=32),
    "gray photographs at 48 px, a quarter wrong": partial(
        photographs, 600, NOISY, side=48, gray=True
    ),
    "800 pictures of CIFAR-10": partial(cifar, 800),
    "CIFAR-10, gray": partial(cifar, 900, start=20_000, gray=True),
    "CIFAR-10, cats and dogs": partial(cifar, 800, only=(3, 5)),
    "digits of 8 px": digits,
    "300 digits of 8 px": lambda: some(digits(), slice(300)),
    "700 of MNIST": partial(mnist, 700),
    "300 of MNIST": lambda: some(mnist(6000), slice(-300, None)),
    "pages of 5 layouts": pages,
    "words on pages": scans,
    "letters": letters,
    "patches of 10 photographs": patches,
    "directions of waves": gratings,
    "8 colors": hues,
    "dots to count": dots,
    "where a square is": where,
}
