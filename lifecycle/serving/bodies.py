"""From the body of a request to rows; a row that cannot be one is named, the others go on.

Numbers are taken as they are: nothing is scaled, cut or converted to a type that holds less.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from thresher.core.counted import counted
from thresher.core.exported.session import InputSpec

from .refusal import Refusal

JSON, RAW, NPY = "application/json", "application/octet-stream", "application/x-npy"
TEXT = "text/plain"
ARRAY_ROWS, TEXT_ROWS, IMAGE_ROWS = "array", "text", "image"
_SHOWN = 80


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one request.

    Attributes
    ----------
    kind : str
        ``"array"``: input of the model; ``"text"`` and ``"image"``: to be prepared.
    content : ndarray or list of bytes
        Of the rows that can be used: (n, *shape) of the model's dtype, or UTF-8, or image files.
    count : int
        Rows that were sent.
    errors : dict of int to str
        Why a row cannot be used, by its place in the request.
    """

    kind: str
    content: np.ndarray | list[bytes]
    count: int
    errors: dict[int, str] = field(default_factory=dict)

    @property
    def places(self) -> np.ndarray:
        """Where the usable rows stood, int (n,)."""
        if not self.errors:
            return np.arange(self.count)
        return np.array([at for at in range(self.count) if at not in self.errors], dtype=np.int64)


def read_body(
    body: bytes,
    headers: Mapping[bytes, bytes],
    *,
    spec: InputSpec,
    preprocessing: Mapping[str, Any],
    most_rows: int,
) -> Rows:
    """Read rows from a body by the header ``content-type``.

    Raises
    ------
    Refusal
        400 for what cannot be read, 413 for too many rows, 415 for an unknown type.
    """
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
    if kind == RAW:
        rows = _finite(_raw(body, headers, spec))
    elif kind == NPY:
        rows = _finite(_npy(body, spec))
    elif kind in ("", JSON):
        rows = _json(body, spec, preprocessing, most_rows)
    elif kind == TEXT and preprocessing.get("kind") == "text":
        rows = Rows(TEXT_ROWS, [_utf8(body)], 1)
    elif kind.startswith("image/") and preprocessing.get("kind") == "image":
        rows = Rows(IMAGE_ROWS, [body], 1)
    else:
        raise Refusal(
            415, f"Content-Type {kind[:_SHOWN]!r} is not taken here: {_taken(preprocessing)}."
        )
    if rows.kind == ARRAY_ROWS and preprocessing.get("kind") == "text":
        rows = _known_tokens(rows, preprocessing)
    if rows.count > most_rows:
        raise Refusal(
            413, f"{counted(rows.count, 'row')} in one request; at most {most_rows:,} are taken."
        )
    if not rows.count:
        raise Refusal(400, "The request holds no rows.")
    return rows


def _taken(preprocessing: Mapping[str, Any]) -> str:
    more = {"text": [TEXT], "image": ["image/png", "image/jpeg"]}
    return ", ".join([JSON, RAW, NPY, *more.get(str(preprocessing.get("kind")), [])])


def _raw(body: bytes, headers: Mapping[bytes, bytes], spec: InputSpec) -> np.ndarray:
    if b"x-dtype" in headers:
        given = headers[b"x-dtype"].decode("latin-1").strip()
        if given != spec.dtype:
            raise Refusal(400, f"X-Dtype is {given[:_SHOWN]!r}; the model takes {spec.dtype!r}.")
    dtype = np.dtype(spec.dtype)
    size = math.prod(spec.shape) * dtype.itemsize
    n, rest = divmod(len(body), size)
    if rest:
        raise Refusal(
            400,
            f"The body has {counted(len(body), 'byte')}, which are no whole rows of "
            f"{counted(size, 'byte')} ({spec.dtype}, shape {_listed(spec.shape)}).",
        )
    if b"x-shape" in headers:
        _check_shape(headers[b"x-shape"].decode("latin-1"), (n, *spec.shape))
    rows = np.frombuffer(body, dtype=dtype).reshape(n, *spec.shape)
    return rows if sys.byteorder == "little" else rows.byteswap()


