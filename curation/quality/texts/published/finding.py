"""Judge texts by the published rules of Gopher, C4 and FineWeb."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from thresher.core.errors import InputError, check_choice
from thresher.core.missing import text_list
from thresher.core.signatures import checked

from ....duplicates.exact import checked_ids
from ...result import Finding, QualityIssues
from . import c4, fineweb, gopher
from .pieces import words_in
from .rule import Fired

# The repetition of a text comes first, as in FineWeb's own order.
FAMILIES: dict[str, Callable[[str, Sequence[str]], Iterator[Fired]]] = {
    "gopher": lambda text, tokens: _both(gopher.repetition, gopher.quality, text, tokens),
    "c4": lambda text, _: c4.page(text),
    "fineweb": fineweb.page,
}
BROKEN = 0.3


def _both(
    first: Callable[[str, Sequence[str]], Iterator[Fired]],
    second: Callable[[str, Sequence[str]], Iterator[Fired]],
    text: str,
    tokens: Sequence[str],
) -> Iterator[Fired]:
    yield from first(text, tokens)
    yield from second(text, tokens)


@checked
def find_rule_issues(
    texts: Sequence[str | None],
    *,
    rules: Sequence[str] = tuple(FAMILIES),
    row_ids: np.ndarray | None = None,
) -> QualityIssues:
    """Find the texts that do not keep published rules, each with the rule and what was measured.

    The limits are those of the papers, made for pages of the web in English: short texts and lists
    break them. Cost: linear in the characters.

    Parameters
    ----------
    texts : sequence of str, length n
        None where missing.
    rules : sequence of {"gopher", "c4", "fineweb"}
        ``"gopher"``: Rae et al., 2021, repetition and quality; ``"c4"``: Raffel et al., 2020, but
        for its list of words; ``"fineweb"``: what Penedo et al., 2024, add to both.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….

    Returns
    -------
    QualityIssues
        A finding for each rule, such as ``"gopher few words"``; its details say value and limit.

    Raises
    ------
    InputError
        On unknown rules, and on none.

    Examples
    --------
    >>> from curation import find_rule_issues
    >>> found = find_rule_issues(["Too short."], rules=["gopher"])
    >>> found.flagged.tolist(), found.to_issues().table["detail"].to_pylist()[0]
    ([True], 'gopher top 2-gram: share of signs in the most frequent 2-gram 0.9, above 0.2')
    """
    if not rules:
        raise InputError(f"`rules` names none: choose from {', '.join(FAMILIES)}.")
    for name in rules:
        check_choice("rules", name, FAMILIES)
    listed = text_list("texts", texts)
    ids = checked_ids(row_ids, rows=len(listed))
    found: dict[str, list[tuple[int, str]]] = {}
    for row, text in enumerate(listed):
        tokens = words_in(text)
        for name in rules:
            for fired in FAMILIES[name](text, tokens):
                found.setdefault(fired.rule.name, []).append((row, fired.detail))
    return QualityIssues.of(ids, [_finding(name, rows) for name, rows in found.items()])


def _finding(name: str, rows: list[tuple[int, str]]) -> Finding:
    positions = np.array([row for row, _ in rows], np.int64)
    return Finding(name, positions, np.full(len(rows), BROKEN), [detail for _, detail in rows])
