"""Operations that move pixels: crop, flips, and the affine ones of the published policies.

Affine rows are ``(a, b, c, d, e, f, fill)``: the output pixel with center (x, y), counted from the
image's corner, takes its value from (a·x + b·y + c, d·x + e·y + f), bilinearly, and `fill` where
that lies outside (−1: the nearest edge pixel). This is PIL's convention
for ``Image.transform(AFFINE)``. Resize rows are a box, ``(top, left, bottom, right)``, in whole
pixels; nothing outside the box is seen.
"""

from __future__ import annotations

import numpy as np

from thresher.core.errors import InputError

from .operation import (
    Lower,
    Operation,
    Parameters,
    Sample,
    Scene,
    Setting,
    Settings,
    column,
    magnitude,
    magnitude_settings,
)

GRAY = 128
# As the fill of an affine row: outside the image, the nearest edge pixel counts.
EDGE = -1


def _sample_crop(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    pad = int(settings["pad"])
    if settings["mode"] == "reflect" and pad >= min(scene.height, scene.width):
        raise InputError(
            f"`crop.pad` is {pad}, but reflection needs it below the image's side "
            f"({scene.height}×{scene.width}). Use a smaller pad or mode='constant'."
        )
    reach = round(pad * scene.strength)
    shift = np.floor(draws[:, :2] * (2 * reach + 1)) - reach
    return {"down": shift[:, 0], "right": shift[:, 1]}


def _lower_crop(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    n = len(parameters["down"])
    constant = np.full(n, float(settings["mode"] == "constant"))
    zero = np.zeros(n)
    return np.stack(
        [
            parameters["down"],
            parameters["right"],
            zero,
            zero,
            constant,
            column(settings, "fill", n),
        ],
        axis=1,
    )


def _sample_nothing(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:  # noqa: ARG001
    return {"applied": np.ones(len(draws))}


def _sample_alternating(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:  # noqa: ARG001
    first = np.floor(draws[:, 0] * 2)
    return {"applied": (first + scene.epoch) % 2}


def _lower_hflip(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    rows = np.zeros((len(parameters["applied"]), 6))
    rows[:, 2] = parameters["applied"]
    return rows


def _lower_vflip(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    rows = np.zeros((len(parameters["applied"]), 6))
    rows[:, 3] = parameters["applied"]
    return rows


def _affine(rows: list[np.ndarray | float], settings: Settings, n: int) -> np.ndarray:
    matrix = np.empty((n, 7))
    for place, value in enumerate(rows):
        matrix[:, place] = value
    matrix[:, 6] = settings.get("fill", EDGE)
    return matrix


def _sample_angle(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    return {"degrees": magnitude(draws, settings, scene)}


def _lower_rotate(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:
    turn = np.deg2rad(parameters["degrees"])
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = scene.width / 2, scene.height / 2
    return _affine(
        [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y], settings, len(turn)
    )


def _sample_slope(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    return {"slope": magnitude(draws, settings, scene)}


def _lower_shear_x(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    slope = parameters["slope"]
    return _affine([1, slope, 0, 0, 1, 0], settings, len(slope))


def _lower_shear_y(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    slope = parameters["slope"]
    return _affine([1, 0, 0, slope, 1, 0], settings, len(slope))


def _shift(draws: np.ndarray, settings: Settings, scene: Scene, *, side: int) -> Parameters:
    share = magnitude(draws, settings, scene)
    return {"pixels": np.trunc(share * min(side, float(settings["limit"])))}


def _sample_translate_x(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    return _shift(draws, settings, scene, side=scene.width)


def _sample_translate_y(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    return _shift(draws, settings, scene, side=scene.height)


def _lower_translate_x(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    pixels = parameters["pixels"]
    return _affine([1, 0, -pixels, 0, 1, 0], settings, len(pixels))


def _lower_translate_y(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    pixels = parameters["pixels"]
    return _affine([1, 0, 0, 0, 1, -pixels], settings, len(pixels))


def _sample_resized_crop(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    smallest = 1 - (1 - float(settings["smallest"])) * scene.strength
    area = smallest + (1 - smallest) * draws[:, 0]
    reach = np.log(float(settings["ratio"])) * scene.strength
    ratio = np.exp((2 * draws[:, 1] - 1) * reach)
    high = _whole(np.sqrt(area / ratio), scene.height)
    wide = _whole(np.sqrt(area * ratio), scene.width)
    top = np.floor(draws[:, 2] * (scene.height - high + 1))
    left = np.floor(draws[:, 3] * (scene.width - wide + 1))
    return {"top": top, "left": left, "bottom": top + high, "right": left + wide}


def _whole(share: np.ndarray, side: int) -> np.ndarray:
    return np.clip(np.round(share * side), 1, side)


def _lower_resized_crop(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    return np.stack([parameters[name] for name in ("top", "left", "bottom", "right")], axis=1)


def _resampling(name: str, settings: dict[str, Setting], sample: Sample, lower: Lower) -> Operation:
    settings = settings | {"fill": Setting(GRAY, high=255)}
    return Operation(name, "affine", settings, sample, lower, draws=2)


_SHIFT = magnitude_settings(0.45, 1.0) | {"limit": Setting(1_000_000, low=1)}
_CROP = {
    "pad": Setting(4, high=4096),
    "mode": Setting("reflect", allowed=("reflect", "constant")),
    "fill": Setting(0, high=255),
}
_RESIZED = {"smallest": Setting(0.35, low=0.01, high=1), "ratio": Setting(4 / 3, low=1, high=4)}

GEOMETRY = (
    Operation("crop", "window", _CROP, _sample_crop, _lower_crop, draws=2),
    Operation("hflip", "window", {}, _sample_nothing, _lower_hflip),
    Operation("vflip", "window", {}, _sample_nothing, _lower_vflip),
    Operation(
        "alternating_flip", "window", {}, _sample_alternating, _lower_hflip, draws=1, lasting=True
    ),
    _resampling("rotate", magnitude_settings(30, 180), _sample_angle, _lower_rotate),
    _resampling("shear_x", magnitude_settings(0.3, 3), _sample_slope, _lower_shear_x),
    _resampling("shear_y", magnitude_settings(0.3, 3), _sample_slope, _lower_shear_y),
    _resampling("translate_x", _SHIFT, _sample_translate_x, _lower_translate_x),
    _resampling("translate_y", _SHIFT, _sample_translate_y, _lower_translate_y),
    Operation(
        "random_resized_crop",
        "resize",
        _RESIZED,
        _sample_resized_crop,
        _lower_resized_crop,
        draws=4,
    ),
)
