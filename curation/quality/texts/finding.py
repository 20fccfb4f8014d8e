"""Find what is wrong with texts, and measure what a label should not depend on.

Three families: checks of a text by itself (characters, markup, leftovers, private data,
repetition, shape), checks against the corpus (letter pairs, order of words, ends, length, lines
that many texts share, language), and notes about the corpus: a kind of damage that many rows have
is how it is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from thresher.core.counted import counted, percent
from thresher.core.missing import text_list

from ..fences import fences
from ..language import language_finding
from ..result import Finding, finding
from . import characters, leftovers, markup, personal, repetition, secret_keys, shape
from .check import FEWEST_OF_A_HABIT, MOSTLY, Check, Hits, findings_of, listed
from .order import order_hits
from .pairs import pair_hits
from .table import CAPITAL, DIGIT, LETTER, SPACE, TextTable, blocks

CHECKS: tuple[Check, ...] = (
    *characters.CHECKS,
    *markup.CHECKS,
    *leftovers.CHECKS,
    *repetition.CHECKS,
    *shape.CHECKS,
    *personal.CHECKS,
    *secret_keys.CHECKS,
)
NO_FAULTS_OF_CODE = frozenset(check.what for check in CHECKS if not check.in_notation)
# Above this share of texts in languages of less than 5 % each, the corpus is one of many languages.
MANY_LANGUAGES = 0.03
# Texts of which such a share is brackets, operators and underscores are code, formulas or tables.
NOTATION = 0.04
NOTATION_SIGNS = np.array([ord(sign) for sign in "()[]{}=;_\\*#$%^~`"], dtype=np.uint32)


def text_findings(
    texts: np.ndarray | Sequence[Any],
) -> tuple[list[Finding], tuple[str, ...], dict[str, np.ndarray]]:
    """Return findings, notes and properties of texts: str, or None where missing."""
    present = text_list("texts", texts)
    hits, properties = _by_themselves(present)
    whole = properties.pop("alnum") > 0
    notation = bool(whole.any() and np.median(properties.pop("notation")[whole]) > NOTATION)
    if notation:
        hits = [hit for hit in hits if hit.what not in NO_FAULTS_OF_CODE]
    hits += pair_hits(present, whole)
    hits += [_odd_length(properties["length"], whole), _shared_lines(present)]
    sound = whole.copy()
    sound[list({row for hit in listed(hits, n=len(present)) for row in hit.words})] = False
    foreign, languages = _foreign(present, sound)
    sound[foreign.positions] = False
    hits += order_hits(present, sound)
    findings, habits = findings_of(hits, n=len(present))
    empty = finding("empty", ~whole, scores=0.0, details="no letter and no digit")
    return [empty, *findings, foreign], (*languages, *habits), properties


def _foreign(texts: list[str], sound: np.ndarray) -> tuple[Finding, tuple[str, ...]]:
    """Find texts in another language, unless many of the sound ones are: there it is no fault."""
    found, notes = language_finding(texts)
    among = int(sound[found.positions].sum())
    share = among / max(1, int(sound.sum()))
    if share <= MANY_LANGUAGES or among <= FEWEST_OF_A_HABIT:
        return found, notes
    none = finding("other language", np.zeros(len(texts), dtype=bool), scores=1.0, details=[])
    said = f"other languages in {percent(share)} of the texts, taken as how they are written"
    return none, (*notes, said)


def _by_themselves(texts: list[str]) -> tuple[list[Hits], dict[str, np.ndarray]]:
    """Run the checks that need no other text, block by block, and measure each text."""
    words: list[dict[int, str]] = [{} for _ in CHECKS]
    measured: list[dict[str, np.ndarray]] = []
    for first, table in blocks(texts):
        measured.append(_measure(table))
        for check, found in zip(CHECKS, words, strict=True):
            found |= {first + row: said for row, said in check.run(table).items()}
    hits = [
        Hits(check.what, check.kind, found, check.score, check.habit)
        for check, found in zip(CHECKS, words, strict=True)
        if found
    ]
    parts = measured or [_measure(TextTable([]))]
    return hits, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _measure(table: TextTable) -> dict[str, np.ndarray]:
    lengths = table.lengths.astype(np.float64)
    plain = np.maximum(lengths, 1)
    alnum = table.count(LETTER | DIGIT)
    return {
        "length": lengths,
        "capitals": table.count(CAPITAL) / plain,
        "digits": table.count(DIGIT) / plain,
        "punctuation": (lengths - table.count(LETTER | DIGIT | SPACE)) / plain,
        "alnum": alnum,
        "notation": table.total(np.isin(table.codes, NOTATION_SIGNS)) / plain,
    }


def _odd_length(lengths: np.ndarray, whole: np.ndarray) -> Hits:
    logs = np.log(np.maximum(1, lengths))
    lower, upper = fences(logs[whole], reach=3.0, least=0.5)
    rows = np.flatnonzero(whole & ((logs < lower) | (logs > upper)))
    words = {int(row): counted(int(lengths[row]), "character") for row in rows}
    return Hits("odd lengths", "odd length", words, 0.45, 0.1)


def _shared_lines(texts: list[str]) -> Hits:
    """Find texts that consist mostly of lines which stand in many texts."""
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in texts]
    spread = Counter(line for of_text in lines for line in set(of_text) if len(of_text) > 1)
    enough = max(10, len(texts) // 50)
    common = {line for line, count in spread.items() if count >= enough}
    words = {}
    for row, of_text in enumerate(lines):
        if len(of_text) > 1 and common:
            share = sum(len(line) for line in of_text if line in common) / sum(map(len, of_text))
            if share > 0.6:
                words[row] = f"{percent(share)} of the text are lines found in many texts"
    return Hits("shared lines", "boilerplate", words, 0.4, MOSTLY)
