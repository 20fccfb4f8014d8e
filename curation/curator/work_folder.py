"""What a curation that is stopped leaves behind: vectors and close pairs, its dearest parts.

Each lies in a folder of its own, written whole or not at all, whose name holds a fingerprint of the
rows, the settings and the version; so the same call goes on with it, and another one makes its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import thresher
from thresher.core.embeddings import Embeddings
from thresher.core.encoders import get_encoder, load_encoder
from thresher.core.encoders.automatic import choose_encoder
from thresher.core.errors import InputError
from thresher.core.files import atomic_path, read_json, write_json
from thresher.core.fingerprint import fingerprint
from thresher.core.neighbors import NeighborGraph
from thresher.core.progress import message
from thresher.core.rows import row_hashes
from thresher.core.text_arrays import packed_texts

from .closeness import Closeness
from .encoding import Encoded
from .rows import Rows


def rows_key(rows: Rows) -> str:
    """Identify rows by their ids and by what is looked at, as it is written."""
    written = rows.hashes
    if rows.modality == "text":
        written = row_hashes(rows.dataset, list(rows.columns))
    others = [] if rows.others is None else [rows.others]
    return fingerprint(packed_texts(rows.ids), written, rows.modality, *others)


def encoder_key(rows: Rows, encoder: Any) -> str:
    """Identify an encoder by its name, or by its weights where it has some already.

    Raises
    ------
    InputError
        When it is a function, which cannot be read back.
    """
    if not isinstance(encoder, str):
        raise InputError("A work folder keeps vectors of encoders with a name, such as 'st:MODEL'.")
    spec = choose_encoder(rows.modality).value if encoder == "auto" else encoder
    model = get_encoder(spec, modality=rows.modality)
    return model.fingerprint if model.fitted else spec


def keep_vectors(work: Path, key: list[Any], make: Callable[[], Encoded]) -> Encoded:
    """Return vectors and the encoder that made them, from `work` where they lie there."""

    def fill(folder: Path) -> None:
        made = make()
        assert made.encoder is not None  # vectors of the user's own are not kept
        made.embeddings.save(folder / "vectors")
        made.encoder.save(folder / "encoder")

    folder = _once(work, "vectors", key, fill)
    vectors = Embeddings.load(folder / "vectors")
    return Encoded(vectors, load_encoder(folder / "encoder"), len(vectors))


def keep_pairs(
    work: Path, key: list[Any], make: Callable[[], tuple[Closeness, NeighborGraph]]
) -> tuple[Closeness, NeighborGraph]:
    """Return a threshold and the pairs of close rows, from `work` where they lie there."""

    def fill(folder: Path) -> None:
        closeness, graph = make()
        write_json(folder / "closeness.json", asdict(closeness))
        graph.save(folder / "graph.npz")

    folder = _once(work, "pairs", key, fill)
    closeness = Closeness(**read_json(folder / "closeness.json"))
    return closeness, NeighborGraph.load(folder / "graph.npz")


def _once(work: Path, name: str, key: list[Any], fill: Callable[[Path], None]) -> Path:
    target = work / f"{name}-{fingerprint(thresher.__version__, key)}"
    if target.exists():
        message(f"{name}: done before, reused")
        return target
    with atomic_path(target) as temporary:
        temporary.mkdir()
        fill(temporary)
    return target
