"""What is left of a page's or a program's notation: tags, entities, scripts, wikis, JSON, blobs."""

from __future__ import annotations

import json
import re
from html.entities import name2codepoint

from .check import Check, Place, shown

_NAMES = (
    "a|abbr|article|aside|audio|b|blockquote|body|br|button|canvas|caption|center|cite|code|col|dd|del|"
    "div|dl|dt|em|embed|fieldset|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|"
    "ins|label|legend|li|link|main|meta|nav|noscript|object|ol|optgroup|option|p|param|path|pre|q|s|"
    "script|section|select|small|source|span|strike|strong|style|sub|sup|svg|table|tbody|td|textarea|"
    "tfoot|th|thead|title|tr|tt|u|ul|video"
)
TAG = re.compile(
    rf"</?(?:{_NAMES})(?:\s[^<>]{{0,500}}=[^<>]{{0,500}})?\s*/?>|<!--|<!\[CDATA\[|<!DOCTYPE",
    re.IGNORECASE,
)
ENTITY = re.compile(r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,6}|([a-zA-Z]{2,8}\d{0,2}));")
SCRIPT = re.compile(
    r"\bfunction\s*\w*\s*\([^()]*\)\s*\{|\bdocument\.(?:getElement|write|ready|cookie|querySelector)"
    r"|\bwindow\.\w+\s*=|\$\((?:document|function|window|['\"][#.])|@media\s*[(\w]|@import\s+url"
    r"|\{\s*(?:color|margin|padding|font|display|background|border|width|height|text|position|float|line|overflow)"
    r"[\w-]*\s*:[^{}:]{1,80}[;}]"
)
WIKI = re.compile(
    r"\[\[[^\W\d][^\[\]\n,=]*\]\]|\{\{[^\W\d][^{}\n]*\}\}"
    r"|\[/(?:b|i|u|s|url|quote|img|code|size|color)\]|\[(?:url|quote|size|color)=[^\]]+\]"
    r"|(?<!\w)!?\[[^\[\]\n]*\]\((?:https?:|/|\.{0,2}/|[\w/-]+\.\w{2,4})[^()\s]*\)"
    r"|(?<![=\w])(={2,4})\s?[^\W\d][^=\n]{0,60}[^=\s]\s?\1(?!=)|(?<!')'''(?=\w)[^'\n]+'''",
    re.IGNORECASE,
)
JSON_START = re.compile(r"\s*[\[{]\s*[\"{\[]")
JSON_INSIDE = re.compile(r"[\"}\]]\s*[:,]\s*[\"{\[\d]")
LONG_TOKEN = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{60,}={0,2}")
DATA = re.compile(r"data:\w+/[\w.+-]+;base64,")
# A space, a sign of an address or a byte beyond ASCII, written with a percent sign: three of them.
PERCENT = re.compile(
    r"(?<!\S)(?!https?:|www\.|/|\w+:)\S*?(?:%(?:2[0-9A-F]|3[A-F]|[89A-F][0-9A-F])[^\s%]{0,20}){3,}",
    re.IGNORECASE,
)


def _tag(text: str) -> Place | None:
    found = TAG.search(text)
    return found and (found.start(), f"HTML {shown(found.group())}")


def _entity(text: str) -> Place | None:
    for found in ENTITY.finditer(text):
        if found.group(1) is None or found.group(1) in name2codepoint or found.group(1) == "apos":
            return found.start(), f"HTML entity {found.group()}"
    return None


def _script(text: str) -> Place | None:
    found = SCRIPT.search(text)
    return found and (found.start(), f"script or style sheet {shown(found.group())}")


def _wiki(text: str) -> Place | None:
    found = WIKI.search(text)
    return found and (found.start(), f"wiki, Markdown or forum markup {shown(found.group())}")


def _json(text: str) -> Place | None:
    if not JSON_START.match(text) or not JSON_INSIDE.search(text):
        return None
    try:
        json.loads(text)
    except ValueError as error:
        return getattr(error, "pos", 0), "JSON that is damaged or cut off,"
    except RecursionError:
        return 0, "JSON nested without end,"
    return 0, "JSON instead of a text,"


def _blob(text: str) -> Place | None:
    found = DATA.search(text)
    if found:
        return found.start(), f"embedded data {shown(found.group())}"
    for found in LONG_TOKEN.finditer(text):
        piece = found.group()
        if re.search("[a-z]", piece) and re.search("[A-Z]", piece) and re.search(r"\d", piece):
            return found.start(), f"{len(piece)} signs that look like base64"
    found = PERCENT.search(text) if "%" in text else None
    return found and (found.start(), f"percent encoding {shown(found.group())}")


CHECKS = (
    Check("HTML tags", "markup", lambda table: table.having("<"), _tag, in_notation=False),
    Check("HTML entities", "markup", lambda table: table.having("&"), _entity, in_notation=False),
    Check(
        "scripts or style sheets",
        "markup",
        lambda table: table.having("{(@="),
        _script,
        in_notation=False,
    ),
    Check(
        "wiki, Markdown or forum markup",
        "markup",
        lambda table: table.having("[{='"),
        _wiki,
        in_notation=False,
    ),
    Check("JSON", "markup", lambda table: table.having("{["), _json, in_notation=False),
    Check(
        "encoded data",
        "markup",
        lambda table: (table.lengths >= 20).nonzero()[0],
        _blob,
        in_notation=False,
    ),
)
