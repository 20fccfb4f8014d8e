"""Characters that do not belong: damaged encodings, invisible signs, letters of another script.

Mojibake is told by undoing it: a run of characters that, written in an old encoding, is valid
UTF-8 of ordinary characters was UTF-8 before (the idea of ftfy, Speer, 2019).
"""

from __future__ import annotations

import re

import numpy as np

from .check import MOSTLY, Check, Place, shown
from .table import TextTable

CONTROL = re.compile("[\ufffd\x00-\x08\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# UTF-8 read as Windows-1252 or Latin-1: a lead byte's letter before a continuation byte's sign.
_FOLLOWING = (
    "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"
)
MOJIBAKE = re.compile(
    f"[\u00c2\u00c3\u00e2\u00f0][{_FOLLOWING}]|(?:[\u00c2-\u00f4][{_FOLLOWING}]){{2}}"
)
FOREIGN_RUN = re.compile(r"[^\x00-\x7f]{2,}")
READ_AS = ("mac_roman", "cp437", "cp1251", "cp1250", "cp850")
ORDINARY = re.compile("[\u00a0-\u017f\u0391-\u03c9\u0410-\u044f\u2010-\u2026\u20ac\u2122]+")
LOST = re.compile(r"(?<!\S)[^\W\d_]+(?:\?+[^\W\d_]+)+[.,;:!?)\"']*(?!\S)")
JOINED_SENTENCES = re.compile(r"[^\W\d_A-ZÀ-Þ]\?+[A-ZÀ-Þ]")
PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")
ESCAPE = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\r\\n|\\n\\[nt]|(?<![\\\w:])\\[nt](?![a-zA-Z])"
)
HIDDEN = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
HIDDEN_NAMES = {"\u00ad": "soft hyphen", "\u200b": "zero-width space", "\ufeff": "byte order mark"}
WORD = re.compile(r"[^\W\d_]{3,}")
# Scripts whose letters look alike, by the blocks of their code points.
SCRIPTS = {
    "Latin": re.compile("[A-Za-z\u00c0-\u024f]"),
    "Cyrillic": re.compile("[\u0400-\u04ff]"),
    "Greek": re.compile("[\u0370-\u03ff]"),
}


def _control(text: str) -> Place | None:
    found = CONTROL.search(text)
    if found is None:
        return None
    name = "replacement character" if found.group() == "\ufffd" else "control character"
    return found.start(), f"{name} {found.group()!a}"


def _mojibake(text: str) -> Place | None:
    for found in MOJIBAKE.finditer(text):
        if not _closes_capitals(text, found):
            return found.start(), f"{found.group()!r} looks like UTF-8 read as Latin-1,"
    for found in FOREIGN_RUN.finditer(text):
        name = _read_as(found.group())
        if name:
            return found.start(), f"{shown(found.group())} looks like UTF-8 read as {name},"
    return None


def _closes_capitals(text: str, found: re.Match[str]) -> bool:
    """Tell a capital before a closing sign, as in "CAFÉ…" or "NÃ»", from damage."""
    before = text[max(0, found.start() - 2) : found.start()]
    return len(found.group()) == 2 and bool(before) and before.isalpha() and before.isupper()


def _read_as(run: str) -> str | None:
    for name in READ_AS:
        try:
            before = run.encode(name).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        if ORDINARY.fullmatch(before):
            return name
    return None


def _lost_letters(text: str) -> Place | None:
    found = [m for m in LOST.finditer(text) if not JOINED_SENTENCES.search(m.group())]
    marks = sum(m.group().rstrip("?").count("?") for m in found)
    if marks < 2:
        return None
    return found[0].start(), f"a question mark for a letter in {shown(found[0].group())}"


def _private(text: str) -> Place | None:
    found = PRIVATE.search(text)
    return found and (found.start(), f"character {found.group()!a} that no font but one knows")


def _escape(text: str) -> Place | None:
    found = ESCAPE.search(text)
    return found and (found.start(), f"escape sequence {found.group()} instead of its character")


def _hidden(text: str) -> Place | None:
    for found in HIDDEN.finditer(text):
        if _joins_emoji_or_script(text, found.start()):
            continue
        name = HIDDEN_NAMES.get(found.group(), "invisible character")
        return found.start(), f"{name} {found.group()!a}"
    return None


def _joins_emoji_or_script(text: str, place: int) -> bool:
    """Know marks of direction beside Hebrew and Arabic, zero-width spaces in Thai or Khmer."""
    around = text[max(0, place - 40) : place + 40]
    if text[place] in "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069":
        return bool(re.search("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]", around))
    return text[place] == "\u200b" and bool(
        re.search("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]", around)
    )


def _mixed(text: str) -> Place | None:
    for found in WORD.finditer(text):
        word = found.group()
        if word.isascii():
            continue
        scripts = [name for name, letters in SCRIPTS.items() if letters.search(word)]
        if len(scripts) > 1:
            return found.start(), f"{' and '.join(scripts)} letters in one word {shown(word)}"
    return None


def _odd_codes(table: TextTable) -> np.ndarray:
    codes = table.codes
    odd = (
        (codes < 32) & (codes != 9) & (codes != 10) & (codes != 11) & (codes != 12) & (codes != 13)
    )
    odd |= (codes >= 127) & (codes < 160) | (codes >= 0xD800) & (codes < 0xE000)
    return table.rows_at(np.flatnonzero(odd | (codes >= 0xFFFD) & (codes <= 0xFFFF)))


def _private_codes(table: TextTable) -> np.ndarray:
    codes = table.codes
    return table.rows_at(np.flatnonzero((codes >= 0xE000) & (codes < 0xF900) | (codes >= 0xF0000)))


def _with_two_question_marks(table: TextTable) -> np.ndarray:
    return np.flatnonzero(table.total(table.codes == ord("?")) >= 2)


CHECKS = (
    Check("control characters", "damaged encoding", _odd_codes, _control, 0.2, MOSTLY),
    Check("wrongly read UTF-8", "damaged encoding", TextTable.beyond_ascii, _mojibake, 0.2, MOSTLY),
    Check(
        "lost letters",
        "damaged encoding",
        _with_two_question_marks,
        _lost_letters,
        0.2,
        in_notation=False,
    ),
    Check("private-use characters", "damaged encoding", _private_codes, _private, 0.3),
    Check(
        "escape sequences",
        "damaged encoding",
        lambda table: table.having("\\"),
        _escape,
        0.3,
        in_notation=False,
    ),
    Check("invisible characters", "invisible characters", TextTable.beyond_ascii, _hidden, 0.3),
    Check("mixed scripts", "mixed letters", TextTable.beyond_ascii, _mixed, 0.3),
)
