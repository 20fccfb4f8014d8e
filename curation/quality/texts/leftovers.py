"""Texts about no subject: notices of pages, menus, error pages, placeholders, answers of models."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from .check import Check, Place, shown
from .table import TextTable


def _phrases(written: str) -> frozenset[str]:
    """Return the phrases that bars divide, whatever the ends of lines."""
    return frozenset(re.sub(r"\n\s*", "", written).split("|"))


# A notice or a trace inside a long text is about it more often than it is one.
MOST_WORDS = 60
COOKIE_WORDS = ("cookie",)
COOKIE = re.compile(
    r"\b(?:uses?|using|accept|allow|manage|storing|enable|disable|reject|verwende\w*|nutz\w*|utilis\w*|usamos|"
    r"utilizamos|utilizza\w*|usiamo|gebruik\w*|używa\w*|utiliza\w*|använder|bruger|akzeptier\w*|aceptar|accepter)\b"
    r"(?:\W+\w+){0,6}\W+cookies?\b"
    r"|\bcookies?\W+(?:policy|preferences?|settings|consent|banner|notice|richtlinie\w*|einstellungen)\b"
    r"|\b(?:necessary|essential|third.party|functional|marketing|tracking) cookies\b",
    re.IGNORECASE,
)
NOTICE_WORDS = (
    "rights reserved", "privacy", "terms of", "subscribe", "newsletter", "copyright", "©",
    "(c) ", "follow us",
    "datenschutz", "impressum", "alle rechte", "droits réservés", "derechos reservados",
    "riservati",
)  # fmt: skip
STRONG_NOTICE = re.compile(
    r"\ball rights reserved\b|\balle rechte vorbehalten|\btous droits réservés"
    r"|\btodos los derechos reservados"
    r"|\btutti i diritti riservati"
    r"|\b(?:subscribe|sign up) (?:to|for) (?:our|the) (?:\w+ )?newsletter"
    r"|\bunsubscribe (?:at any time|here)"
    r"|\bcopyright (?:©|\(c\)) ?(?:19|20)\d\d|©\s?(?:19|20)\d\d",
    re.IGNORECASE,
)
WEAK_NOTICE = re.compile(
    r"\bprivacy (?:policy|notice|statement)|\bterms (?:of (?:use|service)|and conditions"
    r"|& conditions)"
    r"|\bfollow us on|\bimpressum\b|\bdatenschutz(?:erklärung)?\b|\bcontact us\b|\bcookie",
    re.IGNORECASE,
)
MENU = _phrases(
    """
    home|about|about us|products|contact|contact us|sign in|sign up|log in|login|register|menu|
    search|help|faq|news|blog|archive|skip to content|skip to main content|jump to navigation|
    share|share on facebook|share on twitter|print this page|print|tweet|like|read more|
    continue reading|older posts|newer posts|related articles|related posts|leave a comment|
    comments|reply|next|previous|terms of use|terms of service|privacy|privacy policy|sitemap|
    site map|subscribe|my account|cart|checkout|back to top|all rights reserved|advertisement|
    startseite|aktuelles|archiv|kontakt|impressum|datenschutz|agb|anmelden|suche|accueil|
    connexion|mentions légales|rechercher|inicio|contacto|buscar|aviso legal|iniciar sesión|
    главная|контакты|поиск|войти
    """
)
SEPARATOR = re.compile(r"[\n|·•»«›‹>/]+| - ")
POSTED = re.compile(r"(?:posted|filed) (?:in|by|on|under)\b|copyright\b|©", re.IGNORECASE)
ERROR_WORDS = (
    "404", "403", "500", "502", "503", "not found", "not be found", "internal server error",
    "access denied",
    "javascript", "traceback", "exception", "uncaught", "your browser", "ddos",
    "segmentation fault", "permission to",
    "service unavailable", "page you", "syntax error", "error:", "under construction",
    "are you a robot", "captcha",
)  # fmt: skip
ERROR = re.compile(
    r"\b(?:40[0134]|50[0234])\b\W{0,3}(?:not found|forbidden|bad request|unauthori[sz]ed"
    r"|(?:internal )?server error|"
    r"bad gateway|service unavailable|gateway time|error\b)"
    r"|\b(?:http|server) error \d{3}|\binternal server error\b|\bthe requested url\b"
    r"|\bservice (?:is )?unavailable\b"
    r"|\bpage (?:that )?you (?:are|were) looking for|\bpage (?:not found|could not be found)\b"
    r"|\b(?:enable|activate) (?:javascript|cookies)\b|\bjavascript (?:is|must be"
    r"|to be) (?:disabled|enabled|required)"
    r"|\baccess denied\b.{0,20}(?:permission|$)|\bpermission to (?:view|access) this (?:page"
    r"|resource|server)"
    r"|traceback \(most recent call last\)|\bexception in thread\b|\buncaught (?:\w*error"
    r"|exception)|\bfatal error:"
    r"|\bnullpointerexception\b|\bat [\w$.]+\([\w$]+\.(?:java|kt|scala|cs|js):\d+\)"
    r"|\bsegmentation fault\b"
    r"|\bchecking your browser\b|\bddos protection by\b|\bverify (?:that )?you are (?:a )?human"
    r"|\b(?:web)?(?:site|page) (?:is )?under construction\b",
    re.IGNORECASE,
)
PLACEHOLDERS = _phrases(
    """
    n/a|na|#n/a|nan|null|none|nil|undefined|[deleted]|[removed]|deleted|removed|todo|tbd|tba|
    fixme|xxx|#ref!|#name?|#value!|#div/0!|#null!|[object object]|(no content)|no content|
    not available|not applicable|unknown|empty|blank|missing|test|test test|asdf|foo|bar|
    foo bar|placeholder|text|sample text|insert text here|your text here|untitled|no text|
    (empty)|(none)|(null)|<null>|<none>|<na>|\\n|-1|no data|no description|no comment|
    no comments|[redacted]|[image]|[video]|k. a.|k.a.|keine angabe|sin datos|non disponible|
    нет данных|無し|无
    """
)
LATIN = _phrases(
    """
    lorem|ipsum|dolor|amet|consectetur|adipiscing|adipisici|elit|eiusmod|incidunt|incididunt|
    labore|dolore|aliqua|veniam|nostrud|exercitation|ullamco|laboris|aliquip|aliquid|commodo|
    consequat|irure|reprehenderit|voluptate|velit|cillum|fugiat|pariatur|excepteur|occaecat|
    cupidatat|obcaecat|cupiditat|proident|officia|deserunt|mollit|laborum|sed|tempor|quis|duis|
    aute|culpa|sint|minim|esse|eu
    """
)
LATIN_WORDS = (
    "lorem ipsum", "consectetur", "adipisci", "eiusmod", "nostrud", "ullamco", "reprehenderit",
    "cillum", "excepteur",
    "occaecat", "deserunt", "obcaecat",
)  # fmt: skip
REFUSAL_WORDS = (
    "as an ai",
    "as a large",
    "language model",
    "sorry",
    "apologi",
    "here is",
    "here's",
    "here are",
)
REFUSAL = re.compile(
    r"\bas an? (?:large |artificial intelligence |ai )*(?:language )?model\b"
    r"|\bas an ai\b,? (?:i\b|language|assistant|my)"
    r"|\Ai(?:'|’)?(?:m| am) (?:very )?sorry,? but (?:as an|i (?:cannot|can(?:'|’)?t|can not"
    r"|am (?:not able|unable)))"
    r"|\Ai apologi[sz]e,? but (?:as an|i (?:cannot|can(?:'|’)?t|am (?:not able|unable)))"
    r"|\A(?:sure|certainly|of course|absolutely)(?: thing)?[!,.] here(?:(?:'|’)s| is| are) "
    r"(?:an?|the|your|some|my)\b",
    re.IGNORECASE,
)


def _is_short(text: str) -> bool:
    return text.count(" ") < MOST_WORDS


def _cookies(text: str) -> Place | None:
    found = COOKIE.search(text) if _is_short(text) else None
    return found and (found.start(), f"notice about cookies {shown(found.group())}")


def _notice(text: str) -> Place | None:
    if not _is_short(text):
        return None
    strong, weak = STRONG_NOTICE.search(text), list(WEAK_NOTICE.finditer(text))
    if strong:
        return strong.start(), f"notice of a page {shown(strong.group())}"
    if len(weak) >= 2:
        return weak[0].start(), f"notice of a page {shown(weak[0].group())}"
    return None


def _menu(text: str) -> Place | None:
    parts = [part.strip() for part in SEPARATOR.split(text)]
    entries = [part for part in parts if part.casefold() in MENU or POSTED.match(part)]
    if len(set(entries)) < 3:
        return None
    return text.find(entries[0]), f"entries of a menu {shown(' | '.join(entries[:3]))}"


def _error(text: str) -> Place | None:
    found = ERROR.search(text) if _is_short(text) else None
    return found and (found.start(), f"error page or trace {shown(found.group())}")


def _placeholder(text: str) -> Place | None:
    plain = text.strip().strip("\"'").casefold()
    if plain not in PLACEHOLDERS:
        return None
    return len(text) - len(text.lstrip()), f"placeholder {shown(text.strip())} instead of a text,"


def _latin(text: str) -> Place | None:
    words = [word for word in re.findall(r"\w+", text.lower()) if word in LATIN]
    if len(set(words)) < 4 and "lorem ipsum" not in text.lower():
        return None
    place = text.lower().find(words[0])
    return max(0, place), "filler text (lorem ipsum)"


def _refusal(text: str) -> Place | None:
    found = REFUSAL.search(text)
    return found and (found.start(), f"answer of a language model {shown(found.group())}")


def _rows_of_placeholders(table: TextTable) -> np.ndarray:
    return (table.lengths <= 24).nonzero()[0]


def _separated(table: TextTable) -> np.ndarray:
    marked = (table.codes == 10) | (table.codes == ord("|")) | (table.codes == ord(">"))
    marked |= (table.codes == ord("»")) | (table.codes == ord("/")) | (table.codes == ord("·"))
    return (table.total(marked) >= 2).nonzero()[0]


def _naming(*words: str) -> Callable[[TextTable], np.ndarray]:
    return lambda table: table.naming(words)


CHECKS = (
    Check("cookie notices", "boilerplate", _naming(*COOKIE_WORDS), _cookies, 0.3),
    Check("notices of pages", "boilerplate", _naming(*NOTICE_WORDS), _notice, 0.4),
    Check("menus", "boilerplate", _separated, _menu, 0.3),
    Check("error pages", "error page", _naming(*ERROR_WORDS), _error, 0.3),
    Check("placeholders", "placeholder", _rows_of_placeholders, _placeholder, 0.1),
    Check("filler text", "boilerplate", _naming(*LATIN_WORDS), _latin, 0.1),
    Check("answers of models", "boilerplate", _naming(*REFUSAL_WORDS), _refusal, 0.3),
)
