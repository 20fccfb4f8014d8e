"""The published rules against datatrove's results, stored by ``benchmarks/peers/web_rules.py``."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation import find_rule_issues
from curation.quality.texts.published import c4, fineweb, gopher
from curation.quality.texts.published.pieces import count_sentences, words_in
from thresher.core.errors import InputError

# datatrove's reasons, by our names.
NAMES = {
    "gopher_short_doc": "gopher few words",
    "gopher_long_doc": "gopher many words",
    "gopher_below_avg_threshold": "gopher word length",
    "gopher_above_avg_threshold": "gopher word length",
    "gopher_too_many_hashes": "gopher hashes",
    "gopher_too_many_ellipsis": "gopher ellipses",
    "gopher_too_many_bullets": "gopher bullets",
    "gopher_too_many_end_ellipsis": "gopher cut lines",
    "gopher_below_alpha_threshold": "gopher letters",
    "gopher_enough_stop_words": "gopher stop words",
    "dup_para_frac": "gopher repeated paragraphs",
    "dup_para_char_frac": "gopher repeated paragraphs by length",
    "dup_line_frac": "gopher repeated lines",
    "dup_line_char_frac": "gopher repeated lines by length",
    **{f"top_{n}_gram": f"gopher top {n}-gram" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"gopher repeated {n}-grams" for n in range(5, 11)},
    "lorem_ipsum": "c4 lorem ipsum",
    "curly_bracket": "c4 curly bracket",
    "too_few_sentences": "c4 few sentences",
    "line_punct_ratio": "fineweb lines without a stop",
    "short_line_ratio": "fineweb short lines",
    "char_dup_ratio": "fineweb repeated lines",
    "list_ratio": "fineweb list",
}


@cache
def peer_rows() -> list[dict[str, Any]]:
    packed = Path(__file__).with_name("datatrove.json.gz").read_bytes()
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(packed))
    return rows


def first(found: Any) -> str:
    return next((fired.rule.name for fired in found), "")


def test_with_the_same_words_every_first_reason_is_the_same() -> None:
    families = {
        "gopher_repetition": lambda row: gopher.repetition(row["text"], row["words"]),
        "gopher_quality": lambda row: gopher.quality(row["text"], row["words"]),
        "fineweb": lambda row: fineweb.page(row["text"], row["words"]),
    }
    reasons = set()
    for row in peer_rows():
        for family, judge in families.items():
            if not row["text"].strip():
                continue  # of a text without a word the reasons are of no interest
            said = first(judge(row))
            assert said == NAMES.get(row[family], ""), (family, row["text"][:80])
            reasons.add(said)
    assert len(reasons) >= 17  # each of them is put to the proof


def test_with_the_same_sentences_every_reason_of_c4_is_the_same() -> None:
    for row in peer_rows():
        counts = row["sentences"]
        fired = c4.page(
            row["text"], lambda line, counts=counts: counts.get(line, count_sentences(line))
        )
        said = {each.rule.name for each in fired}
        if row["c4"]:
            assert NAMES[row["c4"]] in said, row["text"][:80]
        else:
            assert not said, row["text"][:80]


def test_with_words_of_our_own_nearly_all_reasons_are_the_same() -> None:
    same = [
        first(judge(row["text"], words_in(row["text"]))) == NAMES.get(row[family], "")
        for row in peer_rows()
        for family, judge in (
            ("gopher_repetition", gopher.repetition),
            ("gopher_quality", gopher.quality),
            ("fineweb", fineweb.page),
        )
        if row["text"].strip()
    ]
    assert np.mean(same) >= 0.97


def test_values_by_hand() -> None:
    text = "one two three\none two three\nfour"
    fired = {each.rule.name: each.value for each in gopher.repetition(text, words_in(text))}
    assert fired["gopher repeated lines"] == pytest.approx(1 / 3)
    assert fired["gopher repeated lines by length"] == pytest.approx(13 / 32)
    assert fired["gopher top 2-gram"] == pytest.approx(14 / 32)  # "one two" twice
    assert fired["gopher top 3-gram"] == pytest.approx(26 / 32)
    quality = {each.rule.name: each.value for each in gopher.quality(text, words_in(text))}
    assert quality == {"gopher few words": 7, "gopher stop words": 0}


def test_words_and_sentences() -> None:
    assert words_in("It's 3.5 km, isn't it?") == [
        "It",
        "'s",
        "3.5",
        "km",
        ",",
        "is",
        "n't",
        "it",
        "?",
    ]
    assert count_sentences('He said "no." Then he went. And then') == 3
    assert count_sentences("") == 0


def test_rules_are_found_with_their_values() -> None:
    found = find_rule_issues([None, "Buy now\nBuy now\nBuy now"], rules=("gopher", "fineweb"))
    details = {finding.kind: dict(zip(finding.positions.tolist(), finding.details, strict=True))
               for finding in found.findings}  # fmt: skip
    assert details["gopher few words"] == {0: "words 0, below 50", 1: "words 6, below 50"}
    assert details["gopher repeated lines"] == {1: "share of repeated lines 0.6667, above 0.3"}
    assert details["fineweb lines without a stop"] == {
        1: "share of lines that end with a stop 0, below 0.12"
    }
    assert found.flagged.tolist() == [True, True]
    with pytest.raises(InputError, match="Did you mean 'gopher'"):
        find_rule_issues(["x"], rules=("goher",))
    with pytest.raises(InputError, match="names none"):
        find_rule_issues(["x"], rules=())
