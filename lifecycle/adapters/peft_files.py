"""Adapters as ``peft`` keeps them: a folder with the settings in JSON and the numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.files import atomic_path, read_json, write_json

from .adapter import Adapter, Base
from .tensor_file import read_tensors, write_tensors

_PEFT_PREFIX = "base_model.model."
_PEFT_FILE = "adapter_model.safetensors"
_PEFT_SETTINGS = "adapter_config.json"
# Options of peft that change the result, with the only value that is read here.
_PEFT_PLAIN = {
    "use_dora": False,
    "fan_in_fan_out": False,
    "lora_bias": False,
    "bias": "none",
    "rank_pattern": {},
    "alpha_pattern": {},
    "layer_replication": None,
}


def adapter_from_peft(folder: str | os.PathLike[str], *, base: Base) -> Adapter:
    """Read an adapter that ``peft`` has trained and saved (``save_pretrained``).

    Parameters
    ----------
    folder : path
        With ``adapter_config.json`` and ``adapter_model.safetensors``.
    base : Base
        Of the network that it was trained on; peft's files do not say it.

    Raises
    ------
    InputError
        For a damaged file, another method than LoRA, or an option that is not read here.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Base, adapter_from_peft
    >>> try:
    ...     adapter_from_peft("no-such-folder", base=Base("encoder-1", 1000))
    ... except ValueError as error:
    ...     print(error)
    There is no file no-such-folder/adapter_config.json.
    """
    home = Path(folder)
    scale = _peft_scale(read_json(home / _PEFT_SETTINGS), home)
    arrays, _ = read_tensors(home / _PEFT_FILE)
    names = {name: name.removeprefix(_PEFT_PREFIX) for name in arrays}
    by_name = {short: arrays[name] for name, short in names.items()}
    low_rank, whole = {}, {}
    while by_name:
        name = next(iter(by_name))
        layer, _, kind = name.partition(".lora_")
        if kind in ("A.weight", "B.weight"):
            down = _partner(by_name, f"{layer}.lora_A.weight", home)
            low_rank[layer] = (down, scale * _partner(by_name, f"{layer}.lora_B.weight", home))
        elif not kind and name.endswith((".weight", ".bias")):
            layer = name.rpartition(".")[0]
            weight = _partner(by_name, f"{layer}.weight", home)
            none = np.zeros(len(weight), np.float32)
            whole[layer] = (weight, by_name.pop(f"{layer}.bias", none))
        else:
            raise InputError(
                f"{home / _PEFT_FILE} holds {name!r}, which is not read here; allowed are low-rank "
                "updates of linear layers, and linear layers in `modules_to_save`."
            )
    return Adapter(base.digest, low_rank, whole)


def adapter_to_peft(adapter: Adapter, folder: str | os.PathLike[str]) -> None:
    """Write an adapter as ``peft`` reads it (``PeftModel.from_pretrained``), whole or not at all.

    Updates of a lower rank than the largest are filled up with zeros, which changes no answer.

    Parameters
    ----------
    adapter : Adapter
        With at least one low-rank update: peft has no adapters of a head alone.
    folder : path
        Must not be there.

    Raises
    ------
    InputError
        When the folder is there, or the adapter replaces a layer alone.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Adapter, Base, adapter_from_peft, adapter_to_peft
    >>> adapter = Adapter("base-1", {"layer": (np.ones((2, 8)), np.ones((4, 2)))})
    >>> adapter_to_peft(adapter, "for-peft")
    >>> adapter_from_peft("for-peft", base=Base("base-1", 1000)).rank
    2
    """
    home = Path(folder)
    if home.exists():
        raise InputError(f"{home} is there already; give another folder.")
    if not adapter.low_rank:
        raise InputError(
            "This adapter replaces layers and updates none; peft has no such adapters. Merge it."
        )
    arrays = {}
    for layer, (down, up) in adapter.low_rank.items():
        more = adapter.rank - len(down)
        arrays[f"{_PEFT_PREFIX}{layer}.lora_A.weight"] = np.pad(down, ((0, more), (0, 0)))
        arrays[f"{_PEFT_PREFIX}{layer}.lora_B.weight"] = np.pad(up, ((0, 0), (0, more)))
    for layer, (weight, bias) in adapter.whole.items():
        arrays[f"{_PEFT_PREFIX}{layer}.weight"] = weight
        arrays[f"{_PEFT_PREFIX}{layer}.bias"] = bias
    settings = {
        "peft_type": "LORA",
        "r": adapter.rank,
        "lora_alpha": adapter.rank,
        "target_modules": sorted(adapter.low_rank),
        "modules_to_save": sorted(adapter.whole) or None,
        "inference_mode": True,
        **_PEFT_PLAIN,
    }
    with atomic_path(home) as temporary:
        temporary.mkdir()
        write_tensors(temporary / _PEFT_FILE, arrays, metadata={"format": "pt"})
        write_json(temporary / _PEFT_SETTINGS, settings)


def _peft_scale(settings: Any, home: Path) -> float:
    if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
        got = settings.get("peft_type") if isinstance(settings, dict) else settings
        raise InputError(f"{home} holds no LoRA adapter of peft; its kind is {got!r}.")
    for option, plain in _PEFT_PLAIN.items():
        if (settings.get(option) or plain) != plain:
            raise InputError(
                f"The adapter in {home} was trained with {option} = {settings[option]!r}, which is "
                f"not read here; train it with {plain!r}, or merge it with peft."
            )
    rank, alpha = settings.get("r"), settings.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, (int, float)):
        raise InputError(f"{home / 'adapter_config.json'} has no usable `r` and `lora_alpha`.")
    return float(alpha) / (rank**0.5 if settings.get("use_rslora") else rank)


def _partner(arrays: dict[str, np.ndarray], name: str, home: Path) -> np.ndarray:
    if name not in arrays:
        raise InputError(f"{home / _PEFT_FILE} lacks {name!r}; save the adapter again.")
    return arrays.pop(name)
