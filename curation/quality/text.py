"""Quality of texts: empty, damaged, repetitive, gibberish, odd length, personal data, language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from thresher.core.missing import text_list

from .fences import fences
from .language import language_finding
from .result import Finding, finding

E_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
PHONE = re.compile(
    r"(?<![\w.,])(?:\+|00)?\d{1,4}?[ .\-/]?\(?\d{2,4}\)?(?:[ .\-/]\d{2,4}){2,4}(?!\w)"
)
CARD = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
# UTF-8 read as Windows-1252 or Latin-1: a lead byte's letter before a continuation byte's sign.
MOJIBAKE = re.compile(
    "[\u00c2\u00c3\u00e2\u00f0]"
    "[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]"
)
CONTROL = re.compile("[\ufffd\x00-\x08\x0e-\x1f\x7f]")
RUN = re.compile(r"([^\W\d_])\1{9,}|(\S)\2{29,}")
FEWEST_DIGITS = 9


def text_findings(
    texts: np.ndarray | Sequence[Any],
) -> tuple[list[Finding], tuple[str, ...], dict[str, np.ndarray]]:
    """Return findings, notes and properties of texts: str, or None where missing."""
    present = text_list("texts", texts)
    empty = np.array([not any(sign.isalnum() for sign in text) for text in present], dtype=bool)
    foreign, notes = language_finding(present)
    findings = [
        finding("empty", empty, scores=0.0, details="no letter and no digit"),
        _matches("damaged encoding", present, _damage, score=0.2),
        _matches("repetition", present, _repetition, score=0.3),
        _gibberish(present, ~empty),
        _odd_length(present, ~empty),
        _matches("personal data", present, _personal_data, score=0.4),
        _boilerplate(present),
        foreign,
    ]
    return findings, notes, text_properties(present)


def text_properties(texts: list[str]) -> dict[str, np.ndarray]:
    """Measure what a label should not depend on: length, capitals, digits, punctuation, (n,)."""
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    signs = np.array(
        [
            (
                sum(map(str.isupper, text)),
                sum(map(str.isdigit, text)),
                sum(not sign.isalnum() and not sign.isspace() for sign in text),
            )
            for text in texts
        ],
        dtype=np.float64,
    ).reshape(len(texts), 3)
    shares = signs / np.maximum(lengths, 1)[:, None]
    return {
        "length": lengths,
        "capitals": shares[:, 0],
        "digits": shares[:, 1],
        "punctuation": shares[:, 2],
    }


def _matches(kind: str, texts: list[str], check: Any, *, score: float) -> Finding:
    details = [check(text) for text in texts]
    mask = np.array([detail is not None for detail in details], dtype=bool)
    return finding(
        kind, mask, scores=score, details=[detail for detail in details if detail is not None]
    )


def _damage(text: str) -> str | None:
    if text.isascii():
        found = CONTROL.search(text)
        return f"control character {found.group()!r}" if found else None
    found = CONTROL.search(text)
    if found:
        return f"character {found.group()!a}"
    found = MOJIBAKE.search(text)
    return f"{found.group()!r} looks like UTF-8 read as Latin-1" if found else None


def _repetition(text: str) -> str | None:
    found = RUN.search(text)
    if found:
        return f"{found.group()[0]!r} stands {len(found.group())} times in a row"
    words = text.lower().split()
    if len(words) < 12:
        return None
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    repeated = sum(count for count in triples.values() if count > 1) / (len(words) - 2)
    # Gopher's limits for a most frequent and for repeated n-grams (Rae et al., 2021), loosened
    # for short texts.
    return f"{repeated:.0%} of the word triples repeat" if repeated > 0.5 else None


def _personal_data(text: str) -> str | None:
    if "@" in text and E_MAIL.search(text):
        return "an e-mail address"
    if sum(map(str.isdigit, text)) < FEWEST_DIGITS:
        return None
    card = CARD.search(text)
    if card and _luhn(re.sub(r"\D", "", card.group())):
        return "a payment card number"
    phone = PHONE.search(text)
    if phone and FEWEST_DIGITS <= len(re.sub(r"\D", "", phone.group())) <= 15:
        return "a phone number"
    return None


def _luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    doubled = [value * 2 - 9 * (value > 4) for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def _gibberish(texts: list[str], whole: np.ndarray) -> Finding:
    """Find texts whose letter pairs are rare in the corpus, by mean log-probability."""
    values = np.full(len(texts), np.nan)
    values[whole] = pair_log_probs([text for text, ok in zip(texts, whole, strict=True) if ok])
    lower, _ = fences(values, reach=4.0, least=0.15)
    mask = whole & (values < lower)
    details = [
        f"letter pairs have the mean log-probability {value:.1f}, corpus limit {lower:.1f}"
        for value in values[mask]
    ]
    scores = 0.5 * np.exp(np.clip(np.nan_to_num(values - lower), -5, 0))
    return finding("gibberish", mask, scores=scores, details=details)


def pair_log_probs(texts: list[str]) -> np.ndarray:
    """Mean log-probability of each byte given the byte before, learnt from all texts, shape (n,).

    Each text counts once however long it is, through at most its first 2,000 bytes; a text's own
    pairs are left out of the counts that judge it, so that one odd text cannot vouch for itself.
    """
    result = np.full(len(texts), np.nan)
    spans = [np.frombuffer(text.lower().encode()[:2000], dtype=np.uint8) for text in texts]
    pairs = [span[:-1].astype(np.int64) * 256 + span[1:] for span in spans]
    if not pairs or not sum(map(len, pairs)):
        return result
    counts = np.bincount(np.concatenate(pairs), minlength=65536)
    firsts = counts.reshape(256, 256).sum(axis=1)
    for row, own in enumerate(pairs):
        if len(own) < 4:
            continue
        distinct, inverse, mine = np.unique(own, return_inverse=True, return_counts=True)
        own_first = np.bincount(own // 256, minlength=256)
        heads = distinct // 256
        others = counts[distinct] - mine + 0.01
        log_probs = np.log(others / (firsts[heads] - own_first[heads] + 2.56))
        result[row] = log_probs[inverse].mean()
    return result


def _odd_length(texts: list[str], whole: np.ndarray) -> Finding:
    logs = np.log([max(1, len(text)) for text in texts]) if texts else np.zeros(0)
    lower, upper = fences(logs[whole], reach=3.0, least=0.5)
    mask = whole & ((logs < lower) | (logs > upper))
    details = [f"{len(texts[row]):,} characters" for row in np.flatnonzero(mask)]
    return finding("odd length", mask, scores=0.45, details=details)


def _boilerplate(texts: list[str]) -> Finding:
    """Find texts that consist mostly of lines which stand in many texts."""
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in texts]
    spread = Counter(line for of_text in lines for line in set(of_text) if len(of_text) > 1)
    enough = max(10, len(texts) // 50)
    common = {line for line, count in spread.items() if count >= enough}
    shares = np.zeros(len(texts))
    for row, of_text in enumerate(lines):
        if len(of_text) > 1 and common:
            size = sum(map(len, of_text))
            shares[row] = sum(len(line) for line in of_text if line in common) / size
    mask = shares > 0.6
    details = [f"{share:.0%} of the text are lines found in many texts" for share in shares[mask]]
    return finding("boilerplate", mask, scores=0.4, details=details)
