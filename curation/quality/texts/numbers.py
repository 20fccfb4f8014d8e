"""Numbers of phones, payment cards and bank accounts, told by their own rules, not by length.

Phones: ITU-T E.164 with assigned country codes (any grouping), the North American plan, and
national numbers with a leading zero; anything else only beside a word such as "tel.". Cards:
issuer prefix and length (ISO/IEC 7812), groups as printed, Luhn. Accounts: length of the country
and check digits (ISO 13616). Nothing inside an address of the web or a longer identifier counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .check import Place, Span, first_private, masked

# A number with separators, not inside a word, an address, a decimal or a longer identifier.
NUMBER = re.compile(
    r"(?<![\w.,/=&?#$€£_-])(?:\+|\(\+?)?\d[\d ().\-/]{5,24}\d(?![\w%°€£]|[.,]\d|-\w)"
)
WORDED = re.compile(
    r"\b(?:tel|telefon\w*|phones?|telephone|fax|mobile|mobil|handy|cell|call|ring|dial|hotline|whatsapp|"
    r"sms|téléphone|tél|móvil|teléfono|telefono|cellulare|тел|телефон)[.:]?\s*(?:\w+\s){0,2}$",
    re.IGNORECASE,
)
BOOK = re.compile(
    r"(?:isbn|issn|doi|pp?\.?|pages?|patent|no\.?|nr\.?|#)[\s:-]*(?:1[03][\s:-]*)?$", re.IGNORECASE
)
NORTH_AMERICAN = re.compile(
    r"(?:\+?1[ .-]?)?(?:\([2-9]\d\d\) ?[2-9]\d\d[ .-]|[2-9]\d\d([ .-])[2-9]\d\d\1)\d{4}(?!\d)"
)
NATIONAL = re.compile(r"\(?0[1-9]\d{0,3}\)?(?: ?[ ./-] ?\(?\d{2,8}\)?){1,4}$")
DATE = re.compile(
    r"\(?\d{1,2}[./ -]\d{1,2}[./ -](?:19|20)\d\d|(?:19|20)\d\d[./ -]\d{1,2}[./ -]\d{1,2}"
)
COUNTRY_CODES = frozenset(
    re.findall(
        r"\d+",
        """
        1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61
        62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224
        225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 244 245 246
        248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290
        291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377
        378 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509
        590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682
        683 685 686 687 688 689 690 691 692 800 850 852 853 855 856 870 880 886 888 960 961 962
        963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998
        """,
    )
)
CARD = re.compile(
    r"(?<![\w.,/=&?#+_-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|3\d{3}([ -])\d{6}\2\d{4,5}"
    r"|\d{13,19})(?![\w-]|[.,]\d)"
)
# First digits of an issuer, and how many digits its cards have.
ISSUERS = (
    (r"4", (13, 16, 19)),
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),
    (r"3[47]", (15,)),
    (r"6011|64[4-9]|65", (16, 19)),
    (r"35(?:2[89]|[3-8]\d)", (16, 19)),
    (r"30[0-5]|36|38", (14,)),
    (r"62", (16, 17, 18, 19)),
)
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}")
IBAN_LENGTHS = {
    name[:2]: int(name[2:])
    for name in (  # noqa: SIM905
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 "
        "DO28 EE20 EG29 "
        "ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 "
        "JO30 KW30 KZ20 "
        "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 "
        "PL28 PS29 PT25 "
        "QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}


def phone_number(text: str) -> Place | None:
    """Find a phone number of any land."""
    return first_private(text, phone_spans(text), "phone number")


def card_number(text: str) -> Place | None:
    """Find the number of a payment card."""
    return first_private(text, card_spans(text), "payment card number")


def iban(text: str) -> Place | None:
    """Find an international bank account number."""
    for start, end in iban_spans(text):
        return start, f"bank account number {masked(text[start:end].replace(' ', ''))}"
    return None


def phone_spans(text: str) -> Iterator[Span]:
    """Yield where phone numbers of any land stand."""
    for found in NUMBER.finditer(text):
        number = found.group()
        before = text[max(0, found.start() - 24) : found.start()]
        if BOOK.search(before) or _in_address(text, found.start()):
            continue
        if (
            _is_international(number)
            or _is_national(number)
            or (len(_digits(number)) <= 15 and WORDED.search(before))
        ):
            yield found.span()


def card_spans(text: str) -> Iterator[Span]:
    """Yield where numbers of payment cards stand."""
    for found in CARD.finditer(text):
        digits = _digits(found.group())
        issued = any(
            len(digits) in lengths and re.match(prefix, digits) for prefix, lengths in ISSUERS
        )
        if issued and _luhn(digits) and not _in_address(text, found.start()):
            yield found.span()


def iban_spans(text: str) -> Iterator[Span]:
    """Yield where international bank account numbers stand."""
    for found in IBAN.finditer(text):
        length = IBAN_LENGTHS.get(found.group()[:2])
        written = found.group().replace(" ", "")[:length]
        if length and len(written) == length and _check_digits(written) == 1:
            yield found.start(), found.start() + _length_with_spaces(found.group(), length)


def _length_with_spaces(piece: str, signs: int) -> int:
    """Return how far the first so many signs of a piece reach, spaces not counted."""
    reached = 0
    for at, sign in enumerate(piece, 1):
        reached += sign != " "
        if reached == signs:
            return at
    return len(piece)


def _digits(piece: str) -> str:
    return re.sub(r"\D", "", piece)


def _in_address(text: str, place: int) -> bool:
    """Tell whether a place lies in an address of the web."""
    first = max(text.rfind(" ", 0, place), text.rfind("\n", 0, place)) + 1
    return "://" in text[first:place] or text[first:place].startswith("www.")


def _is_international(number: str) -> bool:
    plain = number.lstrip("(")
    digits = _digits(plain)
    if plain.startswith("00"):
        digits = digits[2:]
    elif not plain.startswith("+"):
        return False
    known = any(digits[:size] in COUNTRY_CODES for size in (1, 2, 3))
    return known and 8 <= len(digits) <= 15 and len(set(digits)) > 2


def _is_national(number: str) -> bool:
    digits = _digits(number)
    if DATE.match(number) or len(set(digits)) < 3:
        return False
    if NORTH_AMERICAN.match(number):
        return True
    # 02110-1301 is an American postal code and 010-10702-00 a part: where hyphens alone divide the
    # number of a phone, its last group is long.
    if re.fullmatch(r"\d{5}-\d{4}|\d+-\d+-\d{1,3}", number):
        return False
    return bool(NATIONAL.fullmatch(number)) and 9 <= len(digits) <= 12


def _luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    doubled = [value * 2 - 9 * (value > 4) for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def _check_digits(account: str) -> int:
    return int("".join(str(int(sign, 36)) for sign in account[4:] + account[:4])) % 97
