"""``onnx:``, text and image encoders as ONNX files, run by ONNX Runtime without PyTorch.

The folder is what ``optimum-cli export onnx`` or sentence-transformers write: ``model.onnx`` (or
``text_model.onnx`` and ``vision_model.onnx``, also in a folder ``onnx``) with ``tokenizer.json``,
or ``preprocessor_config.json`` for images. ``onnx:FOLDER@int8`` computes matrix products in whole
numbers of 8 bits: weights by channel and within 7 bits, so that no processor's kernels saturate
(decision 15), what goes into a product by the range that it has in its batch. A vector so depends
a little on the texts beside it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..choice import Choice, available_cpus
from ..errors import InputError, check_choice, require
from ..files import atomic_path
from ..progress import message
from .function import IMAGE_SIZE, FunctionEncoder
from .lengths import Cuts, encode_by_length
from .pretrained import check_modality, find_folder, normal_pixels, wrap

LONGEST = 512
KINDS = ("float", "int8")
FILES = {"text": ("text_model.onnx", "model.onnx"), "image": ("vision_model.onnx", "model.onnx")}
# What exporters call one vector a row; then one vector a token or a patch.
POOLED = ("sentence_embedding", "text_embeds", "image_embeds", "pooler_output", "embeddings")
UNPOOLED = ("last_hidden_state", "token_embeddings")
IMAGES = 32
INTEGER = ".thresher-int8.onnx"


def load(target: str, *, modality: str | None, device: str) -> FunctionEncoder:
    """Load a model from a folder; nothing reaches for a network."""
    spec = f"onnx:{target}"
    modality = check_modality(spec, modality, ("text", "image"))
    name, _, kind = (
        target.rpartition("@")
        if target.endswith(tuple(f"@{k}" for k in KINDS))
        else (target, "", "float")
    )
    folder = find_folder(name)
    if folder is None:
        raise InputError(
            f"{spec!r} must name a folder with model.onnx, as `optimum-cli export onnx` writes it: "
            "optimum-cli export onnx --model NAME FOLDER"
        )
    check_choice("device", device, ("auto", "cpu"))
    path = _model_file(folder, modality)
    if check_choice("kind", kind, KINDS) == "int8":
        path = _integer_file(path)
    session = _open(path)
    place = Choice("cpu", "ONNX Runtime's kernels for processors")
    if modality == "text":
        return _text_encoder(folder, session, spec=spec, path=path, place=place)
    return _image_encoder(folder, session, spec=spec, path=path, place=place)


def _model_file(folder: Path, modality: str) -> Path:
    looked = [home / name for home in (folder, folder / "onnx") for name in FILES[modality]]
    found = next((path for path in looked if path.is_file()), None)
    if found is None:
        names = ", ".join(str(path.relative_to(folder)) for path in looked)
        raise InputError(f"{folder} holds no ONNX model of {modality} values: looked for {names}.")
    return found


def _open(path: Path) -> Any:
    runtime: Any = require("onnxruntime", extra="encoders")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = available_cpus()
    # Threads that wait by spinning would count as work, and take it from other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no public class of their own
        raise InputError(
            f"ONNX Runtime cannot load {path}: {str(error).splitlines()[0]}"
        ) from error


def _integer_file(path: Path) -> Path:
    """Return the model with matrix products in 8 bits, made once beside the one in floats."""
    target = path.with_name(path.name.removesuffix(".onnx") + INTEGER)
    if target.is_file() and target.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        return target
    require("onnx", extra="encoders")
    quantization: Any = require("onnxruntime.quantization", extra="encoders")
    message(f"make {target.name} of {path.name}")
    try:
        with atomic_path(target) as temporary, _quiet():
            quantization.quantize_dynamic(
                str(path),
                str(temporary),
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
            )
    except OSError as error:
        raise InputError(
            f"{target} cannot be written ({error.strerror}): copy the model to a folder of yours."
        ) from error
    return target


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what the quantizer logs on the root logger: advice for other ways of doing it."""
    root = logging.getLogger()
    root.addFilter(_nothing)
    try:
        yield
    finally:
        root.removeFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False


def _text_encoder(
    folder: Path, session: Any, *, spec: str, path: Path, place: Choice
) -> FunctionEncoder:
    library: Any = require("tokenizers", extra="encoders")
    stored = folder / "tokenizer.json"
    if not stored.is_file():
        raise InputError(f"{folder} has no tokenizer.json: save the model's fast tokenizer there.")
    cuts = Cuts(_longest(folder))
    tokenizer = library.Tokenizer.from_file(str(stored))
    tokenizer.no_padding()
    tokenizer.enable_truncation(cuts.longest)
    names = _inputs(session, ("input_ids", "attention_mask", "token_type_ids"))
    pool = _pooling(folder, session)

    def encode(texts: list[str]) -> np.ndarray:
        plain = [text.encode("utf-8", "replace").decode() for text in texts]
        found = tokenizer.encode_batch(plain)
        cuts.count += sum(bool(each.overflowing) for each in found)

        def run(positions: np.ndarray) -> np.ndarray:
            ids = [found[place].ids for place in positions.tolist()]
            return pool(session, names, _padded(ids))

        return encode_by_length([len(each.ids) for each in found], run)

    return wrap(
        encode,
        spec=spec,
        modality="text",
        library="onnxruntime",
        identity=(_hash(path), _hash(stored), cuts.longest, pool.__name__),
        device=place,
        cuts=cuts,
    )


