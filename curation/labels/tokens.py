"""Find wrong labels of tokens, and the sentences that hold them.

Every token is a row of its own for `find_label_issues`; a sentence is as good as its worst token
(Wang and Mueller, "Detecting Label Errors in Token Classification Data", 2022, who found the
minimum to rank sentences best). With the method ``"confident"`` flags and scores are those of
cleanlab 2.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice
from thresher.core.issues import Issues
from thresher.core.missing import read_numbers, read_values
from thresher.core.numerics.ragged import place_in_group
from thresher.core.shown import Shown
from thresher.core.signatures import checked
from thresher.core.text_arrays import text_array

from .finding import find_label_issues
from .inputs import read_row_ids
from .noise import NoiseRate
from .result import LabelIssues

METHODS = ("auto", "confident")
MOST_NAMED = 3


@dataclass(frozen=True, repr=False)
class TokenIssues(Shown):
    """How much each sentence's token labels are to be trusted.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
        One for each sentence.
    scores : ndarray of float64, shape (n,)
        0–1, low = bad: of the worst token; 1 for a sentence without tokens.
    flagged : ndarray of bool, shape (n,)
        Sentences with a flagged token.
    tokens : LabelIssues
        Of all m tokens, in order, with ids such as ``"row7/3"``.
    row_of : ndarray of int64, shape (m,)
        Position of each token's sentence.
    """

    row_ids: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    tokens: LabelIssues
    row_of: np.ndarray

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def token_scores(self) -> list[np.ndarray]:
        """Scores of each sentence's tokens, n arrays of float64."""
        starts = np.searchsorted(self.row_of, np.arange(1, len(self)))
        return np.split(self.tokens.scores, starts) if len(self) else []

    @property
    def threshold(self) -> float:
        """Tokens with a score below it are flagged."""
        return self.tokens.threshold

    @property
    def noise_rate(self) -> NoiseRate:
        """Estimated share of wrong labels among the tokens."""
        return self.tokens.noise_rate

    @property
    def method(self) -> str:
        """How it was found, in a sentence."""
        return self.tokens.method

    def at(self, threshold: float) -> TokenIssues:
        """Flag by another threshold, without scoring anything again."""
        return _of_sentences(self.row_ids, self.row_of, self.tokens.at(threshold))

    def audit(self, n: int) -> np.ndarray:
        """Return the ids of the `n` tokens most worth a look; see `curation.labels.audit`."""
        return self.tokens.audit(n)

    def calibrate(self, tokens: np.ndarray, is_error: np.ndarray) -> TokenIssues:
        """Learn from audited tokens how scores and errors relate."""
        return _of_sentences(self.row_ids, self.row_of, self.tokens.calibrate(tokens, is_error))

    def to_issues(self) -> Issues:
        """Return the flagged sentences as issues of the check ``label``, worst tokens named."""
        rows = np.flatnonzero(self.flagged)
        starts = np.searchsorted(self.row_of, np.arange(len(self)))
        part = Issues.from_columns(
            "label",
            row_ids=self.row_ids[rows].tolist(),
            scores=self.scores[rows].tolist(),
            details=[self._describe(int(row), int(starts[row])) for row in rows],
        )
        return Issues.concat([part])

    def _describe(self, row: int, start: int) -> str:
        tokens, names = self.tokens, text_array(self.tokens.classes)
        at = np.flatnonzero(tokens.flagged & (self.row_of == row))
        worst = at[np.argsort(tokens.scores[at], kind="stable")][:MOST_NAMED]
        said = []
        for token in worst.tolist():
            likely = tokens.likely_wrong(float(tokens.scores[token]))
            said.append(
                f"token {token - start} labeled '{names[tokens.labels[token]]}', rather "
                f"'{tokens.suggested_names[token]}'" + (f" ({likely})" if likely else "")
            )
        more = f"; {len(at) - len(worst)} more" if len(at) > len(worst) else ""
        return "; ".join(said) + more


