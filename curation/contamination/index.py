"""The word sequences of benchmarks, sorted, in files that are mapped into memory.

Items are cut into n-grams of words; texts that are looked through are compared with these alone, so
that memory depends on the benchmarks and not on the corpus. An item of fewer than n words is one
sequence, that of all its words; one of fewer than `whole` words counts only where a text consists
of nothing else. Sequences that many items have in common are the benchmark's own template (its
instruction, its examples) and say nothing about an item.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.errors import InputError, check_count
from thresher.core.files import atomic_path, read_json
from thresher.core.fingerprint import fingerprint
from thresher.core.key_filter import KeyFilter
from thresher.core.missing import text_list
from thresher.core.word_hashes import WordHashes, hash_words

N, WHOLE, MOST_ITEMS = 13, 8, 20
FORMAT = 1
Benchmarks = Mapping[str, Sequence[str] | Mapping[str, str]]
_ARRAYS = ("grams", "indptr", "owners", "filter")
_CHUNK = 2000


@dataclass(frozen=True)
class BenchmarkIndex:
    """Sequences of words of benchmarks' items, and whose they are.

    Attributes
    ----------
    grams : ndarray of uint64, shape (g,)
        Hashes of different sequences, sorted.
    indptr : ndarray of int64, shape (g + 1,)
    owners : ndarray of int32, shape (p,)
        Sequence i belongs to the items ``owners[indptr[i]:indptr[i + 1]]``.
    filter : ndarray of uint8
        The bits of a `KeyFilter` of the sequences.
    items : pyarrow.Table
        ``benchmark``, ``item``, ``text``, ``words``, and ``grams``: how many of the sequences are
        its own, none for an item of nothing but template or without a word.
    n, whole : int
    """

    grams: np.ndarray
    indptr: np.ndarray
    owners: np.ndarray
    filter: np.ndarray
    items: pa.Table
    n: int
    whole: int

    @cached_property
    def known(self) -> KeyFilter:
        """Finds the sequences among others."""
        return KeyFilter(self.grams, self.filter)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Sequences of each item, int64 (items,)."""
        return np.asarray(self.items["grams"].to_numpy())

    @cached_property
    def lengths(self) -> list[int]:
        """Words of the sequences that are looked for within texts."""
        words = np.unique(self.items["words"].to_numpy()[self.sizes > 0])
        short = [int(size) for size in words if self.whole <= size < self.n]
        return [*short, self.n] if (words >= self.n).any() else short

    @cached_property
    def key(self) -> str:
        """Fingerprint of all that findings depend on."""
        names = self.items.select(["benchmark", "item"]).to_pydict()
        return fingerprint(
            [FORMAT, self.n, self.whole, names], self.grams, self.indptr, self.owners
        )

    def postings(self, grams: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the items of some sequences, int64 (k,): place among those given, and item."""
        counts = self.indptr[grams + 1] - self.indptr[grams]
        place = np.repeat(np.arange(len(grams)), counts)
        offset = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        return place, self.owners[self.indptr[grams][place] + offset].astype(np.int64)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write a folder of arrays and a table, whole or not at all."""
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            for name in _ARRAYS:
                np.save(temporary / f"{name}.npy", getattr(self, name))
            pq.write_table(self.items, temporary / "items.parquet")
            about = {"format": FORMAT, "n": self.n, "whole": self.whole, "key": self.key}
            (temporary / "index.json").write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> BenchmarkIndex:
        """Map what `save` wrote; an `InputError` names a folder that is no index."""
        path = Path(folder)
        about: dict[str, Any] = read_json(path / "index.json")
        if about.get("format") != FORMAT:
            raise InputError(f"{path} was written by another version; make the index again.")
        try:
            grams, indptr, owners, bits = (
                np.load(path / f"{name}.npy", mmap_mode="r") for name in _ARRAYS
            )
            items = pq.read_table(path / "items.parquet")
        except (OSError, ValueError, pa.ArrowException) as error:
            raise InputError(f"{path} is no whole index ({error}); make it again.") from error
        return cls(grams, indptr, owners, bits, items, about["n"], about["whole"])


def build_index(
    benchmarks: Benchmarks,
    *,
    n: int = N,
    whole: int = WHOLE,
    most_items: int | None = MOST_ITEMS,
) -> BenchmarkIndex:
    """Index the items of benchmarks.

    Parameters
    ----------
    benchmarks : mapping of str to texts
        The texts of each benchmark: a sequence, or a mapping of names of items to texts.
    n : int
        Words of a sequence.
    whole : int
        Items of fewer words are found only as whole texts.
    most_items : int or None
        Sequences of more different items are template; None takes none for that.

    Raises
    ------
    InputError
        When there is no item with a word.
    """
    check_count("n", n)
    check_count("whole", whole)
    names: list[str] = []
    numbers: list[str] = []
    texts: list[str] = []
    for name, given in benchmarks.items():
        named = given if isinstance(given, Mapping) else None
        listed = text_list("benchmarks", list(named.values()) if named is not None else given)
        names += [name] * len(listed)
        texts += listed
        numbers += [str(each) for each in (named if named is not None else range(len(listed)))]
    hashes, owners, words, same = _sequences(texts, n)
    if not len(hashes):
        raise InputError("The benchmarks hold no item with a word.")
    if most_items is not None:
        hashes, owners = _without_template(hashes, owners, same, most_items)
    grams, first = np.unique(hashes, return_index=True)
    table = pa.table(
        {
            "benchmark": names,
            "item": numbers,
            "text": texts,
            "words": words,
            "grams": np.bincount(owners, minlength=len(texts)).astype(np.int64),
        }
    )
    indptr = np.append(first, len(hashes)).astype(np.int64)
    return BenchmarkIndex(
        grams, indptr, owners.astype(np.int32), KeyFilter.of(grams).bits, table, n, min(whole, n)
    )


def sequences_of(words: WordHashes, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return text and hash of each sequence of `n` words, and of whole texts of fewer words."""
    places, hashes = words.runs(n)
    short = np.flatnonzero((words.counts > 0) & (words.counts < n))
    rows = np.concatenate([words.owners[places], short])
    return rows, np.concatenate([hashes, words.wholes(short)])


def _sequences(
    texts: Sequence[str], n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return hash and item of all different sequences, sorted; words of items; equal items."""
    hashes, owners, words, wholes = [], [], [], []
    for start in range(0, len(texts), _CHUNK):
        found = hash_words(texts[start : start + _CHUNK])
        rows, grams = sequences_of(found, n)
        hashes.append(grams)
        owners.append(rows + start)
        words.append(found.counts)
        full = np.zeros(len(found.counts), np.uint64)
        worded = np.flatnonzero(found.counts)
        full[worded] = found.wholes(worded)
        wholes.append(full)
    if not hashes:
        return np.zeros(0, np.uint64), *(np.zeros(0, np.int64),) * 3
    gram, owner = np.concatenate(hashes), np.concatenate(owners)
    order = np.lexsort((owner, gram))
    gram, owner = gram[order], owner[order]
    new = np.ones(len(gram), bool)
    new[1:] = (gram[1:] != gram[:-1]) | (owner[1:] != owner[:-1])
    same = np.unique(np.concatenate(wholes), return_inverse=True)[1]
    return gram[new], owner[new], np.concatenate(words), same


def _without_template(
    hashes: np.ndarray, owners: np.ndarray, same: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out sequences that more than `most` different items have."""
    group = np.cumsum(np.append(False, hashes[1:] != hashes[:-1]))
    pairs = np.unique(np.stack([group, same[owners]]), axis=1)
    kept = (np.bincount(pairs[0]) <= most)[group]
    return hashes[kept], owners[kept]
