"""Write the dataset as a folder that the Hub takes as it is, and put it there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from thresher.core.errors import InputError, ThresherError
from thresher.core.files import atomic_path
from thresher.core.signatures import checked
from thresher.core.writing import write_dataset

from ...sessions.session import Session
from .card import make_card
from .columns import make_dataset
from .gathered import gather

if TYPE_CHECKING:
    import datasets

README, DATA = "README.md", "data"
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


@checked
def export_dataset(
    session: Session,
    path: str | os.PathLike[str],
    *,
    rows: datasets.Dataset | None = None,
    method: str = "auto",
    anonymous: bool = False,
    push: str | None = None,
    private: bool = False,
) -> int:
    """Write the labeled rows as a Hugging Face dataset with a card; return their number.

    ``datasets.load_dataset(path)`` reads the folder, which is laid out as the Hub has it: Parquet
    files in ``data/`` and a ``README.md``. Columns: ``row_id``, those of `rows`, ``label`` (classes
    as ``ClassLabel``), ``label_quality``, ``answers`` (of each annotator), ``round``, ``arm``
    (audit, chosen or told) and ``seconds``.

    Parameters
    ----------
    session : Session
    path : path-like
        A new folder, or one that this function wrote.
    rows : datasets.Dataset, optional
        What the rows hold, with a column ``row_id``; a column ``split`` makes the splits.
    method : str
        How several answers become one label; see `consensus`.
    anonymous : bool
        Number the annotators instead of naming them.
    push : str, optional
        Put it on the Hub too, as ``owner/name``, with the token that ``hf auth login`` has stored.
    private : bool
        Whether a repository that is made for it is private.

    Raises
    ------
    InputError
        When nothing is labeled, the folder holds other files, or `rows` lacks a labeled row.
    ThresherError
        When the Hub refuses; the folder is written all the same.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Session, export_dataset
    >>> with Session("labels.db", embeddings=np.eye(4), classes=["a", "b"]) as session:
    ...     told = session.tell({"0": "a", "1": "b"}, annotator="ann")
    ...     export_dataset(session, "labels")
    2
    """
    target = Path(path)
    _check_target(target, push)
    found = gather(session, method=method, anonymous=anonymous)
    splits = make_dataset(session.task, found, rows)
    title = push.partition("/")[2] if push else target.name
    with atomic_path(target) as temporary:
        (temporary / DATA).mkdir(parents=True)
        for name, part in splits.items():
            write_dataset(part, temporary / DATA / f"{name}-00000-of-00001.parquet")
        card = make_card(session, found, splits, title=title)
        (temporary / README).write_text(card, encoding="utf-8")
    if push is not None:
        _push(splits, target, push, private=private)
    return len(found.row_ids)


def _check_target(target: Path, push: str | None) -> None:
    if push is not None and not REPOSITORY.fullmatch(push):
        raise InputError(f"`push` must be owner/name on the Hugging Face Hub, got {push!r}.")
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; the dataset is a folder. Choose another name.")
    others = {entry.name for entry in target.iterdir()} - {README, DATA} if target.exists() else ()
    if others:
        raise InputError(
            f"{target} holds other files, such as {min(others)!r}. Choose a new folder."
        )


def _push(splits: datasets.DatasetDict, folder: Path, name: str, *, private: bool) -> None:
    from huggingface_hub import HfApi

    try:
        splits.push_to_hub(name, private=private)
        HfApi().upload_file(
            path_or_fileobj=str(folder / README),
            path_in_repo=README,
            repo_id=name,
            repo_type="dataset",
            commit_message="Add the dataset card",
        )
    except Exception as error:  # the Hub's client raises many types: network, token, rights, …
        reasons = [each for each in (error, error.__cause__) if each is not None]
        said = "; ".join(
            f"{type(e).__name__}: {(str(e).strip() or '?').splitlines()[0]}" for e in reasons
        )
        raise ThresherError(
            f"The Hugging Face Hub did not take {name!r} ({said}). The "
            f"dataset lies in {folder}. Log in with `hf auth login`, check that you may write "
            f"there, and try again, or: hf upload {name} {folder} --repo-type dataset"
        ) from error