def _padded(ids: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids, 0 behind the end, and the mask of those that are meant; int64 (n, t)."""
    counts = np.array([len(each) for each in ids])
    mask = np.arange(max(1, counts.max())) < counts[:, None]
    padded = np.zeros(mask.shape, np.int64)
    padded[mask] = np.concatenate([np.asarray(each, np.int64) for each in ids])
    return padded, mask.astype(np.int64)


def _inputs(session: Any, known: tuple[str, ...]) -> list[str]:
    names = [each.name for each in session.get_inputs()]
    other = sorted(set(names) - set(known))
    if other:
        raise InputError(
            f"The ONNX model asks for {', '.join(other)}; an encoder is fed {', '.join(known)}. "
            "Export the model for feature extraction."
        )
    return names


Pool = Callable[[Any, list[str], tuple[np.ndarray, np.ndarray]], np.ndarray]


def _pooling(folder: Path, session: Any) -> Pool:
    """Return how tokens become one vector: by the model itself, its first token, or their mean."""
    outputs = [each.name for each in session.get_outputs()]
    whole = next((name for name in POOLED[:3] if name in outputs), None)
    tokens = next((name for name in UNPOOLED if name in outputs), outputs[0])
    told = _json(folder / "1_Pooling" / "config.json")
    first = bool(told.get("pooling_mode_cls_token"))

    def fed(names: list[str], padded: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
        given = {"input_ids": padded[0], "attention_mask": padded[1]}
        given["token_type_ids"] = np.zeros_like(padded[0])
        return {name: given[name] for name in names}

    def by_model(session: Any, names: list[str], padded: Any) -> np.ndarray:
        return np.asarray(session.run([whole], fed(names, padded))[0], np.float32)

    def first_token(session: Any, names: list[str], padded: Any) -> np.ndarray:
        return np.asarray(session.run([tokens], fed(names, padded))[0][:, 0], np.float32)

    def mean_of_tokens(session: Any, names: list[str], padded: Any) -> np.ndarray:
        hidden = np.asarray(session.run([tokens], fed(names, padded))[0], np.float32)
        if hidden.ndim == 2:
            return hidden
        weights = padded[1][..., None].astype(np.float32)
        pooled: np.ndarray = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
        return pooled

    return by_model if whole is not None else first_token if first else mean_of_tokens


def _longest(folder: Path) -> int:
    """Return the most tokens that model and tokenizer both take, `LONGEST` at most."""
    model = _json(folder / "config.json")
    told = [
        _json(folder / "tokenizer_config.json").get("model_max_length"),
        _json(folder / "sentence_bert_config.json").get("max_seq_length"),
        model.get("text_config", model).get("max_position_embeddings"),
    ]
    return int(min([LONGEST, *(int(each) for each in told if each)]))


def _image_encoder(
    folder: Path, session: Any, *, spec: str, path: Path, place: Choice
) -> FunctionEncoder:
    told = _json(folder / "preprocessor_config.json")
    size = _side(told)
    mean, std = (tuple(told.get(name, [0.5] * 3)) for name in ("image_mean", "image_std"))
    (name,) = _inputs(session, ("pixel_values",))
    outputs = [each.name for each in session.get_outputs()]
    output = next((each for each in (*POOLED, *UNPOOLED) if each in outputs), outputs[0])

    def encode(images: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(images), IMAGES):
            pixels = normal_pixels(images[start : start + IMAGES], size=size, mean=mean, std=std)
            found = np.asarray(session.run([output], {name: pixels})[0], np.float32)
            parts.append(found[:, 0] if found.ndim == 3 else found.reshape(len(found), -1))
        return np.concatenate(parts)

    return wrap(
        encode,
        spec=spec,
        modality="image",
        library="onnxruntime",
        identity=(_hash(path), size, mean, std, output),
        device=place,
        image_size=size,
    )


def _side(told: dict[str, Any]) -> int:
    for name in ("crop_size", "size"):
        size = told.get(name)
        if isinstance(size, int):
            return size
        for key in ("height", "shortest_edge"):
            if isinstance(size, dict) and size.get(key):
                return int(size[key])
    return IMAGE_SIZE


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}).") from error
    return found if isinstance(found, dict) else {}


def _hash(path: Path) -> str:
    """Return the hash of a file, and of the weights that ONNX keeps beside it."""
    digest = hashlib.sha256()
    beside = sorted(path.parent.glob(f"{path.name}_data*")) + sorted(
        path.parent.glob(f"{path.name}.data")
    )
    for each in (path, *beside):
        with open(each, "rb") as file:
            while chunk := file.read(2**22):
                digest.update(chunk)
    return digest.hexdigest()
