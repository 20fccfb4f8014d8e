"""Conversations in a user's data: copies, faulty turns and answers that teach nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pyarrow as pa

from ...core.errors import InputError, check_choice, check_column
from ...core.loaded import LoadedDataset
from ...core.signatures import checked
from ..given import rows_of, stored_rows
from ..sources import read_rows
from .looking import look_by
from .options import FindingOptions

if TYPE_CHECKING:
    from ...core.loading.parts import Part
    from .outcome import Outcome

USUAL = "auto"
COLUMN = "column:"


@checked
def curate_chat(
    data: Any,
    *,
    by: str = USUAL,
    keep: str = "best",
    drop: str = "",
    tokenizer: str | os.PathLike[str] = "words",
    closeness: float = 0.9,
    encoder: str = "auto",
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Find copies among conversations, and turns and answers with faults.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        Rows of ``messages`` or ``conversations``, of a prompt and an answer, or of a chosen and a
        rejected one. `text` names the column of turns, or those of the prompt with that of the
        answer last; else they are found.
    by : str
        What counts as a copy, separated by commas: whole, prompt, answer, part, meaning; by
        ``"auto"`` the first four, without prompt where there are rejected answers. See
        `curation.find_chat_issues`.
    keep : str
        Of copies ``"best"`` (the longest answer without a fault) stays, ``"first"``, or
        ``"column:NAME"`` (the highest number in a column).
    drop : str
        Kinds of faults whose rows go, separated by commas, such as ``"refusal,placeholder"``, or
        ``"all"``; others are there to be looked at. Rows without an answer always go.
    tokenizer : str or path-like
        What lengths are counted in: ``"words"``, a ``tokenizer.json``, or a folder with one.
    closeness : float
        Cosine from which rows are close by meaning, in (0, 1].
    encoder : str
        Makes vectors for ``"meaning"``; see `thresher.core.get_encoder`.
    **options

    Returns
    -------
    Outcome
        Its ``facts`` hold turns, roles and lengths.

    Raises
    ------
    InputError
        For data without conversations, and files that would be overwritten.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_chat
    >>> rows = {"prompt": ["Name a color.", "name a color"], "completion": ["Blue.", "A red one."]}
    >>> found = curate_chat(datasets.Dataset.from_dict(rows))
    >>> found.manifest.actions.tolist()
    ['drop', 'keep']
    """
    from curation.chat import find_chat_issues

    from .texts_decided import decided

    senses = tuple(name.strip() for name in by.split(",") if name.strip())
    kinds = _kinds(drop)
    _check_keep(keep)

    def find(loaded: LoadedDataset, seed: int, said: Mapping[str, Any]) -> Outcome:
        rows = stored_rows(loaded)
        scores = _scores(keep, rows)
        vectors = _vectors(loaded, encoder, seed) if "meaning" in senses else None
        found = find_chat_issues(
            rows,
            columns=_named(options.get("text")),
            row_ids=loaded.row_ids,
            by=None if by == USUAL else senses,
            keep="best" if scores is not None else keep,
            scores=scores,
            vectors=vectors,
            closeness=closeness,
            tokenizer=os.fspath(tokenizer),
            drop=kinds,
        )
        methods = {
            name: f"by {', '.join(found.senses)}" for name in ("exact_duplicate", "near_duplicate")
        }
        return decided(
            "chat",
            loaded,
            found.to_issues(),
            methods=methods | {"quality": "turns and answers, each by rules of its own"},
            said=said,
            seed=seed,
            drop=kinds,
            facts=found.facts(),
            notes=found.notes,
        )

    return look_by(find, read_conversation_rows, data, options=options)


def read_conversation_rows(data: Any, *, text: str | None = None, **columns: Any) -> LoadedDataset:
    """Read rows of conversations; their columns are found by what the first rows hold.

    Rows without anything in these columns are looked at once more, of each file the first ones.

    Raises
    ------
    InputError
        When there are none.
    """
    from curation.chat.shapes import LOOKED_AT, find_shape

    from ...core.loading.sources import read_source
    from ...core.loading.table_form import form_of

    form = ("delimiter", "header", "encoding", "max_unpacked")
    source = read_source(data, form_of(*(columns.get(name) for name in form)))
    rows = [row for part in source.parts for row in _rows_without(part, (), LOOKED_AT)]
    if rows:
        shape = find_shape(rows, columns=_named(text))
        while text is None:
            rows += [
                row
                for part in source.parts
                for row in _rows_without(part, shape.columns, LOOKED_AT)
            ]
            known, shape = shape.columns, find_shape(rows)
            if shape.columns == known:
                break
        text = ",".join(shape.columns)
    return read_rows(source, **{**columns, "text": text, "label": "none"})


def _named(text: str | None) -> tuple[str, ...]:
    """Return the columns that `text` names."""
    return () if text is None else tuple(name.strip() for name in text.split(","))


def _rows_without(part: Part, columns: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Return the first rows of a part in which none of the columns holds anything."""
    table, lines = part.table, part.lines
    empty = np.ones(len(table), bool)
    for name in columns:
        if name in table.column_names:
            empty &= table.column(name).is_null().to_numpy()
    chosen = np.flatnonzero(empty)[:most]
    return rows_of(
        table.take(pa.array(chosen)), None if lines is None else lines.take(pa.array(chosen))
    )


def _check_keep(keep: str) -> None:
    if not keep.startswith(COLUMN):
        from curation.chat.ranking import KEEP

        check_choice("--keep", keep, (*KEEP, f"{COLUMN}NAME"))


def _scores(keep: str, rows: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
    """Return the numbers of the column that `keep` names, NaN where there is none."""
    if not keep.startswith(COLUMN):
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    name = check_column(keep.removeprefix(COLUMN), names, role="score")
    values = [row.get(name) for row in rows]
    try:
        return np.array([np.nan if value is None else float(value) for value in values])
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`--keep {keep}` needs a column of numbers; {name!r} holds something else ({error})."
        ) from error


def _vectors(loaded: LoadedDataset, encoder: str, seed: int) -> np.ndarray:
    from ...core.columns import read_texts
    from ...core.encoders import embed

    texts = read_texts(loaded.dataset, loaded.schema.inputs[0])
    vectors: np.ndarray = embed(list(texts), encoder=encoder, random_state=seed).vectors
    return vectors


def _kinds(drop: str) -> tuple[str, ...]:
    """Return the kinds of faults whose rows go."""
    from curation.chat.finding import FAULTS

    asked = tuple(name.strip() for name in drop.split(",") if name.strip())
    for name in asked:
        check_choice("--drop", name, ("all", *FAULTS))
    return FAULTS if "all" in asked else asked
