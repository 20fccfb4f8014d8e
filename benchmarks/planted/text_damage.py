# ruff: noqa: ARG001 (all damage has one signature)
"""45 kinds of damage to a text, each a function of a text and a `Draw`.

Every kind that needs examples has two lists, written before any check was: the first for choosing
limits, the second for judging them (other countries, vendors, languages, templates). A function
returns None where the text cannot be damaged so (no spaces to remove, no capitals in the script).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from . import text_pieces as pieces

Damage = Callable[[str, "Draw"], "str | None"]


@dataclass(frozen=True)
class Draw:
    """Random choices for one planted row: corpus, generator, list to use, and other texts."""

    corpus: str
    rng: np.random.Generator
    judged: bool
    others: Sequence[str]

    def of(self, pair: tuple[Sequence[str], Sequence[str]]) -> str:
        """Take one piece of the list to use."""
        choices = pair[int(self.judged)]
        return choices[int(self.rng.integers(len(choices)))]

    def filled(self, pair: tuple[Sequence[str], Sequence[str]]) -> str:
        """Fill a template: # is a digit, ^ a capital, ~ a letter or digit, % hexadecimal."""
        signs = {
            "#": "0123456789",
            "^": "ABCDEFGHJKLMNPQRSTUVWXYZ",
            "~": "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789",
            "%": "0123456789abcdef",
        }
        return "".join(
            signs[sign][int(self.rng.integers(len(signs[sign])))] if sign in signs else sign
            for sign in self.of(pair)
        )


def insert(text: str, piece: str, draw: Draw) -> str:
    """Put a piece between two words, or at either end."""
    words = text.split(" ")
    at = int(draw.rng.integers(len(words) + 1))
    return " ".join([*words[:at], piece, *words[at:]])


def within(text: str, signs: Sequence[str], draw: Draw, *, n: int) -> str | None:
    """Put signs inside of words."""
    places = [m.start() + 1 for m in re.finditer(r"\w(?=\w)", text)]
    if len(places) < n:
        return None
    for place in sorted(draw.rng.permutation(places)[:n].tolist(), reverse=True):
        text = text[:place] + signs[int(draw.rng.integers(len(signs)))] + text[place:]
    return text


def replaced(text: str, table: dict[str, str], draw: Draw, *, n: int) -> str | None:
    """Replace letters by those of a table."""
    places = [i for i, sign in enumerate(text) if sign in table]
    if len(places) < n:
        return None
    signs = list(text)
    for place in draw.rng.permutation(places)[:n]:
        signs[place] = table[signs[place]]
    return "".join(signs)


def mojibake(text: str, draw: Draw) -> str | None:
    if text.isascii():
        accented = replaced(text, pieces.ACCENTS, draw, n=2)
        if accented is None:
            return None
        text = accented
    read_as, times = (("cp1252", 1), ("cp1252", 2), ("latin-1", 1)), (0, 1, 2)
    if draw.judged:
        read_as, times = (
            (("latin-1", 2), ("cp1252", 1), ("mac_roman", 1), ("cp437", 1)),
            (0, 1, 2, 3),
        )
    name, repeats = read_as[int(draw.rng.integers(len(times)))]
    for _ in range(repeats):
        text = text.encode().decode(name, errors="ignore")
    return text


def lost_letters(text: str, draw: Draw) -> str | None:
    return replaced(text, dict.fromkeys(text, "\ufffd"), draw, n=2)


def control_characters(text: str, draw: Draw) -> str | None:
    return within(
        text,
        ["\x00", "\x01", "\x08"] if not draw.judged else ["\x1b", "\x7f", "\x02", "\x9d"],
        draw,
        n=1,
    )


def zero_width(text: str, draw: Draw) -> str | None:
    return within(
        text, ["\u200b", "\u2060"] if not draw.judged else ["\u200b", "\ufeff", "\u2061"], draw, n=3
    )


def byte_order_mark(text: str, draw: Draw) -> str | None:
    return "\ufeff" + text


def soft_hyphens(text: str, draw: Draw) -> str | None:
    return within(text, ["\u00ad"], draw, n=3)


def direction_marks(text: str, draw: Draw) -> str | None:
    pair = ("\u202e", "\u202c") if not draw.judged else ("\u2067", "\u2069")
    return insert(text, pair[0] + "abc" + pair[1], draw)


def private_use(text: str, draw: Draw) -> str | None:
    return insert(text, draw.of((["\uf0b7", "\ue001"], ["\uf04a", "\ue5cd \ue5cd"])), draw)


