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
Flag = Callable[[str], bool]


def _class(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def juicer_filters() -> Flag:
    """Flag what any of Data-Juicer's filters would drop."""
    home = "data_juicer.ops.filter"
    filters = [_class(f"{home}.{name}_filter", f"{_camel(name)}Filter")() for name in FILTERS]

    def flag(text: str) -> bool:
        for each in filters:
            sample = each.compute_stats_single({"text": text, "__dj__stats__": {}})
            if not each.process_single(sample):
                return True
        return False

    return flag


def juicer_cleaners() -> Flag:
    """Flag what any of Data-Juicer's cleaners would change."""
    home = "data_juicer.ops.mapper"
    cleaners = [_class(f"{home}.{name}_mapper", f"{_camel(name)}Mapper")() for name in CLEANERS]

    def flag(text: str) -> bool:
        for each in cleaners:
            if hasattr(each, "process_single"):
                cleaned = each.process_single({"text": text})["text"]
            else:
                cleaned = each.process_batched({"text": [text]})["text"][0]
            if cleaned.strip() != text.strip():
                return True
        return False

    return flag


def trove_filters() -> Flag:
    """Flag what datatrove's rules of Gopher and C4 would drop."""
    document = _class("datatrove.data", "Document")
    filters = [_class(f"datatrove.pipeline.filters.{module}", name)() for module, name in TROVE]

    def flag(text: str) -> bool:
        for each in filters:
            kept = each.filter(document(text=text, id="0"))
            if (kept[0] if isinstance(kept, tuple) else kept) is False:
                return True
        return False

    return flag


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
            found[name] = [flag(text) for text in corpus["texts"]]
            spent[name] = time.process_time() - start
        print(json.dumps({"name": corpus["name"], "flags": found, "cpu_s": spent}), flush=True)


if __name__ == "__main__":
    main(sys.stdin)
