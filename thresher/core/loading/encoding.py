"""Files of text as UTF-8: by what the user says, a byte order mark, or a detector that is sure.

The detector (`chardet`) is asked twice: about the text, and about its words that are not ASCII.
Where both give the same text it is taken; where they do not, the user is asked.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

from ..counted import counted
from ..errors import FormError, InputError

# Code points that no text may hold stand for bytes that mean nothing, until their row is set aside.
MARKS = tuple(chr(code) for code in (0x10FFFF, 0xFDD0, 0xFDD1, 0xFDD2))
CANDIDATES = (
    *("ascii", "gb18030", "big5hkscs", "cp932", "shift_jis_2004", "euc_jis_2004", "iso2022_jp_2"),
    *("cp949", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("cp1258", "iso8859-2", "iso8859-5", "koi8-r", "mac-roman", "mac-cyrillic", "cp874"),
)
ASKED_ABOUT = ("cp1252", "mac-roman", "cp1250", "cp1251", "gb18030", "shift_jis", "cp949", "big5")
MAC_OR_DOS = ("ascii", "mac-roman", "cp850", "cp437")
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UNKNOWN = "\ufffd".encode()  # what stands for such bytes where text is written again
SAMPLE_BYTES, SAMPLE_WORDS = 200_000, 20_000
SURE, CLEARLY, MARGIN, NEARLY, CERTAIN = 0.1, 1.5, 1.05, 0.9, 0.9
ENOUGH_BYTES = 24  # of distinct words that are not ASCII; with fewer, the margin must be clear
FEW = 3  # lines that tell nothing of an encoding, where all others are ASCII
# Shares of accented letters beside another, and of bytes that western text hardly has.
MOST_PAIRED, MOST_CONTROL = 0.25, 0.1
WESTERN = "cp1252"
TYPOGRAPHIC = frozenset(b"\x80\x85\x91\x92\x93\x94\x95\x96\x97\x99")
_WORD = re.compile(rb'[^\s,;"]*[\x80-\xff][^\s,;"]*')
_SIGN_IN_WORD = re.compile(rb"(?<=[A-Za-z])[\x80\x85\x91\x93-\x97\x99](?=[A-Za-z])")
_PAIR = re.compile(rb"[\x80-\xff]{2,}")


class UnclearEncoding(FormError):  # noqa: N818 — reads as the finding it is
    """The bytes of a text could mean several things."""

    option = "encoding"


@dataclass(frozen=True)
class Decoded:
    """A text as UTF-8.

    Attributes
    ----------
    data : bytes
        Without a byte order mark.
    encoding : str
        That of the file.
    reason : str
        Why it was taken; empty for plain UTF-8.
    mark : bytes
        Stands where bytes of the file mean nothing; empty where all do.
    question : str
        What to ask the user where a line that holds such bytes cannot be spared.
    raw : dict of int to bytes
        Lines of UTF-8 with such bytes, from 0, as the file has them.
    order_mark : bool
        Whether the file begins with the byte order mark of UTF-8.
    """

    data: bytes
    encoding: str = "utf-8"
    reason: str = ""
    mark: bytes = field(default=b"", repr=False)
    question: str = field(default="", repr=False)
    raw: dict[int, bytes] = field(default_factory=dict, repr=False)
    order_mark: bool = False

    @property
    def fault(self) -> str:
        """What is said of rows that hold such bytes."""
        return "not UTF-8" if self.encoding == "utf-8" else f"not {self.encoding}"


def check_encoding(name: str | None) -> str | None:
    """Return the name of a text encoding that Python knows, or raise an `InputError`."""
    if name is None:
        return None
    try:
        found = codecs.lookup(name)
        known = found._is_text_encoding
    except (LookupError, TypeError, ValueError):
        known = False
    if not known:
        raise InputError(
            f"`encoding` must be one that Python knows, such as utf-8, cp1252, gb18030, shift_jis, "
            f"euc_kr or big5; got {name!r}."
        )
    return found.name


def to_utf8(data: bytes, *, name: str, encoding: str | None = None) -> Decoded:
    """Decode the bytes of a text file.

    Parameters
    ----------
    data : bytes
    name : str
        How the file is called in messages.
    encoding : str, optional
        What the user says; else it is found out.

    Raises
    ------
    UnclearEncoding
        When it cannot be told with confidence.
    """
    found = _decoded(data, name=name, encoding=encoding)
    return replace(found, order_mark=data.startswith(codecs.BOM_UTF8))


def _decoded(data: bytes, *, name: str, encoding: str | None) -> Decoded:
    if encoding is not None:
        return _as_told(data, encoding)
    for mark, found in ORDER_MARKS:
        if data.startswith(mark):
            if found == "utf-8":
                return _utf8_mostly(data[len(mark) :], name=name, certain=True)
            reason = f"{name} begins with its byte order mark"
            return _replaced(data, found, reason)
    wide = _wide(data)
    if wide is not None:
        return Decoded(data.decode(wide).encode(), wide, f"{name} has zeros as it would")
    if is_utf8(data) and b"\x1b" not in data:
        return Decoded(data)
    return _utf8_mostly(data, name=name, certain=False)


def is_utf8(data: bytes) -> bool:
    """Tell whether all bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_told(data: bytes, encoding: str) -> Decoded:
    for mark, found in ORDER_MARKS:
        if data.startswith(mark) and codecs.lookup(encoding).name == found == "utf-8":
            data = data[len(mark) :]
    return _replaced(data, encoding, "given")


