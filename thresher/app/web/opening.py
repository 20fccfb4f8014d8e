"""Which pages a folder has."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import InputError
from ..label_folder import HEAD
from ..review_opening import holds_decisions, open_desk, review_source
from .label.opening import LabelOptions, label_site
from .page import Site
from .review.site import review_site


def open_site(folder: Path, options: LabelOptions) -> Site:
    """Return the site of a folder: rows to label of a session, findings to review of a run.

    Raises
    ------
    InputError
        When the folder is none of them, or labeling options are given for a run.
    """
    if (folder / HEAD).is_file():
        return label_site(folder, options)
    if holds_decisions(folder):
        people = tuple(options.annotators)
        if options != LabelOptions(options.annotators):
            raise InputError(
                f"{folder} holds findings to review, not a labeling session: leave out the target, "
                "mode, batch and lease of labeling."
            )
        return open_review_site(folder, people=people)
    raise InputError(
        f"{folder} holds neither a labeling session nor a run. Start one with: thresher label init "
        f"DATA --out {folder} --classes yes,no; or find what there is to review with: thresher "
        f"curate DATA --out {folder}"
    )


def open_review_site(
    run: Path,
    *,
    data: str | None = None,
    embeddings: Path | None = None,
    people: tuple[str, ...] = (),
) -> Site:
    """Return the site of a review; see `thresher.app.review_opening.open_desk`."""
    desk = open_desk(run, data, embeddings=embeddings)
    return review_site(desk, title=review_source(run).resolve().name, people=people)
