"""Look for word 13-grams of benchmark items in texts with datatrove, in a Python that has it.

Run by `curation_contamination.py --peer-python PYTHON`: takes a JSON file of items and the files of
texts, prints MB a CPU-second, peak memory, and the rows that are flagged. The index is filled with
the hashes that datatrove's own functions give, since its indexer asks for lighteval.

``pip install datatrove==0.10.1 spacy nltk "xxhash<4"``
"""

from __future__ import annotations

import json
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter
from datatrove.utils.text import ngrams, simplify_text


def main() -> None:
    items, *paths = sys.argv[1:]
    config = NGramsDecontConfig(n_grams=13)
    look = NGramsDecontFilter(".", config=config)
    start = time.process_time()
    look._index_hashes = {}
    for item in json.loads(Path(items).read_text()):
        words = look.tokenizer.word_tokenize(simplify_text(item, config.norm_config))
        for gram in ngrams(words, config.n_grams):
            look._index_hashes[look.hash_func(" ".join(gram))] = "items"
    flagged, row, size = [], 0, 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                text = json.loads(line)["text"]
                size += len(text)
                if look.filter(Document(text=text, id=str(row))) is not True:
                    flagged.append(row)
                row += 1
    cpu = time.process_time() - start
    (line,) = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    peak = int(line) / 1024
    print(json.dumps({"mb": size / 1e6, "cpu_s": cpu, "peak_mb": peak, "rows": flagged,
                      "version": version("datatrove")}))  # fmt: skip


if __name__ == "__main__":
    main()
