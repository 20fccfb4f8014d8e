"""A user's texts judged by the published rules of Gopher, C4 and FineWeb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.columns import read_texts
from ...core.counted import counted
from ...core.errors import InputError
from ...core.loaded import LoadedDataset
from ..sources import read_rows
from .looking import look_by

if TYPE_CHECKING:
    from .outcome import Outcome


def look_by_rules(
    data: Any, rules: Sequence[str], *, drop: bool, options: Mapping[str, Any]
) -> Outcome:
    """Find the texts that do not keep published rules; drop them, or leave them to be looked at."""
    from curation import find_rule_issues

    from .texts_decided import decided

    def find(loaded: LoadedDataset, seed: int, said: Mapping[str, Any]) -> Outcome:
        texts = texts_of(loaded, "published rules")
        found = find_rule_issues(texts, rules=rules, row_ids=loaded.row_ids)
        counts = found.counts()
        broken = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        return decided(
            "quality",
            loaded,
            found.to_issues(),
            methods={"quality": f"by the published rules of {', '.join(rules)}"},
            said=said,
            seed=seed,
            drop=tuple(counts) if drop else (),
            facts={"rules": counts, "kept by all": int((~found.flagged).sum())},
            notes=(
                (
                    f"{(~found.flagged).sum():,} of "
                    f"{counted(len(found), 'text keeps', 'texts keep')} all rules"
                ),
                broken,
            ),
        )

    return look_by(find, read_text_rows, data, options=options)


def read_text_rows(data: Any, *, label: str | None = None, **columns: Any) -> LoadedDataset:
    """Read rows whose texts alone are looked at: no label is looked for but one that is named."""
    return read_rows(data, **{**columns, "label": label or "none"})


def texts_of(loaded: LoadedDataset, what: str) -> list[str]:
    """Return the texts of the rows that were read.

    Raises
    ------
    InputError
        When they are no texts; `what` says what is looked for.
    """
    if loaded.schema.modality != "text":
        raise InputError(
            f"There are no texts to look for {what}: the data were read as "
            f"{loaded.schema.modality}. Name the column of texts: --text body."
        )
    return list(read_texts(loaded.dataset, loaded.schema.inputs[0]))
