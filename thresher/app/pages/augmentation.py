"""What the report shows of augmentation: the chosen policy at work on a few training rows."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ...core.counted import percent
from ...core.errors import InputError
from ...core.files import read_json
from ..augmentation import POLICY, PREVIEW


def augmentation(folder: Path, choices: dict[str, str]) -> dict[str, Any] | None:
    """Return the policy's name, steps and image, or None for a run without augmentation."""
    home = folder / "augment"
    if not (home / POLICY).is_file() or not (home / PREVIEW).is_file():
        return None
    policy = read_json(home / POLICY)["policy"]
    if not policy["nodes"]:
        return None
    image = base64.b64encode((home / PREVIEW).read_bytes()).decode()
    return {
        "name": policy["name"],
        "steps": [_step(node) for node in policy["nodes"]],
        "reason": choices.get("augment: augmentation", ""),
        "image": f"data:image/png;base64,{image}",
    }


def _step(node: dict[str, Any]) -> str:
    if "one_of" in node:
        return f"one of {len(node['one_of'])} choices"
    if "augmix" in node:
        return f"a mixture of {node['width']} chains"
    if "op" not in node:
        raise InputError(f"The policy holds a node without an operation: {node!r:.80}.")
    share = "" if node["p"] == 1 else f" (for {percent(node['p'])} of the rows)"
    return f"{node['op']}{share}"
