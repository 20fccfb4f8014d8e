"""Numbers by which lands know their people: social security, taxes, identity cards.

Each has its form, and nearly all have check digits. Where other numbers have that form too and more
than one in a hundred of them would pass by chance, a word such as "PESEL" must stand before it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .check_digits import digits_of, is_date, luhn, mod_11_2, mod_11_10, verhoeff, weighted

WORD_REACH = 48
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_ODD = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)


def _us(text: str) -> bool:
    area, group, serial = digits_of(text)[:3], digits_of(text)[3:5], digits_of(text)[5:]
    return area not in ([0, 0, 0], [6, 6, 6]) and area[0] != 9 and any(group) and any(serial)


def _de(text: str) -> bool:
    digits = digits_of(text)
    again = [count for count in Counter(digits[:10]).values() if count > 1]
    return digits[0] != 0 and again in ([2], [3]) and mod_11_10(digits)


def _fr(text: str) -> bool:
    plain = "".join(sign for sign in text if sign.isalnum()).upper()
    number = plain[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(plain[13:])


def _es(text: str) -> bool:
    plain = "".join(sign for sign in text if sign.isalnum()).upper()
    number = plain[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and _DNI[int(number) % 23] == plain[-1]


def _it(text: str) -> bool:
    values = [int(sign) if sign.isdigit() else ord(sign) - 65 for sign in text.upper()]
    total = sum(_ODD[value] for value in values[0:15:2]) + sum(values[1:15:2])
    return total % 26 == values[15]


def _nl(text: str) -> bool:
    digits = digits_of(text)
    return any(digits) and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _be(text: str) -> bool:
    plain = "".join(map(str, digits_of(text)))
    body, check = plain[:9], int(plain[9:])
    return check in (97 - int(body) % 97, 97 - int("2" + body) % 97)


def _pl(text: str) -> bool:
    digits = digits_of(text)
    month, day = digits[2] * 10 + digits[3], digits[4] * 10 + digits[5]
    year = digits[0] * 10 + digits[1]
    century = {0: 1900, 20: 2000, 40: 2100, 60: 2200, 80: 1800}[month // 20 * 20]
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    return weighted(digits, weights) % 10 == 0 and is_date(century + year, month % 20, day)


def _se(text: str) -> bool:
    digits = digits_of(text)[-10:]
    day = digits[4] * 10 + digits[5]
    born = is_date(digits[0] * 10 + digits[1], digits[2] * 10 + digits[3], day - 60 * (day > 60))
    return born and luhn(digits)


def _no(text: str) -> bool:
    digits = digits_of(text)
    first = weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    second = weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    day, month = digits[0] * 10 + digits[1], digits[2] * 10 + digits[3]
    born = is_date(digits[4] * 10 + digits[5], month % 40, day % 40)
    return first == 0 and second == 0 and born


def _dk(text: str) -> bool:
    digits = digits_of(text)
    return is_date(
        digits[4] * 10 + digits[5], digits[2] * 10 + digits[3], digits[0] * 10 + digits[1]
    )


def _fi(text: str) -> bool:
    digits = digits_of(text[:10])
    born = is_date(
        digits[4] * 10 + digits[5], digits[2] * 10 + digits[3], digits[0] * 10 + digits[1]
    )
    number = int("".join(map(str, digits[:9])))
    return born and _HETU[number % 31] == text[-1].upper()


def _ch(text: str) -> bool:
    return weighted(digits_of(text), (1, 3) * 6 + (1,)) % 10 == 0


def _at(text: str) -> bool:
    digits = digits_of(text)
    check = weighted(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11
    month = digits[6] * 10 + digits[7]
    return digits[0] != 0 and check == digits[3] and 1 <= month <= 15


def _br(text: str) -> bool:
    digits = digits_of(text)
    first = weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return [first, second] == digits[9:] and len(set(digits)) > 1


def _in(text: str) -> bool:
    digits = digits_of(text)
    return digits[0] > 1 and digits != digits[::-1] and verhoeff(digits)


def _ca(text: str) -> bool:
    digits = digits_of(text)
    return digits[0] not in (0, 8) and luhn(digits)


def _za(text: str) -> bool:
    digits = digits_of(text)
    born = is_date(
        digits[0] * 10 + digits[1], digits[2] * 10 + digits[3], digits[4] * 10 + digits[5]
    )
    return born and luhn(digits)


def _cn(text: str) -> bool:
    year, month, day = int(text[6:10]), int(text[10:12]), int(text[12:14])
    return 1850 < year < 2100 and is_date(year, month, day) and mod_11_2(text)


def _gb(text: str) -> bool:
    digits = digits_of(text)
    check = 11 - weighted(digits, range(10, 1, -1)) % 11
    return len(set(digits)) > 1 and digits[9] == (0 if check == 11 else check)


def _tr(text: str) -> bool:
    digits = digits_of(text)
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[0] != 0 and digits[9] == tenth and sum(digits[:10]) % 10 == digits[10]


@dataclass(frozen=True)
class Land:
    """One kind of number.

    Attributes
    ----------
    name : str
    form : re.Pattern
        How it is written; nothing that is part of a longer number.
    check : callable
        From the text to whether its digits agree.
    words : re.Pattern or None
        One of these must stand shortly before it.
    """

    name: str
    form: re.Pattern[str]
    check: Callable[[str], bool]
    words: re.Pattern[str] | None = None


def _land(name: str, form: str, check: Callable[[str], bool], words: str = "") -> Land:
    whole = re.compile(rf"(?<![\w.,/+=&#-])(?:{form})(?![\w/]|[.,-]\w)")
    return Land(name, whole, check, re.compile(rf"(?i)\b(?:{words})\b") if words else None)


LANDS = (
    _land("US social security number", r"\d{3}-\d{2}-\d{4}", _us),
    _land(
        "German tax number", r"\d{11}|\d{2} \d{3} \d{3} \d{3}", _de, r"steuer\w*|idnr\.?|tin|tax"
    ),
    _land(
        "French social security number",
        r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}",
        _fr,
    ),
    _land(
        "Spanish identity number",
        r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]",
        _es,
        r"dni|nif|nie|documento|identidad",
    ),
    _land("Italian tax code", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", _it),
    _land(
        "Dutch citizen number",
        r"\d{9}|\d{3}[ .]\d{3}[ .]\d{3}",
        _nl,
        r"bsn|burgerservicenummer|sofi\w*",
    ),
    _land("Belgian national number", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", _be),
    _land("Polish PESEL", r"\d{11}", _pl, r"pesel"),
    _land("Swedish personal number", r"(?:19|20)?\d{6}[-+]\d{4}", _se),
    _land("Norwegian birth number", r"\d{6} ?\d{5}", _no),
    _land("Danish CPR number", r"\d{6}-\d{4}", _dk, r"cpr\w*|personnummer|cpr-nr\.?"),
    _land("Finnish identity code", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", _fi),
    _land("Swiss insurance number", r"756\.\d{4}\.\d{4}\.\d{2}|756\d{10}", _ch),
    _land(
        "Austrian insurance number",
        r"\d{4} ?\d{6}",
        _at,
        r"sv-?nr\.?|svnr|sozialversicherung\w*|vsnr",
    ),
    _land("Brazilian CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", _br),
    _land(
        "Indian Aadhaar number", r"[2-9]\d{3} \d{4} \d{4}|[2-9]\d{11}", _in, r"aa?dhaa?r|uidai|uid"
    ),
    _land(
        "Canadian social insurance number",
        r"\d{3}[- ]\d{3}[- ]\d{3}|\d{9}",
        _ca,
        r"sin|social insurance\w*|nas",
    ),
    _land("South African identity number", r"\d{13}", _za, r"id|identity|identiteits\w*"),
    _land("Chinese resident number", r"[1-9]\d{16}[\dXx]", _cn),
    _land("British NHS number", r"\d{3}[ -]\d{3}[ -]\d{4}|\d{10}", _gb, r"nhs"),
    _land("Turkish identity number", r"[1-9]\d{10}", _tr, r"t\.?c\.?|kimlik|tckn"),
)


def identity_spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and name of each number of a person in a text."""
    for land in LANDS:
        for found in land.form.finditer(text):
            before = text[max(0, found.start() - WORD_REACH) : found.start()]
            if land.words is not None and not land.words.search(before):
                continue
            if land.check(found.group()):
                yield found.start(), found.end(), land.name
