"""Operations on pixel values. A magnitude of 0 always means: no change.

Kernel rows. ``table``: (rule, amount), one look-up table per channel. ``color``: nine entries of a
3×3 matrix and the share of the image's mean gray that is added. ``sharpen``: (factor).
``blur``: (sigma, radius). ``erase``: (top, left, bottom, right, fill, noise).
"""

from __future__ import annotations

import numpy as np

from .operation import (
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

# ITU-R 601, as in PIL's conversion to gray.
GRAY_WEIGHTS = np.array([19595, 38470, 7471]) / 65536
TABLE_RULES = (
    "brightness",
    "contrast",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
    "invert",
)


def _sample_factor(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    return {"factor": 1 + magnitude(draws, settings, scene)}


def _sample_bits(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    return {"bits_removed": np.round(np.abs(magnitude(draws, settings, scene)))}


def _sample_amount(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    return {"threshold": 256 - np.abs(magnitude(draws, settings, scene))}


def _sample_nothing(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:  # noqa: ARG001
    return {"applied": np.ones(len(draws))}


def _table(name: str, sample: Sample, settings: dict[str, Setting], draws: int = 2) -> Operation:
    rule = float(TABLE_RULES.index(name))

    def lower(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
        (amount,) = parameters.values()
        return np.stack([np.full(len(amount), rule), amount], axis=1)

    return Operation(name, "table", settings, sample, lower, draws)


def saturation_matrix(factor: np.ndarray) -> np.ndarray:
    """Return matrices (n, 3, 3) that blend with gray: 0 is gray, 1 the image itself."""
    keep = factor[:, None, None]
    return np.asarray(keep * np.eye(3) + (1 - keep) * GRAY_WEIGHTS[None, None, :])


def hue_matrix(turns: np.ndarray) -> np.ndarray:
    """Return matrices (n, 3, 3) that turn the color plane of YIQ by a share of a full turn."""
    to_yiq = np.array([GRAY_WEIGHTS, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    angle = 2 * np.pi * turns
    rotation = np.zeros((len(turns), 3, 3))
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = np.cos(angle)
    rotation[:, 1, 2], rotation[:, 2, 1] = -np.sin(angle), np.sin(angle)
    return np.asarray(np.linalg.inv(to_yiq) @ rotation @ to_yiq)


def _color_rows(matrices: np.ndarray, gray_share: np.ndarray | float = 0.0) -> np.ndarray:
    rows = np.empty((len(matrices), 10))
    rows[:, :9] = matrices.reshape(len(matrices), 9)
    rows[:, 9] = gray_share
    return rows


def _lower_saturation(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    return _color_rows(saturation_matrix(parameters["factor"]))


def _lower_grayscale(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    return _color_rows(saturation_matrix(1 - parameters["applied"]))


def _sample_jitter(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    spread = (2 * draws[:, :4] - 1) * scene.strength
    names = ("brightness", "contrast", "saturation")
    jitter = {
        name: 1 + spread[:, place] * float(settings[name]) for place, name in enumerate(names)
    }
    return jitter | {"hue": spread[:, 3] * float(settings["hue"])}


def _lower_jitter(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    bright, contrast = parameters["brightness"], parameters["contrast"]
    matrices = saturation_matrix(parameters["saturation"])
    if settings["hue"]:
        matrices = hue_matrix(parameters["hue"]) @ matrices
    matrices = matrices * (bright * contrast)[:, None, None]
    return _color_rows(matrices, (1 - contrast) * bright)


def _lower_sharpness(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    return parameters["factor"][:, None]


def _sample_sigma(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    return {"sigma": np.abs(magnitude(draws, settings, scene))}


def _lower_blur(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:
    # The radius depends on the setting alone, so that a batch does not change a row's bits.
    radius = min(int(np.ceil(3 * float(settings["high"]))), min(scene.height, scene.width) - 1)
    return np.stack([parameters["sigma"], np.full(len(parameters["sigma"]), radius)], axis=1)


def _sample_cutout(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    size = round(int(settings["size"]) * scene.strength)
    top = np.floor(draws[:, 0] * scene.height) - size // 2
    left = np.floor(draws[:, 1] * scene.width) - size // 2
    return _clip_box({"top": top, "left": left, "bottom": top + size, "right": left + size}, scene)


def _sample_erase(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:
    low, high = float(settings["smallest"]), float(settings["largest"])
    area = (low + (max(high, low) - low) * draws[:, 0]) * scene.strength
    area = area * scene.height * scene.width
    ratio = np.exp((2 * draws[:, 1] - 1) * np.log(float(settings["ratio"])))
    tall = np.minimum(np.round(np.sqrt(area * ratio)), scene.height)
    wide = np.minimum(np.round(np.sqrt(area / ratio)), scene.width)
    top = np.floor(draws[:, 2] * (scene.height - tall + 1))
    left = np.floor(draws[:, 3] * (scene.width - wide + 1))
    box = {"top": top, "left": left, "bottom": top + tall, "right": left + wide}
    return _clip_box(box, scene) | {"noise": np.floor(draws[:, 4] * 2**53)}


def _clip_box(box: Parameters, scene: Scene) -> Parameters:
    sides = {"top": scene.height, "bottom": scene.height, "left": scene.width, "right": scene.width}
    return {name: np.clip(value, 0, sides[name]) for name, value in box.items()}


def _lower_box(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    n = len(parameters["top"])
    box = [parameters[name] for name in ("top", "left", "bottom", "right")]
    noise = parameters.get("noise")
    if noise is None or not settings.get("random"):
        noise = np.full(n, -1.0)
    return np.stack([*box, column(settings, "fill", n), noise], axis=1)


_JITTER = {
    "brightness": Setting(0.4, high=1),
    "contrast": Setting(0.4, high=1),
    "saturation": Setting(0.4, high=1),
    "hue": Setting(0.0, high=0.5),
}
_ERASE = {
    "smallest": Setting(0.02, high=1),
    "largest": Setting(1 / 3, high=1),
    "ratio": Setting(3.3, low=1, high=100),
    "random": Setting(True),
    "fill": Setting(128, high=255),
}
_CUTOUT = {"size": Setting(8, high=4096), "fill": Setting(128, high=255)}

PHOTOMETRY = (
    _table("brightness", _sample_factor, magnitude_settings(0.4, 1.0)),
    _table("contrast", _sample_factor, magnitude_settings(0.4, 1.0)),
    _table("posterize", _sample_bits, magnitude_settings(4, 8)),
    _table("solarize", _sample_amount, magnitude_settings(128, 256)),
    _table("autocontrast", _sample_nothing, {}, draws=0),
    _table("equalize", _sample_nothing, {}, draws=0),
    _table("invert", _sample_nothing, {}, draws=0),
    Operation(
        "saturation",
        "color",
        magnitude_settings(0.4, 1.0),
        _sample_factor,
        _lower_saturation,
        draws=2,
    ),
    Operation("grayscale", "color", {}, _sample_nothing, _lower_grayscale),
    Operation("color_jitter", "color", _JITTER, _sample_jitter, _lower_jitter, draws=4),
    Operation(
        "sharpness",
        "sharpen",
        magnitude_settings(0.9, 1.0),
        _sample_factor,
        _lower_sharpness,
        draws=2,
    ),
    Operation(
        "gaussian_blur",
        "blur",
        magnitude_settings(2.0, 10, low=0.1),
        _sample_sigma,
        _lower_blur,
        draws=2,
    ),
    Operation("cutout", "erase", _CUTOUT, _sample_cutout, _lower_box, draws=2),
    Operation("random_erasing", "erase", _ERASE, _sample_erase, _lower_box, draws=5),
)
