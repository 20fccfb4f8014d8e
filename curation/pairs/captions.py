"""What is wrong with a caption by its words alone, and what makes two captions the same.

Web pages carry captions that say nothing of their image: the name of its file, a button's word, a
web address. The kinds are those that filters of the field look for (S. Y. Gadre et al., "DataComp",
NeurIPS 2023; P. Sharma et al., "Conceptual Captions", ACL 2018). The
language takes 25 µs a caption.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

KINDS = (
    "empty",
    "web address",
    "file name",
    "markup",
    "numbers",
    "boilerplate",
    "repetition",
)
BOILERPLATE = frozenset(
    {"ad", "advert", "advertisement", "alt", "alt text", "arrow", "avatar", "back", "background"}
    | {
        "banner",
        "blank",
        "button",
        "caption",
        "click for details",
        "click here",
        "click to enlarge",
    }
    | {"click to view", "close", "cover", "cover image", "default", "default image", "download"}
    | {"enlarge", "facebook", "featured image", "gallery image", "header", "header image", "home"}
    | {"icon", "image", "image description", "image may contain", "image not available", "images"}
    | {"img", "instagram", "loading", "logo", "main image", "menu", "n a", "next", "no alt text"}
    | {"no caption", "no description", "no image", "no image available", "none", "null", "photo"}
    | {"photograph", "pic", "picture", "pinterest", "placeholder", "placeholder image", "play"}
    | {"post image", "prev", "preview", "previous", "print", "product image", "profile"}
    | {"profile photo", "profile picture", "read more", "search", "see more", "share", "slide"}
    | {
        "spacer",
        "spinner",
        "star",
        "thumb",
        "thumbnail",
        "twitter",
        "undefined",
        "untitled",
        "user",
    }
    | {"user avatar", "video", "view", "zoom"}
)
# What cameras, phones and programs call their files before a number.
CAMERAS = (
    "bild|capture|dji|dsc|dscf|dscn|dscn|foto|gopr|image|img|imag|mvimg|p|photo|pic|picture|pict|"
    "pxl|scan|screen shot|screenshot|slide|thumb|unnamed|untitled|vid|whatsapp image|wp"
)
_FILE = re.compile(
    r"[^/\\<>]{1,200}\.(?:jpe?g|jfif|png|gif|webp|bmp|tiff?|svg|heic|avif|raw)", re.I
)
_CAMERA = re.compile(rf"(?:{CAMERAS})[ _\-#(.]*\d[\d _\-.x()]*(?:at[\d .]+)?(?:am|pm)?", re.I)
# Words and numbers held together by underscores or hyphens, with at least one digit.
_SLUG = re.compile(r"(?=[^\s]*\d)[A-Za-z0-9]+(?:[_\-][A-Za-z0-9]+){2,}")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+\.(?:com|org|net|html?|php|aspx?)(?:/\S*)?", re.I)
_MARKUP = re.compile(r"</?[a-z][^<>]*>|&(?:nbsp|amp|quot|lt|gt|#\d+);|\{\{|\}\}|\[/?\w+\]", re.I)
_APART = re.compile(r"[\W_]+")
# Of so many words, more than half being one of them is no sentence.
FEWEST_REPEATED, REPEATED_SHARE = 6, 0.5


@lru_cache(maxsize=4096)  # asked for the key and for the fault of each
def plain_caption(caption: str) -> str:
    """Return the words of a caption alone: no case, no accents' variants, no marks between them."""
    return _APART.sub(" ", unicodedata.normalize("NFKC", caption).casefold()).strip()


def caption_key(caption: str) -> bytes | None:
    """Return 16 bytes that are equal where `plain_caption` is; None where it is empty."""
    plain = plain_caption(caption)
    if not plain:
        return None
    return hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=16).digest()


def caption_fault(caption: str, *, names: tuple[str, ...] = ()) -> str | None:
    """Return the first of `KINDS` that a caption is, or None.

    Parameters
    ----------
    caption : str
    names : tuple of str
        Of the image: its path, its address, its key; a caption that is one of them names the file.
    """
    text = caption.strip()
    plain = plain_caption(text)
    if not plain:
        return "empty"
    if _FILE.fullmatch(text) or _CAMERA.fullmatch(text) or _SLUG.fullmatch(text):
        return "file name"
    if not _is_prose(plain) and any(plain == plain_caption(_stem(name)) for name in names if name):
        return "file name"
    if _ADDRESS.fullmatch(text):
        return "web address"
    if _MARKUP.search(text):
        return "markup"
    if not any(map(str.isalpha, plain.replace("x", ""))):
        return "numbers"
    if (
        _CAMERA.sub("", plain) == ""
        or plain in BOILERPLATE
        or plain.rstrip(" 0123456789") in BOILERPLATE
    ):
        return "boilerplate"
    return "repetition" if _repeats(plain) else None


def _is_prose(plain: str) -> bool:
    """Tell whether words are a sentence all the same: people name files by what they show."""
    return plain.count(" ") >= 3


def _stem(name: str) -> str:
    """Return the last part of a path or an address without its suffix and what follows ``?``."""
    last = re.split(r"[?#]", name, maxsplit=1)[0].rstrip("/").replace("\\", "/").rpartition("/")[2]
    return last.rpartition(".")[0] or last


def _repeats(plain: str) -> bool:
    words = plain.split()
    if len(words) < FEWEST_REPEATED:
        return False
    return Counter(words).most_common(1)[0][1] > REPEATED_SHARE * len(words)


def caption_language(caption: str) -> str | None:
    """Return the language that a caption is most likely in (ISO 639-1), None without a letter."""
    if not any(map(str.isalpha, caption)):
        return None
    name, _ = _identifier().classify(caption)
    return str(name)


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
