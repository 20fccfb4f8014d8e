"""``thresher compare``: two exported models on the same rows, and labels where they disagree.

The folder holds the answers in the order in which rows count, and the labels that were told; what
was shown is worked out of both each time. Files are replaced whole, so that a killed process loses
nothing but its own call.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa

from lifecycle import Shadow, rows_needed
from training import load_exported

from ..core.csv_writing import write_csv
from ..core.errors import InputError, did_you_mean
from ..core.files import atomic_path, read_json, write_json
from ..core.locking import alone_in
from ..core.options import picked
from ..core.signatures import checked
from .exported_models import predict
from .read_options import InputOptions

PathLike = str | os.PathLike[str]
NEITHER, UNKNOWABLE = "-", "?"


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
                f"The models disagree on {self.disagreement:.2%} of the rows, so that they cannot "
                f"differ by {difference:.2%}. Ask for a smaller difference."
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
    data: Any,
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
    data : path, str, mapping or datasets.Dataset
        Rows with ids that stay the same.
    out : path-like
        Folder of ``to_label.csv``, whose filled column ``label`` is read again, and of the state.
    labels : sequence of path-like
        Further CSV files with columns ``row_id`` and ``label``: a class, ``-`` where neither model
        knows the class, ``?`` where nobody can tell, which counts against the new model.
    alpha : float
        Share of comparisons whose limits are ever wrong.
    margin, worth : float
        As in `lifecycle.Shadow`.
    **options

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
        given = picked(InputOptions, options)
        answers = _all_answers(folder / "answers.csv", _answers(old, new, data, given))
        classes = sorted({*load_exported(old).classes, *load_exported(new).classes})
        told = _all_labels(folder, labels, answers, classes)
        _show(shadow, answers, told)
        wanted = [row for row, (before, after) in answers.items() if before != after]
        _write(
            folder / "to_label.csv",
            row_id=wanted,
            old=[answers[row][0] for row in wanted],
            new=[answers[row][1] for row in wanted],
            label=[told.get(row, "") for row in wanted],
        )
    found = shadow.result()
    return ModelComparison(
        verdict=_verdict(found.verdict, found.upper),
        difference=found.difference,
        lower=found.lower,
        upper=found.upper,
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


def _answers(
    old: PathLike, new: PathLike, data: Any, options: Mapping[str, Any]
) -> dict[str, tuple[str, str]]:
    """Return what both models say of each row; one that either cannot read is left out."""
    said = []
    for model in (old, new):
        table = predict(model, data, **options).table
        rows = zip(table["row_id"].to_pylist(), table["label"].to_pylist(), strict=True)
        said.append({str(row): str(label) for row, label in rows})
    both = {row: (said[0][row], said[1][row]) for row in said[0] if row in said[1]}
    if not both:
        raise InputError("There is no row that both models can read.")
    return both


def _all_answers(path: Path, found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Return earlier answers and then new ones in random order, as the limits need it."""
    known = {row["row_id"]: (row["old"], row["new"]) for row in _read(path, ("old", "new"))}
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
        _write(path, row_id=list(every), old=list(old), new=list(new))
    return every


def _all_labels(
    folder: Path,
    more: Sequence[PathLike],
    answers: Mapping[str, tuple[str, str]],
    classes: Sequence[str],
) -> dict[str, str]:
    """Return labels told earlier and now, each checked before any is kept."""
    kept, filled = folder / "labels.csv", folder / "to_label.csv"
    told: dict[str, str] = {}
    for path in (kept, filled, *map(Path, more)):
        if path not in (kept, filled) and not path.is_file():
            raise InputError(f"There is no file {path} with labels.")
        for row in _read(path, ("label",)):
            name, label = row["row_id"], row["label"].strip()
            if label:
                _check_label(path, name, label, answers, classes)
                if told.setdefault(name, label) != label:
                    raise InputError(
                        f"Row {name!r} has the label {told[name]!r}, in {path} it is {label!r}. "
                        "The first label has counted; correct the file."
                    )
    _write(kept, row_id=list(told), label=list(told.values()))
    return told


def _check_label(
    path: Path,
    row: str,
    label: str,
    answers: Mapping[str, tuple[str, str]],
    classes: Sequence[str],
) -> None:
    if row not in answers:
        raise InputError(f"{path} has a label of row {row!r}, which no model was asked about.")
    if answers[row][0] == answers[row][1]:
        raise InputError(
            f"{path} has a label of row {row!r}, on which the models agree. Only rows of "
            "to_label.csv need labels; leave it out."
        )
    if label not in (*classes, NEITHER, UNKNOWABLE):
        raise InputError(
            f"{path} says {label!r} of row {row!r}, which is no class of either model."
            f"{did_you_mean(label, classes)} Write {NEITHER} where no class of theirs is right, "
            f"{UNKNOWABLE} where nobody can tell."
        )


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


def _read(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"row_id", *columns} - set(reader.fieldnames or ())
        if missing:
            raise InputError(f"{path} has no column {sorted(missing)[0]!r}.")
        return [{name: row[name] or "" for name in ("row_id", *columns)} for row in reader]


def _write(path: Path, **columns: list[str]) -> None:
    with atomic_path(path) as temporary:
        write_csv(
            pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()}),
            temporary,
        )