def _replaced(data: bytes, encoding: str, reason: str) -> Decoded:
    """Decode all of it; put a mark where bytes mean nothing."""
    try:
        return Decoded(data.decode(encoding).encode(), encoding, reason)
    except UnicodeEncodeError as error:  # half a character, in UTF-16 or UTF-7
        raise UnclearEncoding(f"the text is no {encoding} ({error.reason})") from error
    except UnicodeDecodeError:
        mark = _unused(data)
    text = data.decode(encoding, errors="replace").replace("\ufffd", mark)
    raw = {}
    if codecs.lookup(encoding).name == "utf-8":
        raw = {at: line for at, line in enumerate(data.split(b"\n")) if not is_utf8(line)}
    return Decoded(text.encode(), encoding, reason, mark.encode(), raw=raw)


def _unused(data: bytes) -> str:
    return next((mark for mark in MARKS if mark.encode() not in data), MARKS[0])


def _utf8_mostly(data: bytes, *, name: str, certain: bool) -> Decoded:
    """Decode what is UTF-8 but for a few lines, or else in the encoding that is detected."""
    lines = data.split(b"\n")
    bad = [number for number, line in enumerate(lines) if not is_utf8(line)]
    foreign = sum(not line.isascii() for line in lines)
    mostly = certain or len(bad) * 2 < foreign
    few = len(bad) <= FEW and len(bad) * 10 <= len(lines)
    # The first line may name the columns, and cannot be spared then.
    found = None if bad and (mostly or (few and bad[0] > 0)) else _detected(data)
    if bad and (mostly or few) and found is None:
        question = _unclear(data, name) if bad[0] == 0 and not certain else ""
        return _without(lines, bad, mark=_unused(data), question=question)
    if not bad and (found is None or not found.startswith("iso2022")):
        return Decoded(data)
    if found is None:
        raise UnclearEncoding(_unclear(data, name))
    count = len(lines) - (not lines[-1])  # after the last line end there is no line
    reason = (
        f"{len(bad)} of {counted(count, 'line')} of {name} are not UTF-8"
        if bad
        else ("its escapes")
    )
    return Decoded(data.decode(found).encode(), found, reason)


def _without(lines: list[bytes], bad: list[int], *, mark: str, question: str) -> Decoded:
    """Put a mark where bytes of the bad lines mean nothing, which sets these lines aside."""
    raw = {number: lines[number] for number in bad}
    for number, line in raw.items():
        lines[number] = line.decode(errors="replace").replace("\ufffd", mark).encode()
    return Decoded(b"\n".join(lines), mark=mark.encode(), question=question, raw=raw)


