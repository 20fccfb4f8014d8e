"""Personal data: addresses of mail, post and computers, numbers of accounts and identity cards.

A finding shows where the data begin and their shape; their middle is hidden.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import numpy as np

from .check import MOSTLY, Check, Place, Span, first_private, masked
from .numbers import card_number, iban, phone_number
from .table import DIGIT, TextTable

# Bounded, and begun only where a word begins: a long row of letters is read once.
E_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z]{2,24}(?!\w)"
)
IP_4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
IP_6 = re.compile(
    r"(?<![\w:.])(?:(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}"
    r"|(?:[0-9a-fA-F]{1,4}:){1,6}(?::[0-9a-fA-F]{1,4}){1,6})(?![\w:]|\.\d)"
)
VERSION = re.compile(r"(?:\bv|versions?|release|section|chapter|§)\.? ?$", re.IGNORECASE)
# Addresses of no person's computer: this one, private networks, none, all, and those kept for
# examples.
NO_PERSONS = (
    "0.",
    "10.",
    "127.",
    "192.168.",
    "255.",
    "172.16.",
    "192.0.2.",
    "198.51.100.",
    "203.0.113.",
)
SOCIAL_SECURITY = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")

_NAME = r"[A-ZÀ-Þ][\w'’.-]*\.?"
_UNIT = r"(?:[GMTK]B|[GM]Hz|Inch|Watts?|Years?|Days?|Million|Billion)"
STREET = re.compile(
    # 12 Main Street; 101 N. Lincoln Blvd
    rf"(?<![\w.,$€£-])\d{{1,5}}[A-Za-z]?,? (?:[NSEW]\.? )?(?!{_UNIT}\b)"
    rf"(?:{_NAME} ){{1,3}}(?<!Hard )(?<!Disk )(?<!Flash )(?:Street|St|Avenue|Ave|Road|Rd|"
    r"Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Square|Terrace|Parkway|Pkwy|Highway|Hwy|Crescent)\b"
    r"|\bP\.? ?O\.? ?[Bb]ox \d{2,}"
    # Springfield, IL 62704
    rf"|\b{_NAME},? [A-Z]{{2}} \d{{5}}(?:-\d{{4}})?(?!\d)"
    # Hauptstraße 12; Lindenweg 1a, 80469 München; Kungsgatan 5
    r"|\b[A-ZÀ-Þ][\wß-]*(?:[Ss]tra(?:ß|ss)e|[Ss]tr\.|straat|laan|gatan|vägen) \d{1,4}(?!\d)"
    r"|\b[A-ZÀ-Þ][\wß-]*(?:weg|gasse|platz|allee|ring|damm|ufer|vej|gade) \d{1,4} ?[a-z]?, (?:D-"
    r"|A-|CH-)?\d{4,5} "
    # 12 rue de Rivoli
    r"|(?<![\w.,-])\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|chemin|allée|quai"
    r"|impasse) "
    r"(?:de |du |des |la |le |les |d'|d’|l'|l’)*[A-ZÀ-Þ]\w+"
    # Via Garibaldi 21; Calle Mayor 15; ul. Długa 4
    r"|\b(?:Via|Viale|Piazza|Calle|Avenida|Plaza|Paseo|Rua|Travessa|ul\."
    r"|ulica) (?:d[aeo]l?l?[ae]? )?"
    rf"(?:{_NAME} ?){{1,3}},? (?:n[.º°]? ?)?\d{{1,4}}(?![\d/])"
)


def mail_spans(text: str) -> Iterator[Span]:
    """Yield where addresses of mail stand."""
    return (found.span() for found in E_MAIL.finditer(text))


def ip_spans(text: str) -> Iterator[Span]:
    """Yield where addresses of people's computers stand."""
    for found in IP_4.finditer(text):
        parts = [int(part) for part in found.group().split(".")]
        # Numbers of versions and sections are small, and say what they are.
        telling = max(parts) <= 255 and sum(part > 31 for part in parts) >= 2
        before = text[max(0, found.start() - 10) : found.start()]
        if telling and not found.group().startswith(NO_PERSONS) and not VERSION.search(before):
            yield found.span()
    if text.count(":") >= 3:
        yield from (found.span() for found in IP_6.finditer(text) if _is_ip_6(found.group()))


def _is_ip_6(written: str) -> bool:
    """Tell an address of seven colons, or of three groups around a gap, from times and scopes."""
    try:
        address = ipaddress.IPv6Address(written)
    except ValueError:
        return False
    groups = [group for group in written.split(":") if group]
    nobody = address.is_loopback or address.is_link_local or address.is_multicast
    return len(groups) >= 3 and not nobody and any(map(str.isdigit, written))


def _e_mail(text: str) -> Place | None:
    return first_private(text, mail_spans(text), "e-mail address")


def _ip_address(text: str) -> Place | None:
    return first_private(text, ip_spans(text), "IP address")


def _street(text: str) -> Place | None:
    found = STREET.search(text)
    return found and (found.start(), f"postal address {masked(found.group())}")


def _social_security(text: str) -> Place | None:
    found = SOCIAL_SECURITY.search(text)
    return found and (found.start(), f"social security number {masked(found.group())}")


def _with_mail(table: TextTable) -> np.ndarray:
    return table.having("@")


def _with_seven_digits(table: TextTable) -> np.ndarray:
    return np.flatnonzero(table.count(DIGIT) >= 7)


def _with_dots_or_colons(table: TextTable) -> np.ndarray:
    signs = table.total((table.codes == ord(".")) | (table.codes == ord(":")))
    return np.flatnonzero((signs >= 3) & (table.count(DIGIT) >= 4))


def _with_a_digit(table: TextTable) -> np.ndarray:
    return np.flatnonzero(table.count(DIGIT) >= 1)


CHECKS = (
    Check("e-mail addresses", "personal data", _with_mail, _e_mail, 0.4, MOSTLY),
    Check("card numbers", "personal data", _with_seven_digits, card_number, 0.4, MOSTLY),
    Check("account numbers", "personal data", _with_seven_digits, iban, 0.4, MOSTLY),
    Check(
        "social security numbers",
        "personal data",
        _with_seven_digits,
        _social_security,
        0.4,
        MOSTLY,
    ),
    Check("phone numbers", "personal data", _with_seven_digits, phone_number, 0.4, MOSTLY),
    Check("IP addresses", "personal data", _with_dots_or_colons, _ip_address, 0.4, MOSTLY),
    Check("postal addresses", "personal data", _with_a_digit, _street, 0.4, MOSTLY),
)
