"""Adapters of one base on disk, each a file; those used last are kept in memory."""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np

from thresher.core.counted import counted, percent
from thresher.core.errors import InputError, check_count, check_number, did_you_mean
from thresher.core.files import read_json, write_json

from .adapter import Adapter, Base
from .tensor_file import read_tensors, write_tensors

_FORMAT = "thresher.adapter"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_BASE_FILE = "base.json"
_SUFFIX = ".safetensors"
_LOW_RANK, _WHOLE = (".down", ".up"), (".weight", ".bias")


class AdapterStore:
    """A folder of adapters of one base; safe to use from several threads.

    Parameters
    ----------
    folder : path
        Made by the first `add`.
    base : Base
        `Base.of(network)`, or a `Base` with any text that names an encoder exactly.
    cache_bytes : int
        Of adapters kept in memory.
    max_share : float
        An adapter larger than this share of its base is refused.

    Raises
    ------
    InputError
        When the folder belongs to another base.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Adapter, AdapterStore, Base
    >>> store = AdapterStore("heads", base=Base("encoder-1", 90_000_000))
    >>> store.add("spam", Adapter("encoder-1", whole={"head": (np.ones((2, 8)), np.zeros(2))}))
    >>> store.names(), store.get("spam").size_bytes
    (['spam'], 72)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        base: Base,
        cache_bytes: int = 1 << 28,
        max_share: float = 0.1,
    ) -> None:
        self.folder = Path(folder)
        self.base = base
        self.max_share = check_number("max_share", max_share, low=0, high=1, low_open=True)
        self._room = check_count("cache_bytes", cache_bytes, low=0)
        self._kept: OrderedDict[str, tuple[tuple[int, int, int], Adapter]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()
        self._check_base()

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, cache_bytes: int = 1 << 28) -> AdapterStore:
        """Return the store in a folder, of the base that it was made for.

        Raises
        ------
        InputError
            When there is no store.
        """
        file = Path(folder) / _BASE_FILE
        if not file.exists():
            raise InputError(f"{folder} is no adapter store; the first `add` makes one.")
        found = read_json(file)
        try:
            base = Base(str(found["base"]), int(found["base_bytes"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{file} was not written by an adapter store.") from error
        return cls(folder, base=base, cache_bytes=cache_bytes)

    def names(self) -> list[str]:
        """Return the names of all adapters, sorted."""
        return sorted(path.name.removesuffix(_SUFFIX) for path in self.folder.glob(f"*{_SUFFIX}"))

    def add(self, name: str, adapter: Adapter, *, replace: bool = False) -> None:
        """Write an adapter.

        Raises
        ------
        InputError
            When it belongs to another base, is too large, or the name is taken.
        """
        file = self._file(name)
        if adapter.base != self.base.digest:
            raise InputError(_foreign(name, adapter.base, self.base.digest))
        limit = self.max_share * self.base.size_bytes
        if adapter.size_bytes > limit:
            raise InputError(
                f"The adapter {name!r} has {counted(adapter.size_bytes, 'byte')}, "
                f"{percent(adapter.size_bytes / self.base.size_bytes, digits=1)} of its base; at "
                "most "
                f"{percent(self.max_share, digits=1)} are allowed. Train a smaller rank or fewer "
                "layers, or raise `max_share`."
            )
        if file.exists() and not replace:
            raise InputError(
                f"There is an adapter {name!r} already; give another name, or `replace=True` "
                "(--replace)."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_base(write=True)
        metadata = {"format": _FORMAT, "version": "1", "base": adapter.base}
        write_tensors(file, _arrays(adapter), metadata=metadata)

    def get(self, name: str) -> Adapter:
        """Return an adapter, from memory where its file has not changed.

        Raises
        ------
        InputError
            When there is none of that name, or its file is damaged or belongs to another base.
        """
        file = self._file(name)
        try:
            now = file.stat()
        except OSError as error:
            names = self.names()
            raise InputError(
                f"There is no adapter {name!r} in {self.folder} ({counted(len(names), 'other')})."
                f"{did_you_mean(name, names)}"
            ) from error
        state = (now.st_mtime_ns, now.st_size, now.st_ino)
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and kept[0] == state:
                self._kept.move_to_end(name)
                return kept[1]
        adapter = self._read(name, file)
        with self._lock:
            self._forget(name)
            self._kept[name] = (state, adapter)
            self._held += adapter.size_bytes
            while self._held > self._room and self._kept:
                self._forget(next(iter(self._kept)))
        return adapter

    def remove(self, name: str) -> None:
        """Delete an adapter."""
        self.get(name)
        with self._lock:
            self._forget(name)
        self._file(name).unlink()

    @property
    def held_bytes(self) -> int:
        """Of the adapters in memory."""
        return self._held

    def _forget(self, name: str) -> None:
        if name in self._kept:
            self._held -= self._kept.pop(name)[1].size_bytes

    def _file(self, name: str) -> Path:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(
                f"An adapter's name has 1 to 100 letters, digits, '.', '_' or '-', "
                f"got {name!r:.80}."
            )
        return self.folder / f"{name}{_SUFFIX}"

    def _check_base(self, *, write: bool = False) -> None:
        file = self.folder / _BASE_FILE
        if file.exists():
            found = read_json(file)
            if not isinstance(found, dict) or found.get("format") != _FORMAT:
                raise InputError(f"{file} was not written by an adapter store; use another folder.")
            if found.get("base") != self.base.digest:
                raise InputError(
                    f"{self.folder} holds adapters of the base {found.get('base')}, got "
                    f"{self.base.digest}. Give the network that they were trained on, or another "
                    "folder."
                )
        elif write:
            known = {"base": self.base.digest, "base_bytes": self.base.size_bytes}
            write_json(file, {"format": _FORMAT, **known})

    def _read(self, name: str, file: Path) -> Adapter:
        arrays, metadata = read_tensors(file)
        if metadata.get("format") != _FORMAT:
            raise InputError(
                f"{file} is no adapter of this store. Read peft's with `adapter_from_peft`, then "
                "`add` it."
            )
        if metadata.get("base") != self.base.digest:
            raise InputError(_foreign(name, str(metadata.get("base")), self.base.digest))
        return Adapter(
            self.base.digest, _pairs(arrays, _LOW_RANK, file), _pairs(arrays, _WHOLE, file)
        )


def _arrays(adapter: Adapter) -> dict[str, np.ndarray]:
    kinds = ((adapter.low_rank, _LOW_RANK), (adapter.whole, _WHOLE))
    return {
        layer + ending: array
        for layers, endings in kinds
        for layer, pair in layers.items()
        for ending, array in zip(endings, pair, strict=True)
    }


def _pairs(
    arrays: dict[str, np.ndarray], endings: tuple[str, str], file: Path
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    first, second = endings
    layers = [name.removesuffix(first) for name in arrays if name.endswith(first)]
    for layer in layers:
        if layer + second not in arrays:
            raise InputError(f"{file} lacks {layer + second!r}; write it again.")
    return {layer: (arrays[layer + first], arrays[layer + second]) for layer in layers}


def _foreign(name: str, got: str, wanted: str) -> str:
    return (
        f"The adapter {name!r} was made for the base {got}, this store is of {wanted}. Train it on "
        "this base: on another it gives wrong answers without an error."
    )
