"""Texts and records with known duplicates: real ones, and real texts with edited copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy import sparse

WordEdit = Callable[[list[str], np.random.Generator], list[str]]
Edit = Callable[[str, np.random.Generator], str]
Labeled = tuple[list[str], np.ndarray]
SLIPS = dict(zip("aeiontsrldghcm", "srwpmyderkfjvn", strict=True))


def by_words(change: WordEdit) -> Edit:
    return lambda text, rng: " ".join(change(text.split(), rng)) if text.split() else text


def dropped(words: list[str], rng: np.random.Generator) -> list[str]:
    place = int(rng.integers(len(words)))
    return words[:place] + words[place + 1 :] if len(words) > 1 else words


def added(words: list[str], rng: np.random.Generator) -> list[str]:
    place = int(rng.integers(len(words) + 1))
    return [*words[:place], str(rng.choice(["really", "now", "also", "today"])), *words[place:]]


def replaced(words: list[str], rng: np.random.Generator) -> list[str]:
    place = int(rng.integers(len(words)))
    return [*words[:place], str(rng.choice(["thing", "good", "people"])), *words[place + 1 :]]


def reordered(words: list[str], rng: np.random.Generator) -> list[str]:
    place = int(rng.integers(max(1, len(words) - 1)))
    return words[:place] + words[place : place + 2][::-1] + words[place + 2 :]


def joined(words: list[str], rng: np.random.Generator) -> list[str]:
    place = int(rng.integers(max(1, len(words) - 1)))
    return [*words[:place], "".join(words[place : place + 2]), *words[place + 2 :]]


def cut(words: list[str], rng: np.random.Generator) -> list[str]:
    return words[: max(1, round(len(words) * rng.uniform(0.8, 0.95)))]


def swapped_letters(text: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(max(1, len(text) - 1)))
    return text[:place] + text[place : place + 2][::-1] + text[place + 2 :]


def slipped(text: str, rng: np.random.Generator) -> str:
    letters = list(text)
    for place in rng.integers(len(text), size=max(1, len(text) // 40)).tolist():
        letters[place] = SLIPS.get(letters[place], letters[place])
    return "".join(letters)


def recased(text: str, rng: np.random.Generator) -> str:
    return text.upper() if rng.random() < 0.5 else text.lower()


def repunctuated(text: str, rng: np.random.Generator) -> str:
    return text.replace(",", "").rstrip(".?!") + str(rng.choice(["", "!", "..."]))


def headed(text: str, rng: np.random.Generator) -> str:
    return str(rng.choice(["Update: ", "News: ", "RE: "])) + text


def tailed(text: str, rng: np.random.Generator) -> str:
    return text + str(rng.choice([" (Reuters)", " - read more", " [video]"]))


EDITS: tuple[Edit, ...] = (
    *map(by_words, (dropped, added, replaced, reordered, joined, cut)),
    *(swapped_letters, slipped, recased, repunctuated, headed, tailed),
)


def edited(text: str, times: int, rng: np.random.Generator) -> str:
    """Edit a text several times, each time in one of twelve ways."""
    for kind in rng.integers(len(EDITS), size=times).tolist():
        text = EDITS[kind](text, rng)
    return text


def texts_of(folder: Path, name: str) -> list[str]:
    """Return the different texts of a set."""
    for file, column in (
        ("text_classification", "text"),
        ("text_pairs", "text1"),
        ("text_noisy_labels_hausa", "text"),
    ):
        rows = pq.read_table(folder / f"{file}.parquet").to_pandas()
        own = rows.loc[rows["dataset"] == name, column]
        if len(own):
            return own.drop_duplicates().tolist()
    raise ValueError(name)


def planted(folder: Path, name: str, *, rows: int, copies: int, seed: int = 0) -> Labeled:
    """Return texts with copies edited once or twice behind them, and which are of one source."""
    rng = np.random.default_rng(seed)
    every = texts_of(folder, name)
    texts = [every[row] for row in rng.permutation(len(every))[:rows].tolist()]
    chosen = rng.choice(len(texts), copies, replace=False)
    times = rng.integers(1, 3, copies)
    sources = np.concatenate([np.arange(len(texts)), chosen])
    made = [edited(texts[row], int(n), rng) for row, n in zip(chosen, times, strict=True)]
    return [*texts, *made], sources


def records(folder: Path, name: str, *, singles: int | None = None) -> tuple[pd.DataFrame, Labeled]:
    """Return the records of a set, their texts, and which describe one thing.

    With `singles` only so many of those that no other record belongs to.
    """
    rows = pq.read_table(folder / "dup_records.parquet").to_pandas()
    pairs = pq.read_table(folder / "dup_records_pairs.parquet").to_pandas()
    rows = rows[rows["dataset"] == name].reset_index(drop=True)
    pairs = pairs[pairs["dataset"] == name]
    place = {row: at for at, row in enumerate(rows["id"])}
    ends = ([place[row] for row in pairs[end]] for end in ("a", "b"))
    shape = len(rows), len(rows)
    adjacency = sparse.csr_matrix((np.ones(len(pairs)), tuple(ends)), shape=shape)
    things = sparse.csgraph.connected_components(adjacency, directed=False)[1]
    if singles is not None:
        alone = np.flatnonzero(np.bincount(things)[things] == 1)
        left = np.random.default_rng(0).permutation(alone)[singles:]
        kept = np.setdiff1d(np.arange(len(rows)), left)
        rows, things = rows.iloc[kept].reset_index(drop=True), things[kept]
    return rows, (rows["text"].tolist(), things)
