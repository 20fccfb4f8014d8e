"""Policies by their names in the field, each with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from thresher.core.errors import InputError, check_choice, check_count, check_number

from .operations.autoaugment import TOP_MAGNITUDES, cifar10_branches
from .operations.nodes import AugMix, Node, OneOf, Step
from .operations.operation import Value
from .operations.policy import Policy

__all__ = [
    "POLICIES",
    "aug_mix",
    "auto_augment",
    "crop_flip",
    "custom",
    "make",
    "mixed",
    "none",
    "rand_augment",
    "random_erasing",
    "standard",
    "three_augment",
    "trivial_augment",
]


def none() -> Policy:
    """Return the policy that changes nothing."""
    return Policy("none")


def custom(*nodes: Node, name: str = "custom") -> Policy:
    """Return a policy of the given steps, choices and mixtures."""
    return Policy(name, nodes)


def mixed(*parts: Policy, name: str = "mixed") -> Policy:
    """Return the policy that does to each row, in each epoch, what one of `parts` does.

    Parts are drawn evenly; they must have the same strength schedule.
    """
    schedules = {part.schedule for part in parts}
    if len(schedules) > 1:
        raise InputError(
            "Policies that are mixed must have the same schedule. Use with_schedule on the mixture."
        )
    choice = OneOf(tuple(part.nodes for part in parts))
    return Policy(name, (choice,), *schedules)


def _crop(pad: int, fill_edges: str = "reflect") -> list[Node]:
    return [Step("crop", {"pad": pad, "mode": fill_edges})] if pad else []


def _flip(flip: bool | str) -> list[Node]:
    if flip == "alternating":
        return [Step("alternating_flip")]
    if not isinstance(flip, bool):
        raise InputError(f"`flip` must be true, false or 'alternating', got {flip!r}.")
    return [Step("hflip", p=0.5)] if flip else []


def standard(*, pad: int = 4, flip: bool | str = True, cutout: int = 8) -> Policy:
    """Crop from a reflected margin, mirror half of the images, cut out a square.

    The usual CIFAR recipe (He et al. 2016) with Cutout (DeVries and Taylor 2017). `pad` and
    `cutout` are pixels, 0 leaves them out; ``flip="alternating"`` mirrors a row in every second
    epoch, and which half starts is random (Jordan, "94 % on CIFAR-10 in 3.29 seconds", 2024).
    """
    nodes = [*_crop(pad), *_flip(flip)]
    if cutout:
        nodes.append(Step("cutout", {"size": cutout}))
    return Policy("standard", tuple(nodes))


def crop_flip(*, pad: int = 4, flip: bool | str = True) -> Policy:
    """Return the standard policy without the cut-out."""
    return Policy("crop_flip", (*_crop(pad), *_flip(flip)))


def random_erasing(*, pad: int = 4, flip: bool | str = True, p: float = 0.5) -> Policy:
    """Crop, flip, and fill a random box with noise (Zhong et al., AAAI 2020)."""
    return Policy("random_erasing", (*_crop(pad), *_flip(flip), Step("random_erasing", p=p)))


def trivial_augment(*, pad: int = 0, flip: bool | str = False, cutout: int = 0) -> Policy:
    """One random operation at a random strength (Müller and Hutter, ICCV 2021; the wide space).

    Shifts reach 32 pixels, or the whole side of smaller images. `pad`, `flip` and `cutout` add
    the crop, mirror and cut-out that the paper trains with.
    """
    choice = OneOf(tuple((step,) for step in _wide_space()))
    after: list[Node] = [Step("cutout", {"size": cutout})] if cutout else []
    return Policy("trivial_augment", (*_crop(pad), *_flip(flip), choice, *after))


def _wide_space() -> list[Step]:
    geometric: dict[str, dict[str, Value]] = {
        "shear_x": {"high": 0.99},
        "shear_y": {"high": 0.99},
        "translate_x": {"high": 1.0, "limit": 32},
        "translate_y": {"high": 1.0, "limit": 32},
        "rotate": {"high": 135.0},
    }
    photometric: dict[str, dict[str, Value]] = {
        "brightness": {"high": 0.99},
        "saturation": {"high": 0.99},
        "contrast": {"high": 0.99},
        "sharpness": {"high": 0.99},
        "posterize": {"high": 6.0},
        "solarize": {"high": 256.0},
    }
    sized = (geometric | photometric).items()
    steps = [Step(op, settings | {"levels": 31}) for op, settings in sized]
    return [Step("identity"), *steps, Step("autocontrast"), Step("equalize")]


def _rand_space(magnitude: float) -> list[Step]:
    steps = [
        Step(op, {"low": top * magnitude, "high": top * magnitude})
        for op, top in TOP_MAGNITUDES.items()
    ]
    return [Step("identity"), *steps, Step("autocontrast"), Step("equalize")]


def rand_augment(
    *, n: int = 2, magnitude: float = 0.3, pad: int = 0, flip: bool | str = False
) -> Policy:
    """`n` random operations in a row, all at one strength (Cubuk et al., CVPR workshops 2020).

    `magnitude` is in [0, 1]: the paper's m divided by its 30 levels.
    """
    check_count("n", n, low=1, high=16)
    check_number("magnitude", magnitude, low=0, high=1)
    choice = OneOf(tuple((step,) for step in _rand_space(magnitude)))
    return Policy("rand_augment", (*_crop(pad), *_flip(flip), *[choice] * n))


def auto_augment(*, pad: int = 4, flip: bool | str = True, cutout: int = 16) -> Policy:
    """Return the 25 sub-policies found on CIFAR-10 (Cubuk et al., CVPR 2019, appendix)."""
    after: list[Node] = [Step("cutout", {"size": cutout})] if cutout else []
    return Policy("auto_augment", (*_crop(pad), *_flip(flip), OneOf(cifar10_branches()), *after))


def aug_mix(
    *,
    severity: float = 0.3,
    width: int = 3,
    depth: int = 3,
    alpha: float = 1.0,
    pad: int = 0,
    flip: bool | str = False,
) -> Policy:
    """Mix `width` chains of up to `depth` operations with the image (Hendrycks et al., ICLR 2020).

    `severity` is in [0, 1]: the paper's level divided by 10. The strength is drawn up to it.
    """
    check_number("severity", severity, low=0, high=1)
    tops = {
        "rotate": 30.0,
        "posterize": 4.0,
        "shear_x": 0.3,
        "shear_y": 0.3,
        "solarize": 256.0,
        "translate_x": 1 / 3,
        "translate_y": 1 / 3,
    }
    steps = [
        Step(op, {"low": 0.1 * severity * top, "high": severity * top}) for op, top in tops.items()
    ]
    choices = (Step("autocontrast"), Step("equalize"), *steps)
    mixture = AugMix(choices, width=width, depth=depth, alpha=alpha)
    return Policy("aug_mix", (*_crop(pad), *_flip(flip), mixture))


def three_augment(
    *, pad: int = 4, flip: bool | str = True, jitter: float = 0.3, random_resized: bool = False
) -> Policy:
    """Gray, solarise or blur, evenly, then jitter the colors (3-Augment of DeiT III, 2022).

    The crop is the simple one from a reflected margin, or a random resized crop.
    """
    crop: list[Node] = [Step("random_resized_crop")] if random_resized else _crop(pad)
    choice = OneOf(
        (
            (Step("grayscale"),),
            (Step("solarize", {"low": 128.0, "high": 128.0}),),
            (Step("gaussian_blur", {"low": 0.1, "high": 2.0}),),
        )
    )
    color = {"brightness": jitter, "contrast": jitter, "saturation": jitter}
    return Policy("three_augment", (*crop, *_flip(flip), choice, Step("color_jitter", color)))


POLICIES: Mapping[str, Callable[..., Policy]] = {
    "none": none,
    "crop_flip": crop_flip,
    "random_erasing": random_erasing,
    "standard": standard,
    "trivial_augment": trivial_augment,
    "rand_augment": rand_augment,
    "auto_augment": auto_augment,
    "aug_mix": aug_mix,
    "three_augment": three_augment,
}


def make(name: str, *, settings: Mapping[str, Any] | None = None) -> Policy:
    """Return a built-in policy by name, with `settings` for its function."""
    import inspect

    build = POLICIES[check_choice("policy", name, POLICIES)]
    allowed = list(inspect.signature(build).parameters)
    for setting in settings or {}:
        check_choice(f"setting of {name}", setting, allowed or ["(none)"])
    return build(**(settings or {}))


def names() -> Sequence[str]:
    """Return the names of the built-in policies."""
    return tuple(POLICIES)
