"""Copies among conversations by SemHash and datatrove's MinHash, in a Python that has both.

Run by `curation_chat.py --peers PYTHON`: reads ``rows.jsonl`` (``whole``, ``prompt``) and
``whole.npy``, ``prompt.npy``, vectors of both for SemHash, whose own model needs a download; writes
one JSON object ``{arm: {"dropped": {threshold: [rows]}, "cpu_s": …}}`` to stdout.

``pip install semhash==0.5.0 datatrove[processing]==0.10.1 spacy "xxhash<3.7"`` (datatrove hashes
texts, which xxhash 3.7 and later refuse)
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

THRESHOLDS = (0.8, 0.85, 0.9, 0.95, 0.97, 0.99)


class Known:
    """Vectors that are known by their texts."""

    def __init__(self, texts: list[str], vectors: np.ndarray) -> None:
        self.place = {text: at for at, text in enumerate(texts)}
        self.vectors = vectors

    def encode(self, texts: list[str], **_: Any) -> np.ndarray:
        """Look the vectors up."""
        return self.vectors[[self.place[text] for text in texts]]


def by_semhash(texts: list[str], vectors: np.ndarray) -> dict[float, list[int]]:
    from semhash import SemHash

    records = [{"id": at, "text": text} for at, text in enumerate(texts)]
    found = {}
    for threshold in THRESHOLDS:
        index = SemHash.from_records(records, columns=["text"], model=Known(texts, vectors))
        result = index.self_deduplicate(threshold=threshold)
        kept = {int(record["id"]) for record in result.selected}
        found[threshold] = [at for at in range(len(texts)) if at not in kept]
    return found


def by_minhash(texts: list[str], folder: Path) -> list[int]:
    from datatrove.data import Document
    from datatrove.pipeline.dedup import minhash

    config = minhash.MinhashConfig()
    names = [folder / name for name in ("signatures", "buckets", "clusters", "kept")]
    docs = [Document(text=text, id=str(at)) for at, text in enumerate(texts)]
    for _ in (
        minhash.MinhashDedupSignature(str(names[0]), config=config).run(iter(docs), 0, 1) or ()
    ):
        pass
    for bucket in range(config.num_buckets):
        minhash.MinhashDedupBuckets(str(names[0]), str(names[1]), config=config).run(
            None, bucket, config.num_buckets
        )
    minhash.MinhashDedupCluster(str(names[1]), str(names[2]), config=config).run(None, 0, 1)
    kept = {int(doc.id) for doc in minhash.MinhashDedupFilter(str(names[2])).run(iter(docs), 0, 1)}
    return [at for at in range(len(texts)) if at not in kept]


def main(folder: Path) -> None:
    lines = (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    found: dict[str, Any] = {}
    for side in ("whole", "prompt"):
        texts = [row[side] for row in rows]
        start = time.process_time()
        dropped = by_semhash(texts, np.load(folder / f"{side}.npy"))
        cpu = (time.process_time() - start) / len(THRESHOLDS)
        found[f"SemHash, {side}"] = {"dropped": dropped, "cpu_s": cpu}
        start = time.process_time()
        with tempfile.TemporaryDirectory() as work:
            gone = by_minhash(texts, Path(work))
        cpu = time.process_time() - start
        found[f"datatrove MinHash, {side}"] = {"dropped": {"14 × 8": gone}, "cpu_s": cpu}
    os.write(answers, json.dumps(found).encode())


if __name__ == "__main__":
    answers = os.dup(1)  # both libraries print on their way
    with contextlib.redirect_stdout(sys.stderr):
        main(Path(sys.argv[1]))
