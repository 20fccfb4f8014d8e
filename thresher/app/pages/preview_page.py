"""The page of ``thresher augment preview``: what each policy does to rows of the user's own."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from augment import Augmenter, Policy, preview

from ...core.files import write_text
from ..augmentation import LabelledImages
from .templates import template

EXPLAINED = 3


@dataclass(frozen=True)
class PolicyCard:
    """One policy: its image as a data URI, and in words what was done to the first rows."""

    name: str
    operations: str
    image: str
    width: int
    done: list[tuple[str, str]]


def policy_card(
    policy: Policy, images: LabelledImages, *, views: int, seed: int, zoom: int | None = None
) -> PolicyCard:
    """Draw a policy's grid, originals first, and say what epoch 0 did to the first rows."""
    ids = images.row_ids.tolist()
    grid = preview(
        images.pixels,
        policies=policy,
        row_ids=ids,
        views=views,
        zoom=zoom,
        caption=False,
        random_state=seed,
    )
    augmenter = Augmenter(policy, random_state=seed)
    side = images.pixels.shape[1]
    done = [
        (row, describe(augmenter.explain(row, 0, size=(side, side)))) for row in ids[:EXPLAINED]
    ]
    return PolicyCard(
        policy.name,
        ", ".join(dict.fromkeys(step.op for step in policy.steps)) or "nothing",
        f"data:image/png;base64,{base64.b64encode(grid.to_png()).decode()}",
        grid.pixels.shape[1],
        done,
    )


def describe(entries: list[dict[str, object]]) -> str:
    """Put what `Augmenter.explain` says into one line."""
    words = []
    for entry in entries:
        numbers = ", ".join(
            f"{name} {value:.3g}"
            for name, value in entry.items()
            if isinstance(value, (int, float)) and name not in ("applied", "noise")
        )
        words.append(f"{entry['op']}{f' ({numbers})' if numbers else ''}")
    return " → ".join(words) or "nothing"


def write_preview_page(
    path: Path,
    policies: Sequence[Policy],
    images: LabelledImages,
    *,
    views: int,
    seed: int,
    origin: str,
) -> None:
    """Write one file, without network or script, with a grid for each policy."""
    cards = [policy_card(policy, images, views=views, seed=seed) for policy in policies]
    rows = list(zip(images.row_ids.tolist(), images.labels.tolist(), strict=True))
    page = template("preview.html.j2").render(
        cards=cards, rows=rows, origin=origin, views=views, seed=seed
    )
    write_text(path, page)
