"""How many tokens texts have: by the user's tokenizer, or in words where none is given.

A tokenizer is a file that the library `tokenizers` wrote (``tokenizer.json``), which is also what a
folder of a transformers model holds. Marks that a model adds at the ends are not counted, and
nothing is cut or padded, whatever the file says.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError, require
from .fingerprint import fingerprint
from .missing import text_list

WORDS = "words"
FILE = "tokenizer.json"
_WORD = re.compile(r"\w+")
_BATCH = 1024


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens; made by `TokenCounter.of`, and cheap to send to another process.

    Attributes
    ----------
    unit : {"words", "tokens"}
        What is counted.
    path : str or None
        The tokenizer's file; None counts words: runs of letters, digits and underscores.
    key : str
        Fingerprint of the rule or of the file's content.

    Examples
    --------
    >>> from thresher.core import TokenCounter
    >>> TokenCounter.of("words").count(["a red car", "", "it's"]).tolist()
    [3, 0, 2]
    """

    unit: str
    path: str | None
    key: str

    @classmethod
    def of(cls, spec: str | os.PathLike[str] | TokenCounter = WORDS) -> TokenCounter:
        """Return the counter that `spec` names.

        Parameters
        ----------
        spec : {"words"}, path-like or TokenCounter
            A path is a file of `tokenizers`, or a folder that holds ``tokenizer.json``.

        Raises
        ------
        InputError
            When there is no such file, or it is no tokenizer.
        MissingExtraError
            When `tokenizers` is not installed.
        """
        if isinstance(spec, TokenCounter):
            return spec
        if spec == WORDS:
            return cls(WORDS, None, WORDS)
        path = _file(Path(spec).expanduser())
        _load(str(path))
        return cls("tokens", str(path.resolve()), fingerprint(path.read_bytes()))

    @property
    def said(self) -> str:
        """What is counted, in words for a report."""
        return "words" if self.path is None else f"tokens of {self.path}"

    def count(self, texts: Sequence[str]) -> np.ndarray:
        """Return the number of tokens of each text, int64 (n,); missing texts have none."""
        listed = text_list("texts", texts)
        if self.path is None:
            return np.array([len(_WORD.findall(text)) for text in listed], np.int64)
        tokenizer = _load(self.path)
        counts = np.zeros(len(listed), np.int64)
        for start in range(0, len(listed), _BATCH):
            part = listed[start : start + _BATCH]
            encoded = tokenizer.encode_batch_fast(part, add_special_tokens=False)
            counts[start : start + len(part)] = [len(each) for each in encoded]
        return counts


def _file(path: Path) -> Path:
    if path.is_dir():
        if not (path / FILE).is_file():
            raise InputError(
                f"The folder {path} holds no {FILE}. A tokenizer of transformers writes one with "
                f"`AutoTokenizer.from_pretrained({str(path)!r}).save_pretrained({str(path)!r})`."
            )
        return path / FILE
    if not path.is_file():
        raise InputError(
            f"There is no tokenizer {path}. Give a file {FILE}, a folder that holds one, or "
            f"{WORDS!r} to count words."
        )
    return path


@cache
def _load(path: str) -> Any:
    library = require("tokenizers", extra="encoders")
    try:
        text = Path(path).read_text(encoding="utf-8")
        if not isinstance(json.loads(text), dict):
            raise ValueError("not a JSON object")
        tokenizer = library.Tokenizer.from_str(text)
    except Exception as error:  # the library raises a bare Exception
        raise InputError(
            f"{path} is not a tokenizer of the library 'tokenizers' ({str(error)[:200]})."
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
