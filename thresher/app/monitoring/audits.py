"""Audit rows: chosen, asked in a labeling session, told whenever they come back.

Most are drawn at random, for they say how often the model is right. A quarter goes to answers that
labels have made suspect, where a few more decide soonest whether they changed.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.monitoring.days import DAY, OF_SUSPECTS, Audited, choose_audit, choose_suspected

from ...core.counted import counted
from ...core.errors import InputError
from ...core.files import atomic_path
from ..comparing.files import read_columns
from ..label_folder import HEAD, LabelFolder

if TYPE_CHECKING:
    import pyarrow as pa

_FIELDS = ("row_id", "at", "model", "answer", "confidence", "chosen")
_ROW_ID = "row_id"
_DRAWN, _SUSPECTED = "at random", "suspected"


@dataclass(frozen=True)
class Asked:
    """A row that was asked, as the model answered it; the log may have lost it since."""

    at: float
    model: str
    answer: str
    confidence: float
    drawn: bool


def read_asked(folder: Path) -> dict[str, Asked]:
    """Return all rows that were asked, by id."""
    path = folder / "asked.csv"
    rows = read_columns(path, _FIELDS[1:])
    try:
        return {
            row[_ROW_ID]: Asked(
                at=float(row["at"]),
                model=row["model"],
                answer=row["answer"],
                confidence=float(row["confidence"]),
                drawn={_DRAWN: True, _SUSPECTED: False}[row["chosen"]],
            )
            for row in rows
        }
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error!r}). Restore it.") from error


def ask_rows(
    folder: Path,
    table: pa.Table,
    *,
    n: int,
    classes: Sequence[str],
    suspects: Sequence[str] = (),
    random_state: int,
) -> Path | None:
    """Choose rows of the last day and ask their labels; None where no row is left.

    Rows whose content was kept become a labeling session; of others a file with their ids is
    written, whose column ``label`` is to be filled. With `suspects`, answers of which the most
    suspected comes first, a quarter is of these; all others are drawn at random.
    """
    asked = read_asked(folder)
    rows = table.to_pylist()
    last = max((row["at"] for row in rows), default=0.0)
    recent = {row[_ROW_ID]: row for row in rows if row["at"] > last - DAY}
    seed = random_state + len(asked)
    also = choose_suspected(
        list(recent),
        [row["answer"] for row in recent.values()],
        [row["confidence"] for row in recent.values()],
        n=n // OF_SUSPECTS,
        asked=set(asked),
        suspects=suspects,
        random_state=seed,
    )
    # Rows that are asked as suspects may be drawn all the same, else those would lack.
    drawn = choose_audit(
        list(recent),
        n=n - len(also),
        asked={name for name, one in asked.items() if one.drawn},
        anyway={*asked, *also},
        random_state=seed + 1,
    )
    new = {
        name: Asked(
            at=recent[name]["at"],
            model=recent[name]["model"],
            answer=recent[name]["answer"],
            confidence=recent[name]["confidence"],
            drawn=name in set(drawn),
        )
        for name in dict.fromkeys([*drawn, *also])
    }
    chosen = [name for name in recent if name in new and name not in asked]
    if not chosen:
        return None
    # First of all: a label of a row that is not listed as asked would be refused.
    _write_asked(folder / "asked.csv", asked | new)
    return _written(folder, [recent[name] for name in chosen], classes, number=len(asked))


def _write_asked(path: Path, asked: Mapping[str, Asked]) -> None:
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(_FIELDS)
        for name, one in asked.items():
            chosen = _DRAWN if one.drawn else _SUSPECTED
            writer.writerow([name, one.at, one.model, one.answer, one.confidence, chosen])


def _written(
    folder: Path, rows: list[dict[str, Any]], classes: Sequence[str], *, number: int
) -> Path:
    columns = _content(rows)
    base = folder / "audit" / f"{number:06d}"
    if columns is None:
        path = base.with_suffix(".csv")
        with atomic_path(path) as temporary:
            lines = [f"{row[_ROW_ID]}," for row in rows]
            temporary.write_text("\n".join([f"{_ROW_ID},label", *lines, ""]), encoding="utf-8")
        return path
    import datasets

    from ..labeling.start import label_init

    data = {_ROW_ID: [row[_ROW_ID] for row in rows], **columns}
    # Rows were drawn at random already; the session hands them out as they are.
    label_init(
        datasets.Dataset.from_dict(data),
        out=base,
        classes=list(classes),
        row_id=_ROW_ID,
        strategy="random",
        features=None if "text" in columns else list(columns),
    )
    return base


def _content(rows: list[dict[str, Any]]) -> dict[str, list[Any]] | None:
    """Return columns that a labeling session can show, or None."""
    if rows[0].get("bytes") is not None:
        try:
            return {"text": [row["bytes"].decode("utf-8") for row in rows]}
        except UnicodeDecodeError:
            return None
    numbers = [row.get("numbers") or [] for row in rows]
    lengths = {len(each) for each in numbers}
    if len(lengths) == 1 and 0 < min(lengths) <= 64:
        return {f"x{at}": [each[at] for each in numbers] for at in range(min(lengths))}
    return None


def read_labels(folder: Path, more: Sequence[Path]) -> dict[str, str]:
    """Return the labels that came back, of sessions and of files; the same one twice is one.

    Raises
    ------
    InputError
        When a row has two different labels, or a file cannot be read.
    """
    found: dict[str, tuple[str, Path]] = {}
    # A killed process leaves what it was writing under a hidden name.
    inside = sorted(path for path in (folder / "audit").glob("*") if path.name[0] != ".")
    for path in [*inside, *more]:
        if not path.exists():
            raise InputError(f"There is no file or folder {path} with labels.")
        for name, label in _labels_of(path):
            if name in found and found[name][0] != label:
                raise InputError(
                    f"Row {name!r} has the label {found[name][0]!r} in {found[name][1]} and "
                    f"{label!r} in {path}. Settle it, and correct one of them."
                )
            found[name] = label, path
    return {name: label for name, (label, _) in found.items()}


def _labels_of(path: Path) -> list[tuple[str, str]]:
    if (path / HEAD).exists():
        with LabelFolder(path).open() as session:
            if not session.state.labeled.any():  # asked, and nobody has answered yet
                return []
            told = session.labels()
        return [
            (str(name), str(label))
            for name, label in zip(told.row_ids.tolist(), told.labels.tolist(), strict=True)
        ]
    return [
        (row[_ROW_ID], row["label"].strip())
        for row in read_columns(path, ("label",))
        if row[_ROW_ID] and row["label"].strip()
    ]


def audited_rows(
    asked: Mapping[str, Asked], labels: Mapping[str, str], *, model: str
) -> dict[str, Audited]:
    """Join labels with what the model answered; labels of rows never asked are named.

    Only rows that were chosen without a look at them say how often the model is right, so that
    others must not count.
    """
    strange = [name for name in labels if name not in asked]
    if strange:
        raise InputError(
            f"{counted(len(strange), 'label is', 'labels are')} of rows never asked, such as "
            f"{strange[0]!r}. Only rows that `thresher monitor --ask` has drawn say how often the "
            "model is right."
        )
    return {
        name: Audited(
            at=asked[name].at,
            # A model that answered NaN has failed, with no confidence in it.
            confidence=asked[name].confidence if asked[name].confidence >= 0 else 0.0,
            correct=asked[name].answer == label,
            answer=asked[name].answer,
            drawn=asked[name].drawn,
        )
        for name, label in labels.items()
        if asked[name].model == model
    }
