"""Flag texts with the filters of Data-Juicer and datatrove, in a Python that has them.

Run by `curation_quality_texts.py --peers PYTHON`: reads ``{"name": …, "texts": […]}`` a line,
writes ``{"name": …, "flags": {peer: […]}, "cpu_s": {peer: …}}`` a line. All with their own
defaults. Data-Juicer's filters of language, perplexity, stop words and flagged words load files
from the web at their first use and are left out. Its cleaners (HTML, links, e-mail and IP
addresses, copyright) change a text where they find something, which counts as a flag in an arm of
its own.

``pip install py-data-juicer==1.0.3 loguru datatrove[processing]``
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

FILTERS = (
    "alphanumeric",
    "average_line_length",
    "character_repetition",
    "maximum_line_length",
    "special_characters",
    "text_length",
    "word_repetition",
    "words_num",
)
CLEANERS = ("clean_html", "clean_links", "clean_email", "clean_ip", "clean_copyright")
TROVE = (
    ("gopher_quality_filter", "GopherQualityFilter"),
    ("gopher_repetition_filter", "GopherRepetitionFilter"),
    ("c4_filters", "C4QualityFilter"),
)
Flag = Callable[[list[str]], list[bool]]


def _class(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def juicer_filters() -> Flag:
    """Flag what any of Data-Juicer's filters would drop."""
    home = "data_juicer.ops.filter"
    filters = [_class(f"{home}.{name}_filter", f"{_camel(name)}Filter")() for name in FILTERS]

    def flag(texts: list[str]) -> list[bool]:
        dropped = [False] * len(texts)
        for each in filters:
            rows = {"text": list(texts), "__dj__stats__": [{} for _ in texts]}
            kept = each.process_batched(each.compute_stats_batched(rows))
            dropped = [a or not b for a, b in zip(dropped, kept, strict=True)]
        return dropped

    return flag


def juicer_cleaners() -> Flag:
    """Flag what any of Data-Juicer's cleaners would change."""
    home = "data_juicer.ops.mapper"
    cleaners = [_class(f"{home}.{name}_mapper", f"{_camel(name)}Mapper")() for name in CLEANERS]

    def flag(texts: list[str]) -> list[bool]:
        changed = [False] * len(texts)
        for each in cleaners:
            cleaned = each.process_batched({"text": list(texts)})["text"]
            pairs = zip(texts, cleaned, strict=True)
            differ = [a.strip() != b.strip() for a, b in pairs]
            changed = [a or b for a, b in zip(changed, differ, strict=True)]
        return changed

    return flag


def trove_filters() -> Flag:
    """Flag what datatrove's rules of Gopher and C4 would drop."""
    document = _class("datatrove.data", "Document")
    filters = [_class(f"datatrove.pipeline.filters.{module}", name)() for module, name in TROVE]

    def drops(each: Any, text: str) -> bool:
        kept = each.filter(document(text=text, id="0"))
        return (kept[0] if isinstance(kept, tuple) else kept) is False

    return lambda texts: [any(drops(each, text) for each in filters) for text in texts]


def main(lines: Iterable[str]) -> None:
    arms = {
        "Data-Juicer, filters": juicer_filters,
        "Data-Juicer, cleaners": juicer_cleaners,
        "datatrove, Gopher and C4": trove_filters,
    }
    flags: dict[str, Flag] = {}
    for name, make in arms.items():
        try:
            flags[name] = make()
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    for line in lines:
        corpus = json.loads(line)
        found: dict[str, list[bool]] = {}
        spent: dict[str, float] = {}
        for name, flag in flags.items():
            start = time.process_time()
            found[name] = flag(corpus["texts"])
            spent[name] = time.process_time() - start
        print(json.dumps({"name": corpus["name"], "flags": found, "cpu_s": spent}), flush=True)


if __name__ == "__main__":
    main(sys.stdin)
