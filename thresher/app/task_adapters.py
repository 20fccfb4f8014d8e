"""``thresher adapters``: many tasks from one base, kept in a folder.

The base is a file or a folder of weights, as Hugging Face writes them; no network is made, and
PyTorch is not needed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lifecycle import (
    AdapterStore,
    adapter_from_peft,
    adapter_to_peft,
    base_of_files,
    merge_files,
)

from ..core.errors import InputError
from ..core.signatures import checked

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class StoredAdapter:
    """An adapter of a store.

    Attributes
    ----------
    name : str
    rank : int
        Largest of its updates; 0 for one that replaces layers alone.
    updated, replaced : list of str
        Layers.
    size_bytes : int
    share : float
        Of the base's bytes.
    fault : str
        Why it cannot be used; empty for one that can.
    """

    name: str
    rank: int
    updated: list[str]
    replaced: list[str]
    size_bytes: int
    share: float
    fault: str = ""


@checked
def adapters_add(
    store: PathLike,
    source: PathLike,
    *,
    base: PathLike,
    name: str | None = None,
    replace: bool = False,
    max_share: float = 0.1,
) -> StoredAdapter:
    """Add an adapter that ``peft`` has trained to a store.

    Parameters
    ----------
    store : path
        Folder of the store; made for the base by the first one.
    source : path
        Folder that ``save_pretrained`` of peft wrote.
    base : path
        Weights that it was trained on: a ``safetensors`` file or a folder of them.
    name : str, optional
        That of the source folder by default.
    replace : bool
        Put it in the place of one of that name.
    max_share : float
        An adapter larger than this share of its base is refused.

    Examples
    --------
    >>> from thresher.app import adapters_add
    >>> try:
    ...     adapters_add("tasks", "trained/letters", base="no-such-base.safetensors")
    ... except ValueError as error:
    ...     print(error)
    no-such-base.safetensors cannot be read (No such file or directory).
    """
    known = base_of_files(base)
    kept = AdapterStore(store, base=known, max_share=max_share)
    called = Path(source).resolve().name if name is None else name
    kept.add(called, adapter_from_peft(source, base=known), replace=replace)
    return _described(kept, called)


@checked
def adapters_list(store: PathLike) -> list[StoredAdapter]:
    """Describe the adapters of a store; one that cannot be used does not hide the others.

    Examples
    --------
    >>> from thresher.app import adapters_list
    >>> try:
    ...     adapters_list("no-such-store")
    ... except ValueError as error:
    ...     print(error)
    no-such-store is no adapter store; the first `add` makes one.
    """
    # Nothing is asked twice, and a store may be larger than memory.
    kept = AdapterStore.open(store, cache_bytes=0)
    return [_described(kept, name) for name in kept.names()]


@checked
def adapters_merge(store: PathLike, name: str, *, base: PathLike, out: PathLike) -> Path:
    """Write the base with an adapter in its weights: a model of its own.

    Parameters
    ----------
    store : path
    name : str
    base : path
        Weights that the store is of. What else lies in a folder is copied.
    out : path
        A file or a folder like the base; must not be there.

    Examples
    --------
    >>> from thresher.app import adapters_merge
    >>> try:
    ...     adapters_merge("no-such-store", "letters", base="base", out="letters")
    ... except ValueError as error:
    ...     print(error)
    no-such-store is no adapter store; the first `add` makes one.
    """
    merge_files(base, AdapterStore.open(store).get(name), out=out)
    return Path(out)


@checked
def adapters_export(store: PathLike, name: str, *, out: PathLike) -> Path:
    """Write an adapter as ``peft`` reads it, for servers and libraries that take its folders.

    Parameters
    ----------
    store : path
    name : str
    out : path
        Folder; must not be there.

    Examples
    --------
    >>> from thresher.app import adapters_export
    >>> try:
    ...     adapters_export("no-such-store", "letters", out="letters")
    ... except ValueError as error:
    ...     print(error)
    no-such-store is no adapter store; the first `add` makes one.
    """
    adapter_to_peft(AdapterStore.open(store).get(name), out)
    return Path(out)


def _described(store: AdapterStore, name: str) -> StoredAdapter:
    try:
        found = store.get(name)
    except InputError as error:
        return StoredAdapter(name, 0, [], [], 0, 0.0, fault=str(error))
    return StoredAdapter(
        name,
        found.rank,
        sorted(found.low_rank),
        sorted(found.whole),
        found.size_bytes,
        found.size_bytes / store.base.size_bytes,
    )
