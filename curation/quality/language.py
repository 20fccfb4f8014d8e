"""Texts in another language than the corpus, with the corpus itself as the prior.

Identifiers of language err on short texts: alone, they call one English question in twenty
something else. Their likelihoods are therefore combined with the shares of the languages in this
corpus, found by expectation maximization (Saerens et al., Neural Computation 2002), so that a text
must speak clearly to count as foreign. Likelihoods are those of langid (Lui and Baldwin, ACL 2012)
in the package ``py3langid``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from thresher.core.counted import percent

from .result import Finding, finding

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# A language with this share belongs to the corpus.
OWN_SHARE = 0.05
FOREIGN = 0.2
FITTED_ROWS = 5_000
ROUNDS = 50


def language_finding(texts: Sequence[str]) -> tuple[Finding, tuple[str, ...]]:
    """Find texts that are hardly in one of the languages of the corpus, and name those."""
    with_letters = [row for row, text in enumerate(texts) if any(map(str.isalpha, text))]
    mask = np.zeros(len(texts), dtype=bool)
    scores = np.ones(len(texts))
    if not with_letters:
        return finding("other language", mask, scores=scores, details=[]), ()
    step = -(-len(with_letters) // FITTED_ROWS)
    prior = language_shares(_likelihoods([texts[row] for row in with_letters[::step]]))
    own = prior >= min(OWN_SHARE, prior.max())
    details = []
    for row in with_letters:
        share, name = _judge(texts[row], prior, own)
        if share < FOREIGN:
            mask[row], scores[row] = True, 0.5 * share
            details.append(f"reads like {name!r}, P(a language of the corpus) = {share:.2g}")
    return finding("other language", mask, scores=scores, details=details), (_named(prior),)


def likeliest_language(text: str) -> tuple[str, float]:
    """Return the likeliest language of one text, as two letters, and its probability."""
    name, share = _identifier().classify(text)
    return str(name), float(share)


def language_shares(likelihoods: np.ndarray) -> np.ndarray:
    """Estimate how many texts each language has from likelihoods, (n, languages): sums to one.

    One further text, spread over all languages, keeps every share above zero.
    """
    n, languages = likelihoods.shape
    shares = np.full(languages, 1 / languages)
    for _ in range(ROUNDS):
        joint = likelihoods * shares
        posterior = joint / joint.sum(axis=1, keepdims=True)
        shares = (posterior.sum(axis=0) + 1 / languages) / (n + 1)
    return shares


def _judge(text: str, prior: np.ndarray, own: np.ndarray) -> tuple[float, str]:
    """Return the probability that a text is in a language of the corpus, and the likeliest one."""
    names = _names()
    best, _ = _identifier().classify(text)
    if own[names[best]]:
        # The likeliest language before the prior is one that the prior favors as well.
        return 1.0, best
    joint = _likelihoods([text])[0] * prior
    joint /= joint.sum()
    return float(joint[own].sum()), list(names)[int(joint.argmax())]


def _likelihoods(texts: list[str]) -> np.ndarray:
    names = _names()
    table = np.zeros((len(texts), len(names)))
    for row, text in enumerate(texts):
        for name, value in _identifier().rank(text):
            table[row, names[name]] = value
    return table


def _named(prior: np.ndarray) -> str:
    names = list(_names())
    order = [place for place in np.argsort(-prior, kind="stable") if prior[place] >= 0.005]
    shown = ", ".join(f"{names[place]} {percent(prior[place], digits=1)}" for place in order[:5])
    return f"languages: {shown}"


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def _names() -> dict[str, int]:
    return {name: place for place, name in enumerate(_identifier().labels)}
