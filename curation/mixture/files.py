"""Mix sources of texts in files: each file is written again with rows left out or repeated.

Which rows a part of a pass takes is settled by a hash of their text and the seed, so that it does
not depend on how the texts are cut into files. Tokens are added up in bins of that hash, so that no
list of rows is kept: a source misses its share by a bin and a row at most.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.errors import InputError, check_number
from thresher.core.executor import Executor
from thresher.core.files import write_json
from thresher.core.shown import Shown
from thresher.core.signatures import checked
from thresher.core.text_shards import Block, Change, TextShard, open_shards, rewrite_shard
from thresher.core.token_counts import WORDS, TokenCounter

from ..sharded.work import Work, open_work
from ..text_files.seen import Sight, check_folder, failed_files, read_seen, write_set_aside
from ..text_files.targets import forget_targets, write_targets
from .shares import check_weights, shared_tokens

PathLike = str | os.PathLike[str]
BINS = 2**16
MOST_PASSES = 4.0
WRITE = "write-"  # before the name of a source: its task
REPORTED = ("tokens", "counted", "sources", "failed")


@dataclass(frozen=True)
class MixedSource:
    """What one source gives.

    Attributes
    ----------
    available : int
        Its tokens.
    tokens : int
        Those that were written.
    share : float
        Of all that were written.
    passes : float
        How often it was gone through.
    rows : int
        Rows that were written, repeats counted.
    used_up : bool
        Whether it could not give more.
    """

    available: int
    tokens: int
    share: float
    passes: float
    rows: int
    used_up: bool


@dataclass(frozen=True, repr=False)
class Mixture(Shown):
    """Files of texts in given shares.

    Attributes
    ----------
    folder : Path
        Holds a folder of files for each source, ``mixture.json`` and ``set_aside.parquet``.
    tokens : int
        Those that were written.
    counted : str
        What a token is.
    sources : dict of str to MixedSource
    failed : dict of str to str
        Files that could not be read, and why.
    files : list of Path
    """

    folder: Path
    tokens: int
    counted: str
    sources: dict[str, MixedSource]
    failed: dict[str, str]
    files: list[Path]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "folder": str(self.folder),
            "tokens": self.tokens,
            "counted": self.counted,
            "sources": {name: asdict(source) for name, source in self.sources.items()},
            "failed": self.failed,
            "files": [str(path) for path in self.files],
        }


@checked
def mix_sources(
    sources: Mapping[str, PathLike | Sequence[PathLike]],
    out: PathLike,
    *,
    weights: Mapping[str, float],
    tokens: float,
    most_passes: float = MOST_PASSES,
    text: str | None = None,
    tokenizer: PathLike | TokenCounter = WORDS,
    random_state: int = 0,
    executor: str | Executor = "serial",
    workers: int | None = None,
) -> Mixture:
    """Write files of so many tokens, of sources in given shares.

    Parameters
    ----------
    sources : mapping of str to path-like or sequence of path-like
        Files, folders or patterns of each source; see `thresher.core.text_shards.open_shards`.
    out : path-like
        Gets a folder for each source, with files of the same names; and ``work``, from which a call
        that was killed goes on.
    weights : mapping of str to float
        Of each source, above 0.
    tokens : float
        The budget.
    most_passes : float
        How often a source is gone through at most; what it lacks then comes from the others.
    text : str, optional
        Columns of the texts, separated by commas; the usual one is found.
    tokenizer : path-like or TokenCounter
        ``"words"``, a file ``tokenizer.json`` or a folder that holds one.
    random_state : int
        Settles which rows a part of a pass takes.
    executor, workers
        See `thresher.core.executor.get_executor`.

    Returns
    -------
    Mixture

    Raises
    ------
    InputError
        On bad weights and options, and for a source of which no file can be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from curation import mix_sources
    >>> for name in ("web", "books"):
    ...     lines = [f"{name} text {at}" for at in range(90)]
    ...     _ = Path(f"{name}.txt").write_text(chr(10).join(lines))
    >>> paths = {"web": "web.txt", "books": "books.txt"}
    >>> mixed = mix_sources(paths, "mixed", weights={"web": 0.8, "books": 0.2}, tokens=300)
    >>> round(mixed.sources["web"].share, 1)
    0.8
    """
    check_number("tokens", tokens, low=0, low_open=True)
    check_number("most_passes", most_passes, low=0, low_open=True)
    check_weights(weights, sources)
    folder, counter = Path(out), TokenCounter.of(tokenizer)
    shards = {name: open_shards(paths, text=text) for name, paths in sources.items()}
    for name, listed in shards.items():
        check_folder(folder, listed)
        if Path(name).name != name or name in ("work", ".", ".."):
            raise InputError(f"A source cannot be called {name!r}: its folder has that name.")
    with open_work(folder / "work", executor=executor, workers=workers) as work:
        return _mixed(
            work,
            folder,
            shards,
            counter,
            weights=weights,
            budget=(tokens, most_passes),
            seed=random_state,
        )


def _mixed(
    work: Work,
    folder: Path,
    shards: Mapping[str, Sequence[TextShard]],
    counter: TokenCounter,
    *,
    weights: Mapping[str, float],
    budget: tuple[float, float],
    seed: int,
) -> Mixture:
    counted = {name: _counted(work, listed, counter, seed) for name, listed in shards.items()}
    bins = {
        name: np.sum([np.load(path / "bins.npy") for path in paths], axis=0)
        for name, paths in counted.items()
    }
    available = {name: int(each.sum()) for name, each in bins.items()}
    asked = shared_tokens(available, weights, tokens=budget[0], most_passes=budget[1])
    files: list[Path] = []
    written = {}
    for name, listed in shards.items():
        seen = read_seen(counted[name])
        whole = [shard for shard, each in zip(listed, seen, strict=True) if each.error is None]
        passes = _passes(bins[name], asked[name])
        made, *written[name] = _write(work, folder / name, whole, passes, counter, seed)
        files += made
    for marker in work.folder.glob(f"{WRITE}*.key"):  # of sources that an earlier call had
        if marker.stem.removeprefix(WRITE) not in shards:
            forget_targets(work, marker.stem)
    total = sum(tokens for tokens, _ in written.values())
    found = {
        name: MixedSource(
            available=available[name],
            tokens=tokens,
            share=tokens / max(1, total),
            passes=asked[name] / max(1, available[name]),
            rows=rows,
            used_up=asked[name] >= available[name] * budget[1],
        )
        for name, (tokens, rows) in written.items()
    }
    every = [shard for listed in shards.values() for shard in listed]
    paths = [path for each in counted.values() for path in each]
    write_set_aside(folder, every, paths)
    mixture = Mixture(
        folder, total, counter.said, found, failed_files(every, read_seen(paths)), files
    )
    about = mixture.to_json()
    write_json(folder / "mixture.json", {name: about[name] for name in REPORTED})
    return mixture


def _counted(
    work: Work, shards: Sequence[TextShard], counter: TokenCounter, seed: int
) -> tuple[Path, ...]:
    key = [counter.key, seed, [shard.state() for shard in shards]]
    named = {f"{at:06d}": shard for at, shard in enumerate(shards)}
    return work.do("tokens", CountTokens(counter, seed), key=key, shards=named)


@dataclass(frozen=True)
class CountTokens:
    """Task over files: ``bins.npy``, tokens by the hash of their texts, and what was seen."""

    counter: TokenCounter
    seed: int

    def __call__(self, shard: TextShard, folder: Path) -> None:
        """Count one file."""
        sight, bins = Sight(shard), np.zeros(BINS, np.int64)
        for _, block in sight.blocks():
            np.add.at(bins, text_bins(block.texts, self.seed), self.counter.count(block.texts))
        np.save(folder / "bins.npy", bins)
        sight.write(folder)


def text_bins(texts: Sequence[str], seed: int) -> np.ndarray:
    """Return the bin of each text, int64 (n,), evenly spread and settled by text and seed."""
    salt = seed.to_bytes(8, "little", signed=True)
    digests = (
        hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=2, salt=salt).digest()
        for text in texts
    )
    return np.frombuffer(b"".join(digests), "<u2").astype(np.int64)


def _passes(bins: np.ndarray, tokens: float) -> tuple[int, int]:
    """Return whole passes, and how many bins a last part of a pass takes."""
    whole, rest = divmod(tokens, max(1, int(bins.sum())))
    return int(whole), int(np.searchsorted(np.cumsum(bins), rest, side="right"))


@dataclass(frozen=True)
class WriteRows:
    """Task over files, given with their targets: writes the target, and ``written.json``."""

    passes: tuple[int, int]
    counter: TokenCounter
    seed: int

    def __call__(self, job: tuple[TextShard, Path], folder: Path) -> None:
        """Write one file."""
        shard, target = job
        tokens = rows = 0

        def decide(block: Block) -> Change:
            nonlocal tokens, rows
            whole, some = self.passes
            times = whole + (text_bins(block.texts, self.seed) < some)
            tokens += int((times * self.counter.count(block.texts)).sum())
            rows += int(times.sum())
            return Change(times)

        rewrite_shard(shard, target, decide)
        written = {"tokens": tokens, "rows": rows}
        (folder / "written.json").write_text(json.dumps(written), encoding="utf-8")


def _write(
    work: Work,
    folder: Path,
    shards: Sequence[TextShard],
    passes: tuple[int, int],
    counter: TokenCounter,
    seed: int,
) -> tuple[list[Path], int, int]:
    """Write the files of one source; return them, their tokens and their rows."""
    targets = {f"{at:06d}": folder / shard.name for at, shard in enumerate(shards)}
    jobs = dict(zip(targets, zip(shards, targets.values(), strict=True), strict=True))
    key = [passes, counter.key, seed, [shard.state() for shard in shards]]
    task = work.task(f"{WRITE}{folder.name}", WriteRows(passes, counter, seed), key)
    outputs = write_targets(work, task, jobs, targets)
    written = [json.loads((path / "written.json").read_bytes()) for path in outputs]
    tokens, rows = (sum(each[name] for each in written) for name in ("tokens", "rows"))
    return list(targets.values()), tokens, rows