def letters_to_question_marks(text: str, draw: Draw) -> str | None:
    vowels = "aeiou" + "àâäåæéèêëîïôöøûüčřšžąęłńóśźżабвгдежз"
    inner = {m.start() for m in re.finditer(r"(?<=\w)\w(?=\w)", text)}
    places = [i for i, sign in enumerate(text) if sign.lower() in vowels and i in inner]
    if len(places) < 4:
        return None
    signs = list(text)
    for place in draw.rng.permutation(places)[: max(3, len(places) // 4)]:
        signs[place] = "?"
    return "".join(signs)


def look_alikes(text: str, draw: Draw) -> str | None:
    return replaced(
        text, pieces.CYRILLIC if not draw.judged else pieces.GREEK_AND_CYRILLIC, draw, n=4
    )


def escapes(text: str, draw: Draw) -> str | None:
    if draw.judged:
        return insert(
            text.replace("'", "\\u2019"),
            draw.of(([], ["\\u00e9t\\u00e9", "\\xe2\\x80\\x99", "\\r\\n\\r\\n"])),
            draw,
        )
    return insert(
        text.replace("'", "\\x27"), draw.of((["caf\\u00e9", "\\n\\n\\t", "it\\u2019s"], [])), draw
    )


def tags(text: str, draw: Draw) -> str | None:
    before, after = draw.of(pieces.TAGS).split("…")
    words = text.split(" ")
    at = int(draw.rng.integers(len(words)))
    return " ".join([*words[:at], before + words[at] + after, *words[at + 1 :]])


def entities(text: str, draw: Draw) -> str | None:
    if html.escape(text) != text:
        text = html.escape(text)
    return insert(text, draw.of(pieces.ENTITIES), draw)


def script(text: str, draw: Draw) -> str | None:
    return insert(text, draw.of(pieces.SCRIPTS), draw)


def cut_json(text: str, draw: Draw) -> str | None:
    row = {"id": int(draw.rng.integers(10_000)), "text": text, "tags": ["a", "b"], "score": 0.5}
    if draw.judged:
        row = {"title": text[:40], "body": {"text": text, "lang": "x"}, "ok": True}
    written = json.dumps(row, ensure_ascii=False)
    return written[: int(len(written) * draw.rng.uniform(0.5, 0.9))]


def wiki(text: str, draw: Draw) -> str | None:
    return insert(text, draw.of(pieces.WIKI), draw)


def blob(text: str, draw: Draw) -> str | None:
    if draw.judged:
        return insert(
            text,
            draw.filled(([], ["data:image/png;base64,iVBORw0KGgo" + "~" * 90, "~" * 120 + "=="])),
            draw,
        )
    if draw.rng.random() < 0.5:
        return insert(text, draw.filled((["~" * 100 + "="], [])), draw)
    return re.sub(r"\s", "%20", text).replace(",", "%2C") if text.count(" ") > 3 else None


def runs(text: str, draw: Draw) -> str | None:
    sign = draw.of((["o", "a", "=", "!"], ["e", "z", "_", "*"]))
    return insert(text, sign * (40 if not sign.isalpha() else 15), draw)


def word_repeated(text: str, draw: Draw) -> str | None:
    words = text.split()
    if len(words) < 3:
        return None
    word = words[int(draw.rng.integers(len(words)))]
    return insert(text, " ".join([word] * (20 if not draw.judged else 12)), draw)


def text_repeated(text: str, draw: Draw) -> str | None:
    if len(text.split()) < 4 or len(text) > 2_000:
        return None
    return (" " if not draw.judged else "\n").join([text] * (5 if not draw.judged else 4))


def lorem(text: str, draw: Draw) -> str | None:
    return draw.of(pieces.LOREM)


def mash(text: str, draw: Draw) -> str | None:
    keys = "asdfjklghqwe" if not draw.judged else "abcdefghijklmnopqrstuvwxyz"
    lengths = draw.rng.integers(3, 11, 8)
    return " ".join("".join(keys[i] for i in draw.rng.integers(len(keys), size=n)) for n in lengths)


def signs(text: str, draw: Draw) -> str | None:
    pool = "@#$%^&*()_+{}|:<>?~`;/" if not draw.judged else "§¤†‡•◊¬^~|\\}{][#=+%"
    return "".join(
        pool[int(draw.rng.integers(len(pool)))] if draw.rng.random() < 0.7 else sign
        for sign in text[:200]
    )


def shuffled(text: str, draw: Draw) -> str | None:
    words = text.split()
    if len(words) < 6:
        return None
    return " ".join(words[i] for i in draw.rng.permutation(len(words)))


def spaces_removed(text: str, draw: Draw) -> str | None:
    return text.replace(" ", "") if text.count(" ") >= 3 else None


def letters_spaced(text: str, draw: Draw) -> str | None:
    return (
        " ".join(text.replace(" ", "  " if draw.judged else " "))[:600] if len(text) >= 12 else None
    )


def capitals(text: str, draw: Draw) -> str | None:
    return text.upper() if sum(map(str.islower, text)) >= 10 else None


def backwards(text: str, draw: Draw) -> str | None:
    return text[::-1] if len(text) >= 15 and any(map(str.isalpha, text)) else None


def cut(text: str, draw: Draw) -> str | None:
    if len(text) < 30:
        return None
    return text[: int(len(text) * draw.rng.uniform(0.3, 0.8))].rstrip()


def scanned(text: str, draw: Draw) -> str | None:
    table = pieces.SCANNED[int(draw.judged)]
    places = [i for i, sign in enumerate(text) if sign in table]
    return replaced(text, table, draw, n=len(places) // 2) if len(places) >= 6 else None


def empty(text: str, draw: Draw) -> str | None:
    return draw.of((["", "  \n ", "..."], ["\t", "?!", "—", "\u00a0\u00a0"]))


def overlong(text: str, draw: Draw) -> str | None:
    rows = [
        draw.others[i]
        for i in draw.rng.integers(len(draw.others), size=80 if not draw.judged else 60)
    ]
    return " ".join(rows)


def other_language(text: str, draw: Draw) -> str | None:
    latin = any("a" <= sign <= "z" for sign in text.lower())
    language, _, text = draw.of(
        pieces.FOREIGN if latin else pieces.FOREIGN_TO_OTHER_SCRIPTS
    ).partition(": ")
    return None if language in draw.corpus else text


def cookie_notice(text: str, draw: Draw) -> str | None:
    return draw.of(pieces.COOKIES)


def navigation(text: str, draw: Draw) -> str | None:
    top, bottom = draw.of(pieces.NAVIGATION).split("…")
    return f"{top}\n{text[:60]}\n{bottom}"


def error_page(text: str, draw: Draw) -> str | None:
    return draw.of(pieces.ERRORS)


def placeholder(text: str, draw: Draw) -> str | None:
    return draw.of(pieces.PLACEHOLDERS)


def refusal(text: str, draw: Draw) -> str | None:
    return draw.of(pieces.REFUSALS)


def e_mail(text: str, draw: Draw) -> str | None:
    return insert(text, draw.of(pieces.E_MAILS), draw)


def phone(text: str, draw: Draw) -> str | None:
    return insert(text, draw.filled(pieces.PHONES), draw)


def card(text: str, draw: Draw) -> str | None:
    prefix, length, groups = draw.of(pieces.CARDS).split()
    digits = prefix + "".join(
        str(i) for i in draw.rng.integers(10, size=int(length) - len(prefix) - 1)
    )
    total = sum(
        int(digit) if place % 2 else sum(divmod(2 * int(digit), 10))
        for place, digit in enumerate(reversed(digits))
    )
    digits += str(-total % 10)
    parts, at = [], 0
    for size in groups.split("+"):
        parts.append(digits[at : at + int(size)])
        at += int(size)
    return insert(text, (" " if draw.rng.random() < 0.5 else "-").join(parts), draw)


def iban(text: str, draw: Draw) -> str | None:
    template = draw.filled(pieces.IBANS)
    land, body = template[:2], template[2:]
    number = int("".join(str(int(sign, 36)) for sign in body + land + "00"))
    written = f"{land}{98 - number % 97:02d}{body}"
    if draw.rng.random() < 0.6:
        written = " ".join(written[i : i + 4] for i in range(0, len(written), 4))
    return insert(text, written, draw)


def street(text: str, draw: Draw) -> str | None:
    return insert(text, draw.filled(pieces.STREETS), draw)


def secret(text: str, draw: Draw) -> str | None:
    return insert(text, draw.filled(pieces.SECRETS), draw)


def ip_address(text: str, draw: Draw) -> str | None:
    parts = draw.rng.integers(1, 255, 4)
    first = (
        (203, 85, 104)[int(draw.rng.integers(3))]
        if not draw.judged
        else (45, 151, 198)[int(draw.rng.integers(3))]
    )
    if draw.judged and draw.rng.random() < 0.4:
        return insert(
            text, "2001:db8:" + ":".join(f"{int(part):x}{first:x}" for part in [*parts, 7, 9]), draw
        )
    return insert(text, f"{first}.{parts[1]}.{parts[2]}.{parts[3]}", draw)


KINDS: dict[str, Damage] = {
    "mojibake": mojibake,
    "letters lost to U+FFFD": lost_letters,
    "control characters": control_characters,
    "zero-width characters": zero_width,
    "byte order mark": byte_order_mark,
    "soft hyphens": soft_hyphens,
    "marks of direction": direction_marks,
    "private-use characters": private_use,
    "letters become ?": letters_to_question_marks,
    "look-alike letters": look_alikes,
    "escape sequences": escapes,
    "HTML tags": tags,
    "HTML entities": entities,
    "script or CSS": script,
    "JSON cut off": cut_json,
    "wiki, Markdown, BBCode": wiki,
    "base64 or percent blob": blob,
    "run of one sign": runs,
    "word repeated": word_repeated,
    "text repeated": text_repeated,
    "lorem ipsum": lorem,
    "keyboard mash": mash,
    "random signs": signs,
    "words shuffled": shuffled,
    "spaces removed": spaces_removed,
    "letters spaced": letters_spaced,
    "capitals throughout": capitals,
    "written backwards": backwards,
    "cut in the middle": cut,
    "letters misread by a scanner": scanned,
    "empty": empty,
    "80 texts in one": overlong,
    "other language": other_language,
    "cookie notice": cookie_notice,
    "navigation lines": navigation,
    "error page or trace": error_page,
    "placeholder": placeholder,
    "refusal of a model": refusal,
    "e-mail address": e_mail,
    "phone number": phone,
    "card number": card,
    "IBAN": iban,
    "street address": street,
    "API key or password": secret,
    "IP address": ip_address,
}
