"""Rows as a person sees them: small images or short texts, with what was found about them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ...core.columns import class_names, read_row_ids, read_splits, take_rows
from ...core.images import UnreadableImage, decode_image
from ...core.issues import Issue, Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ...core.text_arrays import in_texts
from ..places import Places

# Large enough to judge by; a page of some 140 images stays below 2 MB at this many bytes each.
THUMBNAIL, MOST_BYTES, QUALITIES = 160, 8_000, (80, 60, 40, 20, 10)
SMALL = 80
TEXT_LENGTH = 160


@dataclass(frozen=True)
class Card:
    """One row: its name with file and line, an image as a data URI or a text, and its label.

    ``link`` opens the image, or the file that holds the row.
    """

    row_id: str
    name: str
    split: str
    label: str
    image: str = ""
    text: str = ""
    link: str = ""


@dataclass(frozen=True)
class Finding:
    """One issue with the rows that it is about, and the decision."""

    issue: Issue
    row: Card
    twin: Card | None
    action: str


def findings(
    loaded: LoadedDataset,
    issues: Issues,
    manifest: Manifest | None,
    *,
    check: str,
    places: Places,
    limit: int = 8,
) -> list[Finding]:
    """Return up to `limit` issues of a check: the worst, and a spread over the others."""
    of_check = issues.of(check)
    chosen = list(Issues(of_check.table.take(_spread(len(of_check), limit))))
    wanted = [issue.row_id for issue in chosen] + [issue.twin for issue in chosen if issue.twin]
    cards = _cards(loaded, wanted, places)
    actions = {} if manifest is None else _actions(manifest, wanted)
    return [
        Finding(
            issue,
            cards[issue.row_id],
            cards.get(issue.twin) if issue.twin else None,
            actions.get(issue.row_id, ""),
        )
        for issue in chosen
        if issue.row_id in cards
    ]


def _spread(found: int, limit: int) -> np.ndarray:
    """Return positions of the worst, and of a spread over the others that ends with the mildest."""
    if found <= limit:
        return np.arange(found)
    worst = limit // 2
    rest = np.linspace(worst, found - 1, limit - worst).astype(int)
    return np.concatenate([np.arange(worst), rest])


def _actions(manifest: Manifest, wanted: Sequence[str]) -> dict[str, str]:
    ids = manifest.table["row_id"].to_numpy()
    positions = np.flatnonzero(in_texts(ids, wanted))
    rows = manifest.table.take(positions)
    return dict(zip(rows["row_id"].to_pylist(), rows["action"].to_pylist(), strict=True))


def _cards(loaded: LoadedDataset, wanted: Sequence[str], places: Places) -> dict[str, Card]:
    ids = read_row_ids(loaded.dataset)
    positions = np.flatnonzero(in_texts(ids, wanted))
    rows = take_rows(loaded.dataset, positions)
    schema = loaded.schema
    labels = class_names(rows, schema.label).to_pylist() if schema.label else [""] * len(rows)
    splits = read_splits(rows)
    cards = {}
    for index, record in enumerate(rows.with_format("arrow").data.table.to_pylist()):
        values = [record[name] for name in schema.inputs]
        card = Card(
            row_id=record["row_id"],
            name=places.called(record["row_id"]) or record["row_id"],
            link=_link(places.of(record["row_id"]).path),
            split=str(splits[index]),
            label="no label" if labels[index] is None else str(labels[index]),
            image=thumbnail(values[0]) if schema.modality == "image" else "",
            text="" if schema.modality == "image" else _text(values, schema.inputs),
        )
        cards[card.row_id] = card
    return cards


def _link(path: str | None) -> str:
    return Path(path).as_uri() if path and Path(path).is_absolute() else ""


def _text(values: Sequence[object], names: Sequence[str]) -> str:
    if len(values) == 1:
        text = str(values[0])
    else:
        pairs = zip(names, values, strict=True)
        text = ", ".join(
            f"{name} {value:.4g}" for name, value in pairs if isinstance(value, (int, float))
        )
    return text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"


def thumbnail(value: dict[str, bytes] | bytes) -> str:
    """Return a small image as a data URI; what cannot be decoded gives an empty text."""
    data = value if isinstance(value, bytes) else value.get("bytes")
    try:
        pixels = decode_image(data or b"")
    except UnreadableImage:
        return ""
    scale = THUMBNAIL / max(pixels.shape[:2])
    if scale < 1:
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if max(pixels.shape[:2]) <= SMALL:  # the page enlarges it, so that each pixel is seen as it is
        encoded = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
        if len(encoded) <= MOST_BYTES:
            return f"data:image/png;base64,{base64.b64encode(encoded).decode()}"
    for quality in QUALITIES:
        encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[
            1
        ].tobytes()
        if len(encoded) <= MOST_BYTES:
            break
    return f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"