@checked
def find_token_issues(
    labels: Sequence[Sequence[int]] | Sequence[Sequence[str]],
    *,
    pred_probs: Sequence[np.ndarray],
    row_ids: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
    method: str = "auto",
) -> TokenIssues:
    """Find sentences with a wrong token label.

    Parameters
    ----------
    labels : n sequences of int or str
        One label for each token; −1 or ``""`` = not labeled.
    pred_probs : n arrays of float, shape (tokens, K)
        Out-of-sample probabilities of each token.
    row_ids : ndarray of str, shape (n,), optional
    classes : sequence of str, length K, optional
        In the order of the columns; needed for names of which not all occur.
    method : {"auto", "confident"}
        As in `find_label_issues`.

    Returns
    -------
    TokenIssues

    Raises
    ------
    InputError
        On a sentence with another number of tokens than of probabilities (named), NaN, rows that
        do not sum to one, unknown classes.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_token_issues
    >>> labels = [["name", "other"], ["other", "other"]] * 15
    >>> probs = [np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.1, 0.9], [0.1, 0.9]])] * 15
    >>> labels[4] = ["other", "other"]  # its first word is a name
    >>> found = find_token_issues(labels, pred_probs=probs)
    >>> int(found.scores.argmin())
    4
    """
    check_choice("method", method, METHODS)
    ids = read_row_ids(row_ids, None, len(labels))
    for row_id, row in zip(ids.tolist(), labels, strict=True):
        if isinstance(row, (str, bytes)) or not hasattr(row, "__len__"):
            raise InputError(
                f"The labels of sentence {row_id!r} must be a list, one for each token, got "
                f"{row!r:.80}."
            )
    counts = np.array([len(row) for row in labels], dtype=np.int64)
    arrays = _read_arrays(pred_probs, counts, ids)
    row_of = np.repeat(np.arange(len(ids)), counts)
    place = place_in_group(counts)
    token_ids = [
        f"{ids[row]}/{at}" for row, at in zip(row_of.tolist(), place.tolist(), strict=True)
    ]
    flat = [label for sentence in labels for label in sentence]
    tokens = find_label_issues(
        read_values(flat, name="labels")[0] if flat else np.zeros(0, dtype=np.int64),
        pred_probs=np.concatenate(arrays) if len(row_of) else np.ones((0, 1)),
        row_ids=text_array(token_ids),
        classes=classes,
        method=method,
    )
    return _of_sentences(ids, row_of, tokens)


def _read_arrays(
    pred_probs: Sequence[np.ndarray], counts: np.ndarray, ids: np.ndarray
) -> list[np.ndarray]:
    if len(pred_probs) != len(counts):
        raise InputError(
            f"There are {counted(len(counts), 'sentence')}, but `pred_probs` of {len(pred_probs)}."
        )
    arrays = [
        read_numbers(f"pred_probs of sentence {row_id}", array)
        for row_id, array in zip(ids.tolist(), pred_probs, strict=True)
    ]
    for row_id, array, count in zip(ids.tolist(), arrays, counts, strict=True):
        if len(array) != count or (count and array.ndim != 2):
            raise InputError(
                f"Sentence {row_id!r} has {counted(count, 'label')}, but `pred_probs` of shape "
                f"{array.shape}."
            )
    widths = {array.shape[1] for array, count in zip(arrays, counts, strict=True) if count}
    if len(widths) > 1:
        raise InputError(
            f"All `pred_probs` must have the same number of classes, got {sorted(widths)}."
        )
    return [array for array, count in zip(arrays, counts, strict=True) if count]


def _of_sentences(row_ids: np.ndarray, row_of: np.ndarray, tokens: LabelIssues) -> TokenIssues:
    scores, flagged = np.ones(len(row_ids)), np.zeros(len(row_ids), dtype=bool)
    np.minimum.at(scores, row_of, tokens.scores)
    np.logical_or.at(flagged, row_of, tokens.flagged)
    return TokenIssues(row_ids, scores, flagged, tokens, row_of)
