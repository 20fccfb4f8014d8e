"""Claim: each of our operations agrees with PIL or albumentations within a stated tolerance.

Every operation with one fixed strength on real or drawn pictures, by both of our backends: the
largest and the mean difference to the trusted implementation in gray levels, and to each other.
Where the peer means something else by the same name (its own rounding, its treatment of the
border), the tolerance says so; differences are measured inside the border where stated.

Data: CIFAR-10 pictures if THRESHER_DATA holds cifar10_test.parquet, else pictures from a seed.
Run: python benchmarks/augment_parity.py --out parity.json [--quick]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np
from augment_output import publish
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from augment import Augmenter, Policy, Step
from augment.operations.catalog import OPERATIONS

Picture = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Case:
    """An operation, its peer, and what may differ: largest and mean gray levels.

    ``inside`` leaves out so many pixels along the picture's border. ``within`` leaves out those
    that touch the fill, which PIL, unlike OpenCV and torch, does not blend with the picture.
    """

    settings: dict[str, Any]
    peer: str
    function: Picture
    largest: float
    mean: float
    inside: int = 0
    within: bool = False


def pil(function: Callable[[Image.Image], Image.Image]) -> Picture:
    return lambda pixels: np.asarray(function(Image.fromarray(pixels)))


def alb(transform: A.BasicTransform) -> Picture:
    return lambda pixels: transform(image=pixels)["image"]


def affine(matrix: tuple[float, ...]) -> Picture:
    return pil(lambda image: image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR,
        fillcolor=(128, 128, 128)))  # fmt: skip


def fixed(value: float) -> dict[str, Any]:
    return {"low": value, "high": value, "signed": False}


def cases(side: int) -> dict[str, Case]:
    """Return the cases for square pictures."""
    shift = float(side // 5)
    border = {"border_mode": cv2.BORDER_CONSTANT, "fill": 128, "p": 1.0}
    jitter = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    hole = side // 4
    return {
        "hflip": Case({}, "PIL mirror", pil(ImageOps.mirror), 0, 0),
        "vflip": Case({}, "PIL flip", pil(ImageOps.flip), 0, 0),
        "invert": Case({}, "PIL invert", pil(ImageOps.invert), 0, 0),
        "posterize": Case(fixed(4.0), "PIL posterize",
                          pil(lambda image: ImageOps.posterize(image, 4)), 0, 0),
        "solarize": Case(fixed(128.0), "PIL solarize",
                         pil(lambda image: ImageOps.solarize(image, 128)), 0, 0),
        "equalize": Case({}, "PIL equalize", pil(ImageOps.equalize), 0, 0),
        "autocontrast": Case({}, "PIL autocontrast", pil(ImageOps.autocontrast), 1, 0.6),
        "brightness": Case(fixed(0.4), "PIL enhance",
                           pil(lambda image: ImageEnhance.Brightness(image).enhance(1.4)), 1, 0.6),
        "contrast": Case(fixed(0.4), "PIL enhance",
                         pil(lambda image: ImageEnhance.Contrast(image).enhance(1.4)), 1, 0.6),
        "saturation": Case(fixed(0.4), "PIL enhance",
                           pil(lambda image: ImageEnhance.Color(image).enhance(1.4)), 1, 0.6),
        "sharpness": Case(fixed(0.9), "PIL enhance",
                          pil(lambda image: ImageEnhance.Sharpness(image).enhance(1.9)), 2, 0.7),
        "grayscale": Case({}, "PIL convert",
                          pil(lambda image: image.convert("L").convert("RGB")), 1, 0.2),
        "gaussian_blur": Case(fixed(1.2), "albumentations GaussianBlur", alb(
            A.GaussianBlur(blur_limit=0, sigma_limit=(1.2, 1.2), p=1)), 1, 0.2),
        "gaussian_blur, PIL": Case(fixed(1.2), "PIL GaussianBlur", pil(
            lambda image: image.filter(ImageFilter.GaussianBlur(1.2))), 4, 0.6, inside=5),
        "rotate": Case(fixed(20.0), "PIL rotate", pil(lambda image: image.rotate(
            20, Image.Resampling.BILINEAR, fillcolor=(128, 128, 128))), 1, 0.6, within=True),
        "rotate, albumentations": Case(fixed(20.0), "albumentations Rotate", alb(
            A.Rotate((20, 20), **border)), 1, 0.2),
        "shear_x": Case(fixed(0.2), "PIL affine",
                        affine((1, 0.2, 0, 0, 1, 0)), 1, 0.6, within=True),
        "shear_y": Case(fixed(0.2), "PIL affine",
                        affine((1, 0, 0, 0.2, 1, 0)), 1, 0.6, within=True),
        "translate_x": Case(fixed(shift / side), "PIL affine",
                            affine((1, 0, -shift, 0, 1, 0)), 0, 0),
        "translate_y": Case(fixed(shift / side), "PIL affine",
                            affine((1, 0, 0, 0, 1, -shift)), 0, 0),
        "color_jitter": Case(jitter, "identity", lambda pixels: pixels, 0, 0),
        "cutout": Case({"size": hole}, "NumPy, from explain", lambda pixels: pixels, 0, 0),
        "crop": Case({"pad": hole}, "NumPy pad and cut, from explain", lambda pixels: pixels, 0, 0),
        "random_resized_crop": Case(
            {}, "OpenCV resize, from explain", lambda pixels: pixels, 1, 0.2),
    }  # fmt: skip


def replayed(op: str, pixels: np.ndarray, done: dict[str, Any], pad: int) -> np.ndarray:
    """Do in plain NumPy what `explain` says was done."""
    side = pixels.shape[0]
    if op == "crop":
        margins = ((pad, pad), (pad, pad), (0, 0))
        wide = np.pad(pixels, margins, mode="reflect")
        top, left = pad + int(done["down"]), pad + int(done["right"])
        return wide[top : top + side, left : left + side]
    top, left, bottom, right = (int(done[name]) for name in ("top", "left", "bottom", "right"))
    if op == "cutout":
        result = pixels.copy()
        result[top:bottom, left:right] = 128
        return result
    return np.asarray(cv2.resize(pixels[top:bottom, left:right], (side, side)))


def expected(op: str, case: Case, images: np.ndarray) -> np.ndarray:
    if "from explain" not in case.peer:
        return np.stack([case.function(image) for image in images]).astype(int)
    side, pad = images.shape[1], int(case.settings.get("pad", 0))
    augmenter = Augmenter(Policy(op, (Step(op, case.settings),)))
    return np.stack(
        [
            replayed(op, image, augmenter.explain(key, size=(side, side))[0], pad)
            for key, image in enumerate(images)
        ]
    ).astype(int)


def compare(name: str, case: Case, images: np.ndarray) -> dict[str, Any]:
    op = name.partition(",")[0]
    policy = Policy(op, (Step(op, case.settings),))
    keys = np.arange(len(images))
    found = {
        backend: Augmenter(policy, backend=backend).batch(images, keys).astype(int)
        for backend in ("torch", "opencv")
    }
    wanted = expected(op, case, images)
    compared = compared_pixels(case, images.shape[1])
    row: dict[str, Any] = {
        "peer": case.peer,
        "tolerance": [case.largest, case.mean],
        "pixels compared": float(compared.mean()),
    }
    met = True
    for backend, pixels in found.items():
        difference = np.abs(pixels - wanted)[:, compared]
        row[backend] = {"largest": int(difference.max()), "mean": float(difference.mean())}
        met &= difference.max() <= case.largest and difference.mean() <= case.mean
    between = np.abs(found["torch"] - found["opencv"])
    row["between backends"] = {"largest": int(between.max()), "mean": float(between.mean())}
    row["met"] = bool(met)
    return row


def compared_pixels(case: Case, side: int) -> np.ndarray:
    """Return a mask (side, side) of the pixels that are compared."""
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[case.inside : side - case.inside, case.inside : side - case.inside] = 1
    if case.within:
        white = np.full((side, side, 3), 255, dtype=np.uint8)
        mask &= case.function(white)[:, :, 0] == 255
        mask = cv2.erode(mask, np.ones((3, 3), dtype=np.uint8), borderValue=0)
    return mask > 0


def pictures(n: int) -> tuple[np.ndarray, str]:
    folder = os.environ.get("THRESHER_DATA")
    path = Path(folder or "") / "cifar10_test.parquet"
    if folder and path.is_file():
        import pyarrow.parquet as pq

        from thresher.core.images import decode_image

        files = pq.read_table(path).slice(0, n).column("jpeg").to_pylist()
        return np.stack([decode_image(file) for file in files]), f"{n} pictures of CIFAR-10"
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (n, 6, 6, 3), dtype=np.uint8)
    return np.stack([cv2.resize(one, (32, 32)) for one in coarse]), f"{n} pictures from a seed"


def page(result: dict[str, Any]) -> dict[str, Any]:
    """Return the table for readers."""
    rows = []
    for name, row in result["operations"].items():
        largest, mean = row["tolerance"]
        compared = row["pixels compared"]
        allowed = f"{largest:g}; {mean:g}" + (f" ({compared:.0%})" if compared < 1 else "")
        cells = [f"{row[one]['largest']}; {row[one]['mean']:.3f}" for one in ("torch", "opencv")]
        between = row["between backends"]
        rows.append([name.partition(",")[0], row["peer"], allowed, *cells,
                     f"{between['largest']}; {between['mean']:.4f}",
                     "yes" if row["met"] else "**no**"])  # fmt: skip
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return {
        "title": "Our operations against PIL and albumentations",
        "note": f"{result['data']}, 32 × 32 pixels; largest and mean difference in gray levels "
        f"({versions}). A share behind the tolerance: only so many pixels are compared, since PIL "
        "does not blend with the fill along the edge of the picture, or approximates there.",
        "tables": [
            {
                "caption": "",
                "header": ["operation", "against", "tolerance", "torch", "opencv",
                           "torch against opencv", "met"],
                "rows": rows,
            }
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    images, data = pictures(50 if arguments.quick else 500)
    table = {name: compare(name, case, images) for name, case in cases(images.shape[1]).items()}
    left_out = sorted(set(OPERATIONS) - {name.partition(",")[0] for name in table})
    result: dict[str, Any] = {
        "versions": {
            name: metadata.version(name)
            for name in ("pillow", "albumentations", "opencv-python-headless", "torch")
        },
        "data": data,
        "operations": table,
        "without a deterministic peer": left_out,
    }
    publish(result | {"page": page(result)}, arguments.out)


if __name__ == "__main__":
    main()
