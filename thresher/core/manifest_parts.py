"""A manifest of more rows than fit in memory: Parquet files of some rows each, and an index."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa

from .errors import InputError
from .files import atomic_path, read_json, write_json
from .manifest import ACTIONS, PARTS_FORMAT, Manifest, read_decisions
from .shown import Shown


@dataclass(frozen=True, repr=False)
class ManifestParts(Shown):
    """One decision for every row, in the order of the rows, of which a part is read at a time.

    Attributes
    ----------
    folder : Path
        With ``manifest.json``, the index, and the files that it names. `Manifest.load` reads it
        too, whole.
    header : dict
        As in `Manifest`.
    index : tuple of dict
        For each file its name (``file``), how many ``rows`` it has, and its ``decisions``, rows
        for each action and reason.

    Examples
    --------
    >>> from thresher.core import Manifest, ManifestParts
    >>> from thresher.core.manifest_parts import save_part
    >>> from pathlib import Path
    >>> parts = [Manifest.keep_all(["a", "b"]), Manifest.keep_all(["c"])]
    >>> for place, part in enumerate(parts):
    ...     Path(str(place)).mkdir()
    ...     save_part(part, Path(str(place)))
    >>> manifest = ManifestParts.join([Path("0"), Path("1")], "manifest", header={})
    >>> len(manifest), manifest.counts()["keep"], manifest.whole().row_ids.tolist()
    (3, 3, ['a', 'b', 'c'])
    """

    folder: Path
    header: dict[str, Any]
    index: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return sum(part["rows"] for part in self.index)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> ManifestParts:
        """Read the index that `join` wrote.

        Raises
        ------
        InputError
            When there is none.
        """
        path = Path(folder)
        head = read_json(path / "manifest.json")
        if not isinstance(head, dict) or head.get("format") != PARTS_FORMAT:
            raise InputError(f"{path} is not a manifest in parts: read it with `Manifest.load`.")
        return cls(path, head["header"], tuple(head["parts"]))

    @classmethod
    def join(
        cls,
        parts: Sequence[Path],
        folder: str | os.PathLike[str],
        *,
        header: dict[str, Any],
    ) -> ManifestParts:
        """Make a folder of parts that `save_part` wrote; their files are linked, or copied."""
        index = []
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            for at, part in enumerate(parts):
                name = f"manifest-{at:06d}.parquet"
                _link(part / "manifest.parquet", temporary / name)
                index.append({"file": name, **read_json(part / "decisions.json")})
            head = {"format": PARTS_FORMAT, "header": header, "parts": index}
            write_json(temporary / "manifest.json", head)
        return cls(Path(folder), header, tuple(index))

    def counts(self) -> dict[str, int]:
        """Return the number of rows for each action, all four always named."""
        reasons = self.reasons()
        return {action: sum(reasons[action].values()) for action in ACTIONS}

    def reasons(self) -> dict[str, dict[str, int]]:
        """Return the number of rows for each action and, within it, each reason."""
        found: dict[str, dict[str, int]] = {action: {} for action in ACTIONS}
        for part in self.index:
            for action, reasons in part["decisions"].items():
                for reason, rows in reasons.items():
                    found[action][reason] = found[action].get(reason, 0) + rows
        return {action: dict(sorted(reasons.items())) for action, reasons in found.items()}

    def parts(self) -> Iterator[Manifest]:
        """Yield the decisions of each file."""
        for part in self.index:
            yield Manifest(read_decisions(self.folder / part["file"]), self.header)

    def rows_between(self, start: int, stop: int) -> Manifest:
        """Return the decisions of rows `start` to `stop`; only their files are read."""
        ends = list(accumulate(part["rows"] for part in self.index))
        tables = [Manifest.keep_all([]).table]
        for part, end in zip(self.index, ends, strict=True):
            first = end - part["rows"]
            if first < stop and end > start:
                low, high = max(start - first, 0), min(stop, end) - first
                tables.append(read_decisions(self.folder / part["file"]).slice(low, high - low))
        return Manifest(pa.concat_tables(tables).combine_chunks(), self.header)

    def whole(self) -> Manifest:
        """Return all decisions, in memory."""
        return self.rows_between(0, len(self))


def save_part(part: Manifest, folder: Path) -> None:
    """Write ``manifest.parquet`` and ``decisions.json`` for `ManifestParts.join` into a folder."""
    part.save_table(folder / "manifest.parquet")
    decisions = {action: found for action, found in part.reasons().items() if found}
    write_json(folder / "decisions.json", {"rows": len(part), "decisions": decisions})


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
