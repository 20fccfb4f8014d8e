"""The pipelines of `augment_throughput`: ours, albumentations', and the OpenCV call behind them.

No benchmark itself. A pipeline of ours does the same operations with the same probabilities and
ranges as the one of albumentations beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import albumentations as A
import cv2
import numpy as np

from augment import Policy, Step

Pair = tuple[Policy, Callable[[int], A.Compose]]


def crop(side: int) -> list[Any]:
    pad = side // 8
    padded = A.PadIfNeeded(side + 2 * pad, side + 2 * pad, border_mode=cv2.BORDER_REFLECT_101)
    return [padded, A.RandomCrop(side, side), A.HorizontalFlip(p=0.5)]


def cutout(side: int) -> Any:
    size = (side // 4, side // 4)
    return A.CoarseDropout(
        num_holes_range=(1, 1), hole_height_range=size, hole_width_range=size, fill=128, p=0.5
    )


def jitter() -> Any:
    return A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=0.8)


def pairs(side: int) -> dict[str, Pair]:
    """Return our policy and the peer's pipeline: recipes first, then single operations."""
    ours = [Step("crop", {"pad": side // 8}), Step("hflip", p=0.5)]
    cut = Step("cutout", {"size": side // 4}, p=0.5)
    color = Step("color_jitter", {"hue": 0.1}, p=0.8)
    recipes = {
        "crop, flip": (ours, crop(side)),
        "crop, flip, cutout": ([*ours, cut], [*crop(side), cutout(side)]),
        "crop, flip, jitter, cutout": (
            [*ours, color, cut], [*crop(side), jitter(), cutout(side)]),
        "rotate": ([Step("rotate", {"high": 20.0})], [
            A.Rotate((-20, 20), border_mode=cv2.BORDER_CONSTANT, fill=128, p=1)]),
        "blur": ([Step("gaussian_blur", {"low": 0.1, "high": 1.5})], [
            A.GaussianBlur(blur_limit=0, sigma_limit=(0.1, 1.5), p=1)]),
    }  # fmt: skip
    listed = recipes | {
        name: ([Step(name.split(",")[0], one)], [peer]) for name, (one, peer) in singles(side)
    }
    return {name: (Policy(name, tuple(a)), lambda _, b=b: A.Compose(b))
            for name, (a, b) in listed.items()}  # fmt: skip


def singles(side: int) -> list[tuple[str, tuple[dict[str, Any], Any]]]:
    affine = {"border_mode": cv2.BORDER_CONSTANT, "fill": 128, "p": 1.0}
    listed: dict[str, tuple[dict[str, Any], Any]] = {
        "hflip": ({}, A.HorizontalFlip(p=1)),
        "vflip": ({}, A.VerticalFlip(p=1)),
        "shear_x": ({"high": 0.3}, A.Affine(shear={"x": (-17, 17), "y": (0, 0)}, **affine)),
        "translate_x": (
            {"high": 0.3},
            A.Affine(translate_percent={"x": (-0.3, 0.3), "y": (0, 0)}, **affine)),
        "random_resized_crop": (
            {}, A.RandomResizedCrop((side, side), scale=(0.35, 1), ratio=(0.75, 4 / 3), p=1)),
        "brightness": ({}, A.ColorJitter((0.6, 1.4), (1, 1), (1, 1), (0, 0), p=1)),
        "contrast": ({}, A.ColorJitter((1, 1), (0.6, 1.4), (1, 1), (0, 0), p=1)),
        "saturation": ({}, A.ColorJitter((1, 1), (1, 1), (0.6, 1.4), (0, 0), p=1)),
        "grayscale": ({}, A.ToGray(p=1)),
        "posterize": ({"low": 4.0, "high": 4.0}, A.Posterize((4, 4), p=1)),
        "solarize": ({"low": 128.0, "high": 128.0}, A.Solarize((0.5, 0.5), p=1)),
        "invert": ({}, A.InvertImg(p=1)),
        "equalize": ({}, A.Equalize(mode="pil", p=1)),
        "equalize, theirs by OpenCV's rule": ({}, A.Equalize(mode="cv", p=1)),
        "autocontrast": ({}, A.AutoContrast(p=1)),
        "sharpness": ({}, A.Sharpen((0.2, 0.5), p=1)),
        "cutout": ({"size": side // 4}, A.CoarseDropout(
            num_holes_range=(1, 1), hole_height_range=(side // 4, side // 4),
            hole_width_range=(side // 4, side // 4), fill=128, p=1)),
        "random_erasing": ({}, A.Erasing((0.02, 1 / 3), (0.3, 3.3), fill="random", p=1)),
    }  # fmt: skip
    return list(listed.items())


def bare_kernels(side: int) -> dict[str, Callable[[np.ndarray, np.ndarray], Any]]:
    """Return the fewest OpenCV calls that an operation comes down to, on (image, result)."""
    size, box = (side, side), np.s_[side // 10 : side - side // 10, side // 10 : side - side // 10]
    taps = np.array([16, 64, 96, 64, 16], dtype=np.float32) / 256
    mixed = np.array([[0.8, 0.1, 0.1, 0], [0.1, 0.8, 0.1, 0], [0.1, 0.1, 0.8, 0]])
    turned = np.array([[0.95, -0.2, 3], [0.2, 0.95, -3]])
    warp, hole = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, np.s_[: 2 * side // 5, : 2 * side // 5]
    return {
        "hflip": lambda image, result: cv2.flip(image, 1, result),
        "vflip": lambda image, result: cv2.flip(image, 0, result),
        "rotate": lambda image, result: cv2.warpAffine(image, turned, size, result, warp),
        "random_resized_crop": lambda image, result: cv2.resize(image[box], size, result),
        "saturation": lambda image, result: cv2.transform(image, mixed, result),
        "grayscale": lambda image, result: cv2.transform(image, mixed, result),
        "blur": lambda image, result: cv2.sepFilter2D(image, -1, taps, taps, result),
        "sharpness": lambda image, result: cv2.addWeighted(
            image, 1.3, cv2.blur(image, (3, 3)), -0.3, 0, result),
        "invert": lambda image, result: cv2.bitwise_not(image, result),
        "posterize": lambda image, result: cv2.bitwise_and(image, (240, 240, 240, 0), result),
        "brightness": lambda image, result: cv2.convertScaleAbs(image, result, 1.3, 0),
        "contrast": lambda image, result: cv2.addWeighted(
            image, 1.3, image, 0, -0.3 * cv2.mean(image)[0], result),
        "random_erasing": lambda image, result: (
            cv2.copyTo(image, None, result), cv2.randu(result[hole], 0, 256)),
        "equalize, theirs by OpenCV's rule": lambda image, result: cv2.merge(
            [cv2.equalizeHist(plane) for plane in cv2.split(image)], result),
    }  # fmt: skip
