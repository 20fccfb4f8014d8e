"""Addresses and numbers of people in a user's texts: reported, dropped or masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from ...core.counted import counted
from ...core.errors import InputError, check_choice
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.signatures import checked
from ..given import stored_rows
from ..text_columns import columns_by_text
from .looking import look_by
from .options import FindingOptions
from .published_rules import read_text_rows, texts_of

if TYPE_CHECKING:
    from .outcome import Outcome

ACTIONS = ("report", "drop", "mask")
WORDS = {"report": "personal data", "drop": "personal data", "mask": "personal data, masked,"}
KINDS = "email,iban,card,id,ip,phone"


@checked
def curate_personal(
    data: Any,
    *,
    action: str = "report",
    kinds: str = KINDS,
    mask: str = "[{kind}]",
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Find addresses and numbers of people in texts, by their forms and check digits.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes; all columns of text are looked at, turns of
        conversations, lists and mappings as well, or those that ``text`` names.
    action : {"report", "drop", "mask"}
        Leave the rows to be looked at, drop them, or replace the data in what `clean` names;
        everything else in a masked row stays to the byte, and what was masked is kept nowhere.
    kinds : str
        What is looked for, separated by commas; see `curation.find_personal_data`.
    mask : str
        What stands for a piece; ``{kind}`` is its kind in capitals.
    **options

    Returns
    -------
    Outcome
        Its ``facts`` count pieces of each kind, and name the columns that were looked at and that
        were not.

    Raises
    ------
    InputError
        For data without texts, and for ``"mask"`` without `clean`.

    Examples
    --------
    >>> import datasets
    >>> from pathlib import Path
    >>> from thresher.app import curate_personal
    >>> rows = datasets.Dataset.from_dict({"text": ["Ask ann@example.org about it.", "Ask us."]})
    >>> done = curate_personal(rows, action="mask", clean="masked.csv")
    >>> Path("masked.csv").read_text().splitlines()
    ['text', 'Ask [EMAIL] about it.', 'Ask us.']
    """
    from curation.personal.finding import FINDERS, mask_pieces, pieces_in

    from ..changed_cells import with_changed_texts
    from .texts_decided import decided

    check_choice("--action", action, ACTIONS)
    if str(options.get("out") or "").lower().endswith(".html"):
        raise InputError(
            "A page shows the texts, and with them what is not to be seen: --out is here a .csv, "
            ".jsonl or .parquet file, which says what was found with its middle hidden."
        )
    if action == "mask" and options.get("clean") is None:
        raise InputError("Masked rows are written by --clean FILE: name it.")
    asked = tuple(name.strip() for name in kinds.split(",") if name.strip())
    for name in asked:
        check_choice("--kinds", name, FINDERS)
    if not asked:
        raise InputError(f"--kinds names none: choose from {KINDS}.")

    def find(loaded: LoadedDataset, seed: int, said: Mapping[str, Any]) -> Outcome:
        columns, others = _columns(loaded, options.get("text"))
        issues, counts = _found(loaded, columns, asked)
        listed = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
        return decided(
            "personal",
            loaded,
            issues,
            methods={"quality": f"{', '.join(asked)} by forms and check digits"},
            said=said,
            seed=seed,
            drop=("personal data",) if action == "drop" else (),
            others="none" if action == "mask" else "review",
            facts={
                "pieces": counts,
                "rows": len(issues),
                "action": action,
                "columns": columns,
                "columns_not_looked_at": others,
            },
            notes=(
                f"{WORDS[action]} in {counted(len(issues), 'row')}: {listed or 'none'}",
                f"columns looked at: {', '.join(columns)}; not looked at: "
                f"{', '.join(others) or 'none'}",
            ),
            private=True,
        )

    def masked(loaded: LoadedDataset) -> LoadedDataset:
        def hide(text: str) -> str:
            return mask_pieces(text, pieces_in(text, asked), mask)

        return with_changed_texts(loaded, _columns(loaded, options.get("text"))[0], hide)

    change = masked if action == "mask" else None
    return look_by(find, read_text_rows, data, options=options, change=change)


def _columns(loaded: LoadedDataset, named: str | None) -> tuple[list[str], list[str]]:
    """Return the columns that are looked at, those named or all of text, and the others.

    Raises
    ------
    InputError
        When there is no text.
    """
    looked, others = columns_by_text(loaded)
    if named is not None:
        every = [*looked, *others]
        looked = [named] if named in every else [name.strip() for name in named.split(",")]
        others = [name for name in every if name not in looked]
    if not looked:
        texts_of(loaded, "personal data")  # which says how they were read
    return looked, others


def _found(
    loaded: LoadedDataset, columns: Sequence[str], kinds: Sequence[str]
) -> tuple[Issues, dict[str, int]]:
    """Look at the texts of each row one by one, as they will be masked."""
    from curation import find_personal_data

    from ..changed_cells import texts_within

    owners: list[int] = []
    texts: list[str] = []
    for at, row in enumerate(stored_rows(loaded)):
        for name in columns:
            own = texts_within(row.get(name))
            texts += own
            owners += [at] * len(own)
    found = find_personal_data(texts, kinds=kinds)
    first = {owner: at for at, owner in reversed(list(enumerate(owners))) if found.pieces[at]}
    chosen = sorted(first.values())
    ids = loaded.row_ids
    details = {issue.row_id: issue.detail for issue in found.to_issues()}
    issues = Issues.from_columns(
        "quality",
        row_ids=[str(ids[owners[at]]) for at in chosen],
        scores=[0.4] * len(chosen),
        details=[details[str(at)] for at in chosen],
    )
    return issues, found.counts()
