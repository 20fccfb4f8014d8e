"""A base as files of weights, without the code of its network: its digest, an adapter merged in.

A base is a ``safetensors`` file or a folder of them, as Hugging Face and ``safetensors.torch``
write them. The weights of layer `x` are those named ``x.weight`` and ``x.bias``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from thresher.core.errors import InputError, did_you_mean
from thresher.core.files import atomic_path

from .adapter import Adapter, Base
from .tensor_file import KINDS, StoredTensor, open_tensors, write_tensors

_SUFFIX = ".safetensors"
_FLOATS = ("F64", "F32", "F16", "BF16")
_BLOCK = 1 << 24  # bytes hashed at once


def base_of_files(path: str | os.PathLike[str]) -> Base:
    """Hash the weights in a file, or in all files of a folder.

    The result is that of `Base.of` for a network whose ``state_dict`` they are.

    Raises
    ------
    InputError
        For a file that is missing or damaged, a folder without any, or a name in two files.

    Examples
    --------
    >>> from lifecycle import base_of_files
    >>> try:
    ...     base_of_files("no-such-file.safetensors")
    ... except ValueError as error:
    ...     print(error)
    no-such-file.safetensors cannot be read (No such file or directory).
    """
    tensors = {name: tensor for own in _read(Path(path)).values() for name, tensor in own.items()}
    total, size = hashlib.blake2b(digest_size=16), 0
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name}\0{KINDS[tensor.kind][1]}\0{tensor.shape}\0".encode())
        for start in range(0, len(tensor.data), _BLOCK):
            total.update(tensor.data[start : start + _BLOCK].data)
        size += len(tensor.data)
    return Base(total.hexdigest(), size)


def merge_files(
    path: str | os.PathLike[str], adapter: Adapter, *, out: str | os.PathLike[str]
) -> None:
    """Write a base with an adapter in its weights, in the numbers of the base.

    Parameters
    ----------
    path : path
        A file, or a folder: what else is in it is copied, so that the result loads like the base.
    adapter : Adapter
    out : path
        A file or a folder, likewise; must not be there.

    Raises
    ------
    InputError
        When the adapter is for another base or changes a layer that is not there or does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Adapter, merge_files
    >>> adapter = Adapter("base-1", {"layer": (np.ones((2, 8)), np.ones((4, 2)))})
    >>> try:
    ...     merge_files("no-such-file.safetensors", adapter, out="merged.safetensors")
    ... except ValueError as error:
    ...     print(error)
    no-such-file.safetensors cannot be read (No such file or directory).
    """
    source, target = Path(path), Path(out)
    if target.exists():
        raise InputError(f"{target} is there already; give another name.")
    if (found := base_of_files(source)).digest != adapter.base:
        raise InputError(
            f"The adapter was made for the base {adapter.base}, {source} is {found.digest}. Give "
            "the weights that it was trained on."
        )
    files = _read(source)
    everything = {name: tensor for own in files.values() for name, tensor in own.items()}
    changed = _changed(everything, adapter, source)
    with atomic_path(target) as temporary:
        if source.is_dir():
            shutil.copytree(source, temporary, ignore=shutil.ignore_patterns(f"*{_SUFFIX}"))
        for file, own in files.items():
            merged = {name: changed.get(name, tensor) for name, tensor in own.items()}
            place = temporary / file.name if source.is_dir() else temporary
            write_tensors(place, merged, metadata=open_tensors(file)[1])


def _read(path: Path) -> dict[Path, dict[str, StoredTensor]]:
    """Return the tensors of each file; a name is in one of them alone."""
    files = sorted(path.glob(f"*{_SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} has no file *{_SUFFIX}; give the folder of a base's weights.")
    found: dict[Path, dict[str, StoredTensor]] = {}
    homes: dict[str, Path] = {}
    for file in files:
        found[file], _ = open_tensors(file)
        for name in found[file]:
            if name in homes:
                raise InputError(f"{name!r} is in {homes[name]} and in {file}; give one base.")
            homes[name] = file
    return found


def _changed(
    tensors: Mapping[str, StoredTensor], adapter: Adapter, source: Path
) -> dict[str, StoredTensor]:
    """Return the tensors that the adapter changes, in the kind of the base's numbers."""
    for layer in [*adapter.low_rank, *adapter.whole]:
        if f"{layer}.weight" not in tensors:
            names = [name.removesuffix(".weight") for name in tensors]
            raise InputError(
                f"{source} has no weights of the layer {layer!r}.{did_you_mean(layer, names)}"
            )
    found = {}
    for layer, (down, up) in adapter.low_rank.items():
        old = tensors[f"{layer}.weight"]
        _check(layer, old, (len(up), down.shape[1]))
        found[f"{layer}.weight"] = StoredTensor.of(old.floats() + up @ down, kind=old.kind)
    for layer, (weight, bias) in adapter.whole.items():
        old = tensors[f"{layer}.weight"]
        _check(layer, old, (*old.shape[:1], weight.shape[1]))
        found[f"{layer}.weight"] = StoredTensor.of(weight, kind=old.kind)
        if f"{layer}.bias" in tensors:
            found[f"{layer}.bias"] = StoredTensor.of(bias, kind=old.kind)
        elif bias.any():
            raise InputError(
                f"The adapter has a bias for the layer {layer!r}, the base has none there; use "
                "`merge_adapter` on its network."
            )
    return found


def _check(layer: str, tensor: StoredTensor, wanted: tuple[int, ...]) -> None:
    if tensor.shape != wanted or tensor.kind not in _FLOATS:
        raise InputError(
            f"The adapter changes layer {layer!r} of shape {wanted}; the base has numbers of kind "
            f"{tensor.kind} and shape {tensor.shape} there."
        )