def _check_shape(given: str, found: tuple[int, ...]) -> None:
    try:
        shape = tuple(int(part) for part in given.strip(" ()[]").split(",") if part.strip())
    except ValueError:
        shape = ()
    if shape != found:
        raise Refusal(400, f"X-Shape is {given[:_SHOWN]!r}; the body holds rows {_listed(found)}.")


def _npy(body: bytes, spec: InputSpec) -> np.ndarray:
    """Read a ``.npy`` file without ever making what its header claims."""
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        read = read if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except (ValueError, SyntaxError, TypeError, KeyError) as error:
        raise Refusal(400, f"The body is no .npy file: {str(error)[:_SHOWN]}.") from error
    if dtype != np.dtype(spec.dtype) or shape[1:] != spec.shape or len(shape) < 1:
        raise Refusal(
            400,
            f"The array is {dtype} of shape {_listed(shape)}; the model takes {spec.dtype} of "
            f"shape (n, {_listed(spec.shape, bare=True)}).",
        )
    content = body[stream.tell() :]
    if len(content) != int(np.prod(shape)) * dtype.itemsize:
        raise Refusal(
            400, f"The .npy file is cut: it holds {counted(len(content), 'byte')} of its array."
        )
    rows = np.frombuffer(content, dtype=dtype)
    return rows.reshape(shape, order="F" if fortran else "C")


def _json(body: bytes, spec: InputSpec, preprocessing: Mapping[str, Any], most_rows: int) -> Rows:
    try:
        sent = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise Refusal(400, "The JSON is nested too deeply.") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are of this kind
        raise Refusal(400, f"The body is not valid JSON: {str(error)[:_SHOWN]}.") from error
    rows = sent.get("rows") if isinstance(sent, dict) else None
    if not isinstance(rows, list):
        raise Refusal(400, 'The JSON must be an object with a list "rows", one entry for each row.')
    if len(rows) > most_rows:
        raise Refusal(
            413, f"{counted(len(rows), 'row')} in one request; at most {most_rows:,} are taken."
        )
    if rows and isinstance(rows[0], str):
        return _texts(rows, str(preprocessing.get("kind")))
    whole = None if rows and isinstance(rows[0], dict) else _as_array(rows, spec)
    if whole is not None:
        return _finite(whole)
    columns = preprocessing.get("columns")
    return _one_by_one(rows, spec, columns if isinstance(columns, list) else None)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _texts(rows: list[Any], kind: str) -> Rows:
    readers: dict[str, tuple[str, Callable[[str], bytes]]] = {
        "text": (TEXT_ROWS, lambda text: text.encode("utf-8")),
        "image": (IMAGE_ROWS, lambda text: base64.b64decode(text, validate=True)),
    }
    if kind not in readers:
        raise Refusal(400, "The rows are texts; this model takes lists of numbers.")
    name, read = readers[kind]
    content: list[bytes] = []
    errors: dict[int, str] = {}
    for place, row in enumerate(rows):
        try:
            content.append(read(row))
        except UnicodeEncodeError:
            errors[place] = "holds half of a surrogate pair, which is no character"
        except (binascii.Error, ValueError):
            errors[place] = "is not base64 of an image file"
        except (TypeError, AttributeError):
            what = "a text" if kind == "text" else "an image file in base64"
            errors[place] = f"must be {what}, got {_shown(row)}"
    return Rows(name, content, len(rows), errors)


def _as_array(rows: Sequence[Any], spec: InputSpec) -> np.ndarray | None:
    """Return the rows at once, or None where they must be looked at one by one."""
    try:
        values = np.array(rows)
    except (ValueError, OverflowError):
        return None
    if values.shape[1:] != spec.shape or values.dtype.kind not in "iuf":
        return None
    return _converted(values, np.dtype(spec.dtype))


