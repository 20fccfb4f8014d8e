"""Store what datatrove's filters say of 282 texts, in a Python that has it.

The texts are paragraphs of this project's guides, varied so that each rule fires somewhere: cut,
repeated, turned into lists, with hashes, ellipses, numbers, curly brackets, without stop words.
With each text stand datatrove's words and sentences, so that rules are compared on the same ones.
Made once, and read by ``tests/curation/quality/published``.

``pip install datatrove[processing] nltk spacy``
Run: python benchmarks/peers/web_rules.py docs tests/curation/quality/published/datatrove.json.gz
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

PAGES = (
    *("duplicates", "labels", "curation", "coresets", "scale", "augment", "active_learning", "run"),
)
ROUNDS = 12
STOP_WORDS = re.compile(r"\b(the|be|to|of|and|that|have|with)\b")


def paragraphs(docs: Path) -> list[str]:
    found = []
    for name in PAGES:
        text = re.sub(r"```.*?```", "", (docs / f"{name}.md").read_text("utf-8"), flags=re.DOTALL)
        for piece in re.sub(r"[|`*#]", "", text).split("\n\n"):
            line = " ".join(piece.split())
            if len(line.split()) > 25 and "--" not in line:
                found.append(line)
    return found


def lines(text: str, words: int) -> list[str]:
    listed = text.split()
    return [" ".join(listed[at : at + words]) for at in range(0, len(listed), words)]


def varied(found: list[str], rng: random.Random) -> list[str]:
    """Return one text of each kind."""
    a = rng.sample(found, 4)
    two = f"{a[0]} {a[1]}"
    share = rng.choice([0.1, 0.25, 0.5])
    numbers = [str(rng.randint(0, 9999)) if rng.random() < share else w for w in two.split()]
    return [
        "\n\n".join(a),
        "\n".join(a[:2]),
        " ".join(a[0].split()[: rng.randint(3, 60)]),
        "\n".join(lines(two, rng.randint(3, 12))),
        "\n".join(f"- {line}" for line in lines(two, 9)),
        "\n".join(f"• {line}" for line in a),
        "\n".join(f"{line}..." for line in lines(two, 12)),
        "\n\n".join(a[:2] + a[: rng.randint(1, 2)]),
        "\n".join(a[:1] + ["Read more here."] * rng.randint(1, 12) + a[1:2]),
        " # ".join(a[0].split()[:80]),
        " … ".join(lines(two, rng.randint(4, 12))),
        " ".join(numbers),
        "\n".join(a) + "\nfunction f() { return 1; }.",
        f"{a[0]}\nPlease enable Javascript.\nThis site uses cookies, see the policy.\n{a[1]}",
        f"{a[0]}\nLorem ipsum dolor sit amet.\n{a[1]}",
        STOP_WORDS.sub("", two),
        (" ".join(a[0].split()[: rng.randint(8, 25)]) + " ") * rng.randint(2, 8) + a[1],
        " ".join(word[:2] for word in two.split()),
        "".join(two.split()),
        "\n".join(text.replace(".", ";") for text in a[:2]),
        "\n".join([*lines(" ".join(a[:3]), 7)[:20], a[3]]),
        f"{a[0]}\n{'x' * 1100} and more.\n{a[1]}",
        f"«{a[0]}» — don't you think it's so? {a[1]}！",
    ]


def judged(text: str, filters: dict[str, Any]) -> dict[str, Any]:
    from datatrove.data import Document
    from datatrove.utils.text import split_into_sentences, split_into_words

    row: dict[str, Any] = {"text": text, "words": split_into_words(text) if text else []}
    for name, each in filters.items():
        try:
            said = each.filter(Document(text=text, id="x"))
        except ZeroDivisionError:  # datatrove's own, on texts without a line
            said = (False, "zero")
        row[name] = "" if said is True else said[1]
    own = [line.strip() for line in text.splitlines() if line.strip()]
    row["sentences"] = {line: len(split_into_sentences(line)) for line in own}
    return row


def main(docs: Path, out: Path) -> None:
    from datatrove.pipeline import filters

    rng, found = random.Random(0), paragraphs(docs)
    texts = [text for _ in range(ROUNDS) for text in varied(found, rng)]
    texts += ["", " ", "\n\n", "word", "The 的 。", "a\n" * 60]
    used = {
        "gopher_repetition": filters.GopherRepetitionFilter(),
        "gopher_quality": filters.GopherQualityFilter(),
        "c4": filters.C4QualityFilter(),
        "fineweb": filters.FineWebQualityFilter(),
    }
    rows = json.dumps([judged(text, used) for text in texts], ensure_ascii=False)
    out.write_bytes(gzip.compress(rows.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
