"""The families of compact models, and how one is asked for by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.signatures import checked

from ..torch_runtime.seeding import own_torch_rng
from .fast import build_fast
from .lite0 import NAME as LITE0
from .lite0 import STEM, build_lite0
from .mlp import build_mlp
from .mobile import build_mobile
from .network import CompactModel
from .resnet import build_resnet
from .spec import ModelSpec
from .text import build_hashed_embedding, build_text_cnn
from .transformer import build_text_transformer


@dataclass(frozen=True)
class Family:
    """How one kind of model is built, for which inputs, and its defaults."""

    build: Callable[[ModelSpec], CompactModel]
    modality: str
    width: int
    shrinks: int = 1
    dropout: float = 0.0


FAMILIES = {
    "resnet8": Family(build_resnet, "image", width=16, shrinks=4),
    "resnet20": Family(build_resnet, "image", width=16, shrinks=4),
    "fast": Family(build_fast, "image", width=64, shrinks=8),
    "mobile": Family(build_mobile, "image", width=16, shrinks=4),
    "hashed_embedding": Family(build_hashed_embedding, "text", width=64, dropout=0.3),
    "text_cnn": Family(build_text_cnn, "text", width=64, dropout=0.3),
    "text_transformer": Family(build_text_transformer, "text", width=64, dropout=0.1),
    "mlp": Family(build_mlp, "features", width=64, dropout=0.1),
}
# Started from the weights of a package (`training.pretrained.shipped`), never from nothing.
SHIPPED = {LITE0: Family(build_lite0, "image", width=STEM, shrinks=32)}
SMALLEST_IMAGE = 8
# A short table of long vectors beats the opposite: Banking77, 140,000 weights, 91.2 % with
# 4,096 x 32 and 90.2 % with 8,192 x 16.
_WIDE_TEXT, _LARGE_TABLE, _SMALL_TABLE = 64, 32768, 4096
# How many sizes the shape of one row has.
AXES = {"image": 3, "text": 1, "features": 1}


@checked
def compact_model(
    name: str,
    *,
    num_classes: int,
    input_shape: tuple[int, ...],
    width: int | None = None,
    stem_stride: int | None = None,
    vocabulary: int | None = None,
    dropout: float | None = None,
    random_state: int = 0,
) -> CompactModel:
    """Make a small model by name.

    Parameters
    ----------
    name : str
        Images: ``"resnet8"`` (the default choice), ``"resnet20"``, ``"fast"``, ``"mobile"``.
        Text: ``"hashed_embedding"``, ``"text_cnn"``, ``"text_transformer"``.
        Features: ``"mlp"``.
    num_classes : int
        At least 2.
    input_shape : tuple of int
        Shape of one row: (channels, height, width), (tokens,), or (d,).
    width : int, optional
        Channels of the first stage, embedding size, or hidden units.
    stem_stride : int, optional
        Images: by how much the stem shrinks the input, a power of two; by default such that the
        first stage works on about 12 to 32 px (``"fast"``: 17 to 32).
    vocabulary : int, optional
        Text: rows of the token table; by default 32,768 from width 64 on and 4,096
        below; at least 3. Token ids beyond it are folded into it.
    dropout : float, optional
        In [0, 1).
    random_state : int
        Draws the first weights; the global torch state is left as it was.

    Returns
    -------
    CompactModel
        In training mode, on the CPU, with attribute ``spec``.

    Examples
    --------
    >>> from training import compact_model
    >>> model = compact_model("resnet8", num_classes=10, input_shape=(3, 32, 32), width=16)
    >>> sum(weights.numel() for weights in model.parameters()) < 100_000
    True
    """
    check_choice("name", name, FAMILIES)
    family = FAMILIES[name]
    shape = tuple(check_count("input_shape", size) for size in input_shape)
    _check_shape(name, family, shape)
    check_count("num_classes", num_classes, low=2)
    check_count("width", width if width is not None else family.width, low=1)
    dropped = family.dropout if dropout is None else dropout
    spec = ModelSpec(
        name=name,
        modality=family.modality,
        num_classes=int(num_classes),
        input_shape=shape,
        width=family.width if width is None else int(width),
        stem_stride=_stem_stride(family, shape, stem_stride),
        vocabulary=_vocabulary(family, width or family.width, vocabulary),
        dropout=check_number("dropout", dropped, low=0, high=0.95),
    )
    return build_model(spec, random_state=random_state)


def build_model(spec: ModelSpec, *, random_state: int = 0) -> CompactModel:
    """Build the architecture of `spec` with new weights.

    Examples
    --------
    >>> from training import build_model, compact_model
    >>> spec = compact_model("mlp", num_classes=10, input_shape=(64,), width=16).spec
    >>> build_model(spec, random_state=1).spec == spec
    True
    """
    known = FAMILIES | SHIPPED
    check_choice("name", spec.name, known)
    with own_torch_rng(random_state):
        return known[spec.name].build(spec)


def _check_shape(name: str, family: Family, shape: tuple[int, ...]) -> None:
    axes = AXES[family.modality]
    if len(shape) != axes or min(shape, default=0) < 1:
        raise InputError(
            f"`input_shape` of '{name}' ({family.modality}) must have {axes} sizes of at least 1, "
            f"got {shape}."
        )
    if family.modality == "image" and min(shape[1:]) < SMALLEST_IMAGE:
        raise InputError(
            f"Image models take images of at least {SMALLEST_IMAGE} px, got {shape[1:]}. "
            "Read the images at a larger size."
        )


def usual_vocabulary(name: str, width: int) -> int:
    """Return how many tokens the table of a text model has by default; 0 elsewhere."""
    return _vocabulary(FAMILIES[name], width, None)


def _vocabulary(family: Family, width: int, asked: int | None) -> int:
    if family.modality != "text":
        return 0
    if asked is None:
        return _LARGE_TABLE if width >= _WIDE_TEXT else _SMALL_TABLE
    return check_count("vocabulary", asked, low=3)


def _stem_stride(family: Family, shape: tuple[int, ...], asked: int | None) -> int:
    if family.modality != "image":
        return 1
    smallest = min(shape[1:])
    if asked is None:
        stride = 2 if smallest >= 25 and family.shrinks <= 4 else 1
        while smallest / stride > 32:
            stride *= 2
        return stride
    if asked < 1 or asked & (asked - 1) or smallest // (asked * family.shrinks) < 1:
        raise InputError(
            f"`stem_stride` must be a power of two of at most {smallest // family.shrinks} for "
            f"images of {smallest} px, got {asked}."
        )
    return asked