def _converted(values: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if values.dtype.kind == "f" or not values.size:
            return None if values.size else values.astype(dtype)
        inside = values.min() >= limits.min and values.max() <= limits.max
        return values.astype(dtype) if inside else None
    with np.errstate(over="ignore"):  # a number beyond float32 is named as not finite
        return values.astype(dtype)


def _one_by_one(rows: Sequence[Any], spec: InputSpec, columns: list[str] | None) -> Rows:
    content, errors = [], {}
    for place, row in enumerate(rows):
        try:
            content.append(_one(row, spec, columns))
        except Refusal as error:
            errors[place] = str(error)
    whole = np.stack(content) if content else np.zeros((0, *spec.shape), dtype=spec.dtype)
    return _finite(whole, Rows(ARRAY_ROWS, whole, len(rows), errors))


def _one(row: Any, spec: InputSpec, columns: list[str] | None) -> np.ndarray:
    if isinstance(row, dict):
        row = _ordered(row, columns)
    try:
        values = np.array([row])
    except (ValueError, OverflowError) as error:
        raise Refusal(400, f"is ragged or out of range ({str(error)[:_SHOWN]})") from error
    if values.dtype.kind not in "iuf":
        raise Refusal(400, f"holds something that is no number: {_shown(row)}")
    if values.shape[1:] != spec.shape:
        raise Refusal(400, f"has shape {_listed(values.shape[1:])}, not {_listed(spec.shape)}")
    converted = _converted(values, np.dtype(spec.dtype))
    if converted is None:
        limits = np.iinfo(spec.dtype)
        raise Refusal(400, f"holds other than whole numbers from {limits.min} to {limits.max}")
    first: np.ndarray = converted[0]
    return first


def _ordered(row: dict[str, Any], columns: list[str] | None) -> list[Any]:
    if columns is None:
        raise Refusal(400, "names its columns, but the model does not say which it takes")
    missing = [name for name in columns if row.get(name) is None]
    if missing:
        raise Refusal(400, f"has no value in {', '.join(map(repr, missing[:5]))}")
    values: list[Any] = []
    for name in columns:  # a column of lists stands for as many numbers, as in training
        values += row[name] if isinstance(row[name], list) else [row[name]]
    return values


def _finite(content: np.ndarray, rows: Rows | None = None) -> Rows:
    """Set aside rows with NaN or infinite numbers."""
    rows = rows or Rows(ARRAY_ROWS, content, len(content))
    if content.dtype.kind != "f" or np.isfinite(content).all():
        return Rows(ARRAY_ROWS, np.ascontiguousarray(content), rows.count, rows.errors)
    good = np.isfinite(content).reshape(len(content), -1).all(axis=1)
    said = dict.fromkeys(rows.places[~good].tolist(), "holds NaN or an infinite number")
    return Rows(ARRAY_ROWS, np.ascontiguousarray(content[good]), rows.count, rows.errors | said)


def _known_tokens(rows: Rows, preprocessing: Mapping[str, Any]) -> Rows:
    """Set aside rows with ids that the tokenizer never gives: the model would answer nonsense."""
    tokenizer = preprocessing.get("tokenizer")
    known = tokenizer.get("vocabulary") if isinstance(tokenizer, dict) else None
    ids = rows.content
    if not isinstance(known, int) or not isinstance(ids, np.ndarray) or not ids.size:
        return rows
    if ids.min() >= 0 and ids.max() < known:
        return rows
    good = ((ids >= 0) & (ids < known)).reshape(len(ids), -1).all(axis=1)
    said = dict.fromkeys(
        rows.places[~good].tolist(), f"holds token ids other than 0 to {known - 1}"
    )
    return Rows(ARRAY_ROWS, np.ascontiguousarray(ids[good]), rows.count, rows.errors | said)


def _utf8(body: bytes) -> bytes:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(400, f"The text is not UTF-8 (byte {error.start}).") from error
    return body


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]


def _listed(shape: Sequence[int], *, bare: bool = False) -> str:
    inside = ", ".join(map(str, shape))
    return inside if bare else f"({inside})"
