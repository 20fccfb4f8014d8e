"""Text operations, keyed like those on images. Off by default: nothing here is part of a policy.

Measured with a linear classifier they gained nothing that could be told from chance (see
docs/augment.md); the first four are Wei and Zou, "EDA", EMNLP 2019. Use them with a model of your
own, and check them against *none*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from thresher.core.classes import texts_of, without_code
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.missing import read_values, text_list
from thresher.core.moved import renamed
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from .randomness.keyed import check_index, check_keys, check_seed, draw

Change: TypeAlias = Callable[[list[str], np.ndarray, float], list[str]]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MOST_WORDS = 4096


def _delete(words: list[str], draws: np.ndarray, rate: float) -> list[str]:
    kept = [word for word, draw_ in zip(words, draws[:, 0], strict=True) if draw_ >= rate]
    return kept or [words[int(draws[0, 1] * len(words))]]


def _swap(words: list[str], draws: np.ndarray, rate: float) -> list[str]:
    changed = list(words)
    for place, (gate, other) in enumerate(draws[:, :2].tolist()):
        if gate < rate:
            target = int(other * len(words))
            changed[place], changed[target] = changed[target], changed[place]
    return changed


def _typo(words: list[str], draws: np.ndarray, rate: float) -> list[str]:
    changed = list(words)
    for place, (gate, where, kind, letter) in enumerate(draws[:, :4].tolist()):
        word = words[place]
        if gate >= rate or not word:
            continue
        at, drawn = int(where * len(word)), _LETTERS[int(letter * 26)]
        edits = (word[:at] + word[at + 1 :] or word, word[:at] + drawn + word[at:],
                 word[:at] + drawn + word[at + 1 :])  # fmt: skip
        changed[place] = edits[int(kind * 3)]
    return changed


_CHANGES: Mapping[str, Change] = {"delete": _delete, "swap": _swap, "typo": _typo}


@renamed(keys="row_ids")
@checked
def augment_texts(
    texts: Sequence[str],
    row_ids: Any,
    *,
    op: str,
    rate: float = 0.1,
    lexicon: Mapping[str, Sequence[str]] | None = None,
    epoch: int = 0,
    view: int = 0,
    random_state: RandomState = 0,
) -> list[str]:
    """Change words of each text; a text of one word or less comes back as it is.

    Parameters
    ----------
    texts, row_ids
        Texts (n,) and one id per row; see `Augmenter.batch`.
    op
        ``"delete"``, ``"swap"``, ``"typo"`` or ``"synonym"``.
    rate
        Probability of a change for each word.
    lexicon
        For ``"synonym"``: lower-case words and what may stand for them.
    epoch, view, random_state
        As in `Augmenter`.

    Examples
    --------
    >>> from augment import augment_texts
    >>> augment_texts(["a red kettle for two"], ["r1"], op="swap", rate=0.3, random_state=0) != [""]
    True
    """
    check_choice("op", op, (*_CHANGES, "synonym"))
    check_number("rate", rate, low=0, high=1)
    if (op == "synonym") != (lexicon is not None):
        raise InputError("`lexicon` belongs to op 'synonym', which needs one.")
    if lexicon is not None:
        _check_lexicon(lexicon)
    texts = text_list("texts", texts)
    rows = check_keys(row_ids, n=len(texts))
    draws = draw(
        check_seed(random_state),
        rows,
        epoch=check_index("epoch", epoch),
        view=check_index("view", view),
    )
    change = _CHANGES[op] if lexicon is None else _synonyms(lexicon)
    return [
        _change(text, change, draws.uniform(0, 4 * _length(text), rows=np.array([row])), rate)
        for row, text in enumerate(texts)
    ]


@renamed(keys="row_ids")
@checked
def splice(
    texts: Sequence[str],
    labels: Any,
    row_ids: Any,
    *,
    epoch: int = 0,
    random_state: RandomState = 0,
) -> list[str]:
    """Join the first half of each text with the second half of another one of its class.

    A text without a label stays as it is.

    Examples
    --------
    >>> from augment import splice
    >>> texts = ["red kettle, new", "blue kettle, old", "two chairs", "one chair"]
    >>> len(splice(texts, ["kettle", "kettle", "chair", "chair"], list("abcd"), random_state=0))
    4
    """
    texts = text_list("texts", texts)
    rows = check_keys(row_ids, n=len(texts))
    values, missing = read_values(labels, name="labels")
    if values.shape != (len(texts),):
        raise InputError(
            f"There are {counted(len(texts), 'text')} and labels of the shape {values.shape}."
        )
    names = texts_of(values, without_code(values, missing), name="labels")
    if not len(texts):
        return []
    draws = draw(check_seed(random_state), rows, epoch=check_index("epoch", epoch))
    place = draws.uniform(0, 1)[:, 0]
    joined = []
    for row, text in enumerate(texts):
        if not names[row]:
            joined.append(text)
            continue
        others = np.flatnonzero(names == names[row])
        other = texts[int(others[int(place[row] * len(others))])].split()
        words = text.split()
        joined.append(" ".join(words[: (len(words) + 1) // 2] + other[len(other) // 2 :]))
    return joined


@checked
def back_translate(
    texts: Sequence[str], translate: Callable[[list[str]], Sequence[str]]
) -> list[str]:
    """Return what `translate` (there and back, on all texts at once) makes of the texts.

    An empty answer keeps the text.

    Examples
    --------
    >>> from augment import back_translate
    >>> there_and_back = lambda texts: [text.replace("kettle", "pot") for text in texts]
    >>> back_translate(["a red kettle"], there_and_back)
    ['a red pot']
    """
    texts = text_list("texts", texts)
    if not callable(translate):
        raise InputError(
            f"`translate` must be a function of a list of texts, got {translate!r:.80}."
        )
    given = translate(list(texts))
    if not isinstance(given, (list, tuple)):
        raise InputError(f"`translate` must return a list of texts, got {type(given).__name__}.")
    answers = list(given)
    if len(answers) != len(texts) or not all(isinstance(answer, str) for answer in answers):
        raise InputError(
            f"`translate` must return {counted(len(texts), 'text')}, got "
            f"{counted(len(answers), 'value')}."
        )
    return [answer.strip() or text for text, answer in zip(texts, answers, strict=True)]


def _check_lexicon(lexicon: Mapping[str, Sequence[str]]) -> None:
    if not isinstance(lexicon, Mapping):
        raise InputError(f"`lexicon` must map words to lists, got {type(lexicon).__name__}.")
    for word, others in lexicon.items():
        good = isinstance(others, (list, tuple)) and all(isinstance(one, str) for one in others)
        if not isinstance(word, str) or not good:
            raise InputError(f"`lexicon` must map words to lists of words; see {word!r:.40}.")


def _length(text: str) -> int:
    return min(max(1, len(text.split())), _MOST_WORDS)


def _change(text: str, change: Change, draws: np.ndarray, rate: float) -> str:
    words = text.split()
    if len(words) < 2:
        return text
    head, tail = words[:_MOST_WORDS], words[_MOST_WORDS:]
    return " ".join(change(head, draws.reshape(-1, 4), rate) + tail)


def _synonyms(lexicon: Mapping[str, Sequence[str]]) -> Change:
    def change(words: list[str], draws: np.ndarray, rate: float) -> list[str]:
        changed = list(words)
        for place, (gate, pick) in enumerate(draws[:, :2].tolist()):
            choices = lexicon.get(words[place].lower(), ())
            if gate < rate and choices:
                changed[place] = choices[int(pick * len(choices))]
        return changed

    return change