def _unclear(data: bytes, name: str) -> str:
    """Say what the first word would be in the encodings that come into question."""
    word = next(found[0] for found in _WORD.finditer(data) if not is_utf8(found[0]))[:40]
    shown = {}
    for encoding in ASKED_ABOUT:
        try:
            data.decode(encoding)
            shown[encoding] = word.decode(encoding)
        except UnicodeDecodeError:
            continue
    listed = ", ".join(f"{encoding} gives {text!r}" for encoding, text in shown.items())
    return (
        f"{name} is not UTF-8, and what it is cannot be told for sure"
        f"{f' ({listed})' if listed else ''}. Say it with --encoding (`encoding`)."
    )


def _wide(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 without a mark, or None; its line ends and spaces hold zeros."""
    if b"\0" not in data[:SAMPLE_BYTES]:
        return None
    confidence, found = next(iter(_ranked(data[:SAMPLE_BYTES], WIDE)), (0.0, ""))
    if confidence < CERTAIN:
        return None
    try:
        return None if "\0" in data.decode(found) else codecs.lookup(found).name
    except UnicodeDecodeError:
        return None


def _detected(data: bytes) -> str | None:
    """Return the encoding that the detector is sure of, or None."""
    words = dict.fromkeys(found[0] for found in islice(_WORD.finditer(data), SAMPLE_WORDS))
    start = data.find(next(iter(words), b""))  # what comes before is ASCII
    whole = _readings(data, data[max(0, start - 100) :][:SAMPLE_BYTES])
    bare = _readings(data, b" ".join(words)[:SAMPLE_BYTES]) if words else whole
    if not whole or not bare:
        return _western(whole or bare, words)
    text, encoding, confidence = bare[0]
    others = max((score for other, _, score in bare if other != text), default=0.0)
    encoding = next((name for same, name, _ in bare if same == text and name == WESTERN), encoding)
    margin = MARGIN if sum(map(len, words)) >= ENOUGH_BYTES else CLEARLY
    if encoding == "mac-roman" and not _is_mac(b" ".join(words)):
        return None
    if text == whole[0][0] and confidence >= margin * others:
        return encoding
    if confidence >= max(SURE, CLEARLY * others):
        return encoding
    return _western(whole, words)


def _is_mac(words: bytes) -> bool:
    """Tell the accents of old Macintosh files from those of DOS, which stand at like places."""
    found = [encoding for _, encoding in _ranked(words, MAC_OR_DOS) if encoding != "ascii"]
    return bool(found) and codecs.lookup(found[0]).name == "mac-roman"


def _ranked(sample: bytes, candidates: tuple[str, ...]) -> list[tuple[float, str]]:
    import chardet

    found = chardet.detect_all(
        sample,
        ignore_threshold=True,
        include_encodings=candidates,
        no_match_encoding=candidates[0],
    )
    return [(each["confidence"], each["encoding"]) for each in found if each["encoding"]]


def _readings(data: bytes, sample: bytes) -> list[tuple[str, str, float]]:
    """Return what the data would be in each encoding that decodes all of it, the likeliest first.

    Of long data, a beginning that holds the sample stands for all of it.
    """
    found = []
    for confidence, encoding in _ranked(sample, CANDIDATES):
        encoding = codecs.lookup(encoding).name
        try:
            found.append((data.decode(encoding), encoding, confidence))
        except UnicodeDecodeError:
            continue
    return found


def _western(whole: list[tuple[str, str, float]], words: Iterable[bytes]) -> str | None:
    """Take cp1252 where it is the likeliest and accented letters stand alone between ASCII.

    A few signs in an English text (£, é, curly quotes) say nothing else to a detector.
    """
    joined = b" ".join(words)
    high = [byte for byte in joined if byte >= 0x80]
    paired = sum(len(found[0]) for found in _PAIR.finditer(joined))
    control = sum(byte < 0xA0 and byte not in TYPOGRAPHIC for byte in high)
    control += len(_SIGN_IN_WORD.findall(joined))
    if not high or paired > MOST_PAIRED * len(high) or control > MOST_CONTROL * len(high):
        return None
    best = max((confidence for *_, confidence in whole), default=0.0)
    return next((name for _, name, c in whole if name == WESTERN and c >= NEARLY * best), None)
