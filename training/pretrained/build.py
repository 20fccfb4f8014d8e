"""Pretrained models by name or folder."""

from __future__ import annotations

from typing import Any

import torch

from thresher.core.encoders import from_sentence_transformers, from_timm, from_transformers
from thresher.core.encoders.pretrained import Wanted, check_modality, find_folder, hash_weights
from thresher.core.errors import InputError, check_choice, check_count, did_you_mean
from thresher.core.signatures import checked

from ..torch_runtime.eval_mode import evaluating
from ..torch_runtime.seeding import own_torch_rng
from .adapters import add_adapters
from .bodies import ImageBody, TextBody
from .model import MODES, PretrainedModel
from .spec import PretrainedSpec

# Each source with its short name, the prefix of the encoders.
SOURCES = {"timm": "timm", "transformers": "hf", "sentence-transformers": "st"}
_RANK = 8
# Longer texts than these are rare among those that have one class; time grows with the length.
_USUAL_TOKENS = 128
_HALF = (0.5, 0.5, 0.5)


@checked
def pretrained_model(
    name: str,
    *,
    num_classes: int,
    mode: str = "frozen",
    modality: str | None = None,
    rank: int | None = None,
    max_tokens: int | None = None,
    random_state: int = 0,
) -> PretrainedModel:
    """Load a pretrained model and put a new head on it, for `fit`, `evaluate` and `distill`.

    Parameters
    ----------
    name : str
        ``"timm:NAME"``, ``"transformers:NAME"`` or ``"sentence-transformers:NAME"``; or a folder in
        place of NAME, which never touches the network.
    num_classes : int
        At least 2.
    mode : str
        ``"frozen"``: a linear head on vectors that are computed once; ``"fine_tune"``: all weights
        are trained; ``"lora"``: low-rank adapters and the head (needs ``thresher[lora]``).
    modality : str, optional
        ``"image"`` or ``"text"``, for models of transformers; by default text.
    rank : int, optional
        Of the adapters, in mode ``"lora"``; by default 8.
    max_tokens : int, optional
        Longer texts are cut; by default 128, or less where the model takes less.
    random_state : int
        Draws head and adapters.

    Returns
    -------
    PretrainedModel
        On the CPU. `PretrainedModel.samples` makes its rows from texts or images.

    Raises
    ------
    InputError
        For an unknown source, or a model that cannot be loaded; says how to get it.
    MissingExtraError
        When its library is not installed.

    Examples
    --------
    >>> from training import pretrained_model
    >>> big = pretrained_model("transformers:./bert", num_classes=77)  # doctest: +SKIP
    >>> rows = big.samples(texts, row_ids=ids, targets=labels)  # doctest: +SKIP
    """
    source, _, target = name.partition(":")
    source = {short: source for source, short in SOURCES.items()}.get(source, source)
    if source not in SOURCES or not target:
        raise InputError(
            f"A pretrained model is named {', '.join(f'{known}:NAME' for known in SOURCES)} (NAME "
            f"may be a folder), got {name!r}.{did_you_mean(source, SOURCES)}"
        )
    check_choice("mode", mode, MODES)
    check_count("num_classes", num_classes, low=2)
    if rank is not None and mode != "lora":
        raise InputError(f"`rank` is of the adapters of mode 'lora'; the mode is {mode!r}.")
    rank = check_count("rank", _RANK if rank is None else rank, low=1)
    name = f"{source}:{find_folder(target) or target}"
    body = _body(source, target, name=name, modality=modality, max_tokens=max_tokens)
    spec = PretrainedSpec(
        name=name,
        modality=body.modality,
        num_classes=int(num_classes),
        input_shape=body.input_shape,
        mode=mode,
        rank=rank if mode == "lora" else 0,
        base=hash_weights(body.network),
    )
    dimensions = _dimensions(body)
    with own_torch_rng(random_state):
        if mode == "lora":
            add_adapters(body.network, rank=rank)
        return PretrainedModel(spec, body, dimensions=dimensions)


def rebuild(spec: PretrainedSpec, *, random_state: int = 0) -> PretrainedModel:
    """Read the pretrained weights again and put a new head (and adapters) on them.

    Raises
    ------
    InputError
        When they are no longer where they were.
    """
    return pretrained_model(
        spec.name,
        num_classes=spec.num_classes,
        mode=spec.mode,
        modality=spec.modality,
        rank=spec.rank or None,
        max_tokens=spec.input_shape[0] if spec.modality == "text" else None,
        random_state=random_state,
    )


def _body(
    source: str, target: str, *, name: str, modality: str | None, max_tokens: int | None
) -> ImageBody | TextBody:
    instead = "use `compact_model`, which needs no download."
    wanted = Wanted(name, "model", instead)
    if source == "timm":
        check_modality(name, modality, ("image",))
        found = from_timm.read_model(target, wanted=wanted)
        return ImageBody(
            found.model,
            lambda network, pixels: network(pixels),
            size=found.size,
            mean=found.mean,
            std=found.std,
        )
    if source == "sentence-transformers":
        check_modality(name, modality, ("text",))
        model = from_sentence_transformers.read_model(target, wanted=wanted, device="cpu")
        longest = int(model.max_seq_length or from_transformers.LONGEST)
        return _text_body(
            model, model.tokenizer, _sentence_vectors, name=name, tokens=(max_tokens, longest)
        )
    kind = check_modality(name, modality, ("text", "image"))
    processor, model = from_transformers.read_model(target, modality=kind, wanted=wanted)
    if kind == "text":
        longest = from_transformers.longest_text(model, processor)
        vectors = from_transformers.text_vectors
        return _text_body(model, processor, vectors, name=name, tokens=(max_tokens, longest))
    return ImageBody(
        model,
        from_transformers.image_vectors,
        size=from_transformers.image_size(processor),
        mean=tuple(getattr(processor, "image_mean", None) or _HALF),
        std=tuple(getattr(processor, "image_std", None) or _HALF),
    )


def _text_body(
    model: Any, tokenizer: Any, vectors: Any, *, name: str, tokens: tuple[int | None, int]
) -> TextBody:
    asked, longest = tokens
    used = min(_USUAL_TOKENS, longest)
    if asked is not None:
        used = check_count("max_tokens", asked, low=1, high=longest)
    return TextBody(model.float(), vectors, tokenizer=tokenizer, max_tokens=used, source=name)


def _sentence_vectors(network: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    found: torch.Tensor = network(batch)["sentence_embedding"]
    return found


@torch.no_grad()
def _dimensions(body: ImageBody | TextBody) -> int:
    """Return the length of the body's vectors, from one blank row."""
    dtype = torch.uint8 if body.modality == "image" else torch.int64
    with evaluating(body):
        vectors = body(torch.ones((1, *body.input_shape), dtype=dtype))
    if vectors.ndim != 2:
        raise InputError(
            f"The model gives shape {tuple(vectors.shape)} in place of one vector a row; it is no "
            "encoder."
        )
    return int(vectors.shape[1])
