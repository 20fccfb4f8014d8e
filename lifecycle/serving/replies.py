"""From answers to the bytes of a reply."""

from __future__ import annotations

import io
import json
from urllib.parse import parse_qs

import numpy as np

from thresher.core.numerics.softmax import softmax

from .answering import Answers
from .bodies import JSON, NPY, RAW
from .refusal import Refusal
from .served_model import ServedModel

Reply = tuple[int, list[tuple[bytes, bytes]], bytes]
_DIGITS = 6
_UNANSWERED = 422
_encode = json.JSONEncoder(separators=(",", ":")).encode  # made once: half the time


def accepted_reply(answers: Answers, model: ServedModel, *, accept: bytes, every: bool) -> Reply:
    """Return status, headers and body; 422 when no row of the request could be answered.

    JSON by default, with the label and its probability for each row (those of all classes with
    `every`); logits, float32 (n, classes), where ``accept`` names raw bytes or
    ``.npy``. Rows with an error have null, or NaN.
    """
    status = _UNANSWERED if len(answers.errors) == len(answers.logits) else 200
    kind = accept.decode("latin-1").split(";")[0].strip()
    if kind in (RAW, NPY):
        body = _binary(answers, as_file=kind == NPY)
    else:
        kind, body = JSON, _json(answers, model, every=every)
    head = _head(kind, body)
    head.append((b"x-model", model.digest.encode()))
    if answers.errors:
        listed = ",".join(map(str, sorted(answers.errors)[:100]))
        head.append((b"x-row-errors", listed.encode()))
    return status, head, body


def refusal_reply(error: Refusal) -> Reply:
    """Return what a request gets that is not answered."""
    body = json.dumps({"error": str(error)}).encode()
    head = _head(JSON, body)
    if error.retry_after is not None:
        head.append((b"retry-after", str(error.retry_after).encode()))
    return error.status, head, body


def _head(kind: str, body: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]


def wants_all(query: bytes) -> bool:
    """Whether the address asks for all probabilities.

    Raises
    ------
    Refusal
        400 when it asks for other ones, which would do nothing.
    """
    if not query:
        return False
    shown = query.decode("latin-1")
    asked = parse_qs(shown, keep_blank_values=True).get("probabilities")
    if asked not in (None, ["all"]):
        raise Refusal(400, f"Only ?probabilities=all is known, got ?{shown[:80]}.")
    return asked is not None


def _json(answers: Answers, model: ServedModel, *, every: bool) -> bytes:
    logits = answers.logits.astype(np.float64)
    labels: list[str | None] = [model.classes[code] for code in logits.argmax(axis=1).tolist()]
    shown: list[object] = (softmax(logits) if every else _top(logits)).round(_DIGITS).tolist()
    for place in answers.errors:
        labels[place] = shown[place] = None
    reply: dict[str, object] = {"model": model.digest, "labels": labels, "probabilities": shown}
    if len(model.stages) > 1:
        reply["stages"] = answers.stages.tolist()
    if answers.errors:
        reply["errors"] = [
            {"row": place, "error": answers.errors[place]} for place in sorted(answers.errors)
        ]
    return _encode(reply).encode()


def _top(logits: np.ndarray) -> np.ndarray:
    """Return the largest probability of each row: one by the sum of all odds against it."""
    most = logits.max(axis=1, keepdims=True)
    return np.asarray(1 / np.exp(logits - most).sum(axis=1))


def _binary(answers: Answers, *, as_file: bool) -> bytes:
    logits = answers.logits
    if answers.errors:
        logits = logits.copy()
        logits[list(answers.errors)] = np.nan
    if not as_file:
        return logits.astype("<f4", copy=False).tobytes()
    stream = io.BytesIO()
    np.save(stream, logits, allow_pickle=False)
    return stream.getvalue()
