"""Items in other words: found among look-alikes, held back where nothing tells them apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from curation import decontaminate
from curation.contamination import paraphrases
from curation.contamination.paraphrases import LEVELS, learnt_level
from thresher.core.encoders import shipped
from thresher.core.encoders.meaning_text import _model
from thresher.core.encoders.word_means import WordMeans

LACKING = shipped.lacking((shipped.TOKEN_VECTORS, shipped.TOKENS), runtime=("tokenizers",))
needs_words = pytest.mark.skipif(bool(LACKING), reason=f"{LACKING}; {shipped.INSTALL}")

DEEDS = (("bought", "purchased"), ("destroyed", "wrecked"), ("painted", "drew"),
         ("photographed", "took a picture of"), ("hid", "concealed"))  # fmt: skip


def made() -> tuple[list[str], list[str], list[int]]:
    """Return items, texts, and which item each of the first texts tells in other words."""
    rng = np.random.default_rng(0)
    known = sorted(_model()[0].get_vocab())
    words = [word[1:] for word in known if word[0] == "▁" and word[1:].isalpha() and len(word) > 6]
    items, told = [], []
    for at, (thing, other, third, last) in enumerate(rng.choice(words, (120, 4)).tolist()):
        deed, same = DEEDS[at % 5]
        items.append(f"Who {deed} the {thing} that stood beside an old {other} {last} of {third}?")
        told.append(f"Somebody {same} the {thing}, next to the {third} and the {last} {other}.")
    some = list(range(0, len(items), 2))
    filler = ["the weather was mild", "nobody came to the meeting", "it costs three dollars",
              "they went home by noon", "we met last June", "I like this very much"]  # fmt: skip
    texts = [f"It rained. {told[at]} Then they left." for at in some]
    texts += [". ".join(rng.choice(filler, 3)) + f", {rng.integers(1000)}." for _ in range(300)]
    return items, texts, some


@needs_words
def test_items_in_other_words_are_found_and_taken_out(tmp_path: Path) -> None:
    items, texts, some = made()
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    for name, part in (("a", lines), ("b", json.dumps({"text": items[1] + " Verbatim."}) + "\n")):
        (tmp_path / f"{name}.jsonl").write_text(part)
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    options: dict[str, Any] = {"paraphrases": True, "action": "cut"}
    found = decontaminate(paths, {"b": items}, tmp_path / "out", **options)
    assert found.paraphrases is not None
    assert found.paraphrases["precision"] >= 0.95
    table = pq.read_table(tmp_path / "out" / "paraphrases.parquet").to_pylist()
    pairs = [(row["row"], int(row["item"])) for row in table]
    true = set(enumerate(some))
    assert len(true & set(pairs)) >= 0.8 * len(true)
    assert len(true & set(pairs)) >= 0.95 * len(set(pairs))
    assert found.paraphrases["texts"] == len({row for row, _ in pairs})
    for row in table:
        assert "Somebody" in texts[row["row"]][row["start"] : row["end"]]
    clean = [json.loads(line)["text"] for line in found.clean[0].read_text().splitlines()]
    assert "Somebody" not in clean[pairs[0][0]]
    assert found.contaminated == 1  # by its words
    assert found.clean[1].read_text() == json.dumps({"text": "? Verbatim."}) + "\n"
    pool = decontaminate(
        paths, {"b": items}, tmp_path / "pool", executor="processes", workers=2, **options
    )
    for name in ("paraphrases.parquet", "report.json", "passages.parquet"):
        assert (tmp_path / "pool" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert pool.paraphrases == found.paraphrases


@needs_words
def test_similarities_are_those_of_the_passages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, texts, _ = made()
    (tmp_path / "a.txt").write_text("\n".join(texts))
    results = []
    for cells in (100, 10**7):
        monkeypatch.setattr(paraphrases, "_CELLS", cells)
        out = tmp_path / f"{cells}"
        decontaminate(tmp_path / "a.txt", {"b": items}, out, paraphrases=True)
        results.append((out / "paraphrases.parquet").read_bytes())
    assert results[0] == results[1]
    table = pq.read_table(tmp_path / "100" / "paraphrases.parquet").to_pylist()
    means = WordMeans()
    for row in table[:10]:
        passage = texts[row["row"]][row["start"] : row["end"]]
        pair = means.encode([items[int(row["item"])], passage])
        assert row["similarity"] == pytest.approx(float(pair[0] @ pair[1]), abs=2e-3)


def test_a_level_is_learnt_from_second_texts() -> None:
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.4, 0.7, 1000)
    first, second = chance.copy(), chance - 0.01
    first[:300] = rng.uniform(0.75, 0.95, 300)
    level = learnt_level(first.astype(np.float32), second.astype(np.float32))
    assert 0.69 <= level["level"] <= 0.75
    assert level["precision"] >= 0.95
    assert level["texts"] == pytest.approx(300, abs=40)
    none = learnt_level(first.astype(np.float32), (first - 0.01).astype(np.float32))
    assert none["level"] is None
    assert none["precision"] < 0.95
    assert learnt_level(np.zeros(0, np.float32), np.zeros(0, np.float32))["level"] is None
    assert LEVELS[0] == 0.6
