"""``thresher compare``: two exported models on the same rows, and labels where they disagree.

The folder holds the answers in the order in which rows count, and the labels that were told; what
was shown is worked out of both each time. Files are replaced whole, so that a killed process loses
nothing but its own call.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from lifecycle import Shadow, rows_needed

from ...core.counted import percent
from ...core.errors import InputError
from ...core.files import read_json, write_json
from ...core.locking import alone_in
from ...core.options import picked
from ...core.signatures import checked
from ..read_options import InputOptions
from .answers import Answers, answers_to_data
from .files import read_columns, write_columns
from .labels import UNKNOWABLE, labels_told
from .logged import answers_to_log
from .shown_rows import keep_shown

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class ModelComparison:
    """Two models compared.

    Attributes
    ----------
    verdict : {'promote', 'equal', 'worse', 'not yet known'}
        ``'equal'``: the new model is proved to gain less than `worth`.
    difference, lower, upper : float
        Accuracy of the new model less that of the old one, and limits that hold at every look.
    rows, disagreements, labels, waiting : int
        Rows given, those on which the models disagree, and those with and without a label.
    disagreement : float
        Share of rows on which they disagree.
    to_label : Path
        CSV of the rows on which they disagree, with a column ``label`` to fill.
    """

    verdict: str
    difference: float
    lower: float
    upper: float
    rows: int
    disagreements: int
    labels: int
    waiting: int
    to_label: Path

    @property
    def disagreement(self) -> float:
        """Share of rows on which the models disagree."""
        return self.disagreements / self.rows

    def needed(self, difference: float) -> tuple[int, int]:
        """Return the rows and the labels with which a test finds a difference in accuracy.

        Raises
        ------
        InputError
            When the models disagree on too few rows to differ by so much.
        """
        if difference > self.disagreement:
            raise InputError(
                f"The models disagree on {percent(self.disagreement, digits=2)} of the rows, so "
                "that they cannot differ by "
                f"{percent(difference, digits=2)}. Ask for a smaller difference."
            )
        found = rows_needed(
            difference, accuracy=(1 - difference) / 2, disagreement=self.disagreement
        )
        return found.paired, found.labels


@checked
def compare(
    old: PathLike,
    new: PathLike,
    *,
    data: Any = None,
    log: PathLike | None = None,
    out: PathLike,
    labels: Sequence[PathLike] = (),
    alpha: float = 0.02,
    margin: float = 0.0,
    worth: float = 0.0,
    **options: Unpack[InputOptions],
) -> ModelComparison:
    """Compare two exported models on the same rows; only rows on which they disagree need labels.

    Call it again, with labels or with more rows, as often as you like.

    Parameters
    ----------
    old, new : path-like
        Exported models: folders or ``.onnx`` files.
    data : path, str, mapping or datasets.Dataset, optional
        Rows with ids that stay the same.
    log : path-like, optional
        In place of `data`: the folder in which ``thresher serve --record FOLDER
        --record-content`` keeps requests. Its rows may be gone at the next call.
    out : path-like
        Folder of ``to_label.csv``, whose filled column ``label`` is read again, of the images that
        it names, and of the state.
    labels : sequence of path-like
        Further CSV files with columns ``row_id`` and ``label``: a class, ``-`` where neither model
        knows the class, ``?`` where nobody can tell, which counts against the new model.
    alpha : float
        Share of comparisons whose limits are ever wrong.
    margin, worth : float
        As in `lifecycle.Shadow`.
    **options
        Columns of `data`, and how its files are read.

    Raises
    ------
    InputError
        For other models, rows or rules than the folder was begun with, and labels that are
        unknown, of rows that need none, or other than before.

    Examples
    --------
    >>> import datasets
    >>> from training import compact_model, export
    >>> from thresher.app import compare
    >>> how = {"kind": "features", "columns": ["x"]}
    >>> for name in ("old", "new"):
    ...     network = compact_model("mlp", num_classes=2, input_shape=(1,), width=8)
    ...     _ = export(network, name, classes=["low", "high"], preprocessing=how)
    >>> rows = datasets.Dataset.from_dict({"row_id": ["a", "b", "c"], "x": [1, 2, 3]})
    >>> compare("old", "new", data=rows, out="compared").verdict
    'not yet known'
    """
    shadow = Shadow(alpha=alpha, margin=margin, worth=worth)
    folder = Path(out)
    with alone_in(folder, instead="another folder"):
        _keep_rules(folder / "rules.json", shadow.options())
        found = _asked(old, new, data, log, picked(InputOptions, options))
        answers = _all_answers(folder / "answers.csv", found.both)
        wanted = [row for row, (before, after) in answers.items() if before != after]
        shown = keep_shown(folder, wanted, known=found.both, show=found.shown)
        told = labels_told(folder, labels, answers, found.classes)
        _show(shadow, answers, told)
        write_columns(
            folder / "to_label.csv",
            {
                "row_id": wanted,
                "old": [answers[row][0] for row in wanted],
                "new": [answers[row][1] for row in wanted],
                **shown,
                "label": [told.get(row, "") for row in wanted],
            },
        )
    result = shadow.result()
    return ModelComparison(
        verdict=_verdict(result.verdict, result.upper),
        difference=result.difference,
        lower=result.lower,
        upper=result.upper,
        rows=len(answers),
        disagreements=len(wanted),
        labels=len(told),
        waiting=len(wanted) - len(told),
        to_label=folder / "to_label.csv",
    )


def _verdict(found: str, upper: float) -> str:
    if found == "keep":
        return "worse" if upper < 0 else "equal"
    return "promote" if found == "promote" else "not yet known"


def _asked(
    old: PathLike, new: PathLike, data: Any, log: PathLike | None, options: Mapping[str, Any]
) -> Answers:
    if (data is None) == (log is None):
        raise InputError("Give rows by `data`, or a log of requests by `log`; one of the two.")
    if log is None:
        return answers_to_data(old, new, data, options)
    given = sorted(name for name, value in options.items() if value)
    if given:
        raise InputError(f"{', '.join(given)}: only for `data`; a log has columns of its own.")
    return answers_to_log(old, new, log)


def _all_answers(path: Path, found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Return earlier answers and then new ones in random order, as the limits need it."""
    known = {row["row_id"]: (row["old"], row["new"]) for row in read_columns(path, ("old", "new"))}
    for row, both in found.items():
        if row in known and known[row] != both:
            raise InputError(
                f"The models say {both} of row {row!r}, and said {known[row]} when {path.parent} "
                "was begun: these are other models or other rows. Give another folder."
            )
    fresh = [row for row in found if row not in known]
    order = np.random.default_rng(len(known)).permutation(len(fresh))
    every = known | {fresh[at]: found[fresh[at]] for at in order}
    if fresh:
        old, new = zip(*every.values(), strict=True)
        write_columns(path, {"row_id": list(every), "old": list(old), "new": list(new)})
    return every


def _show(shadow: Shadow, answers: Mapping[str, tuple[str, str]], told: Mapping[str, str]) -> None:
    for row, (before, after) in answers.items():
        shadow.saw(row, old=before, new=after)
        if told.get(row) == UNKNOWABLE:
            shadow.unknowable(row)
        elif row in told:
            shadow.label(row, told[row])


def _keep_rules(path: Path, rules: dict[str, Any]) -> None:
    if not path.exists():
        write_json(path, rules)
    begun = read_json(path)
    if begun != rules:
        raise InputError(
            f"{path.parent} was begun with the rules {begun}, now they are {rules}. What was seen "
            "under other rules proves nothing under these: use the old ones, or another folder."
        )
