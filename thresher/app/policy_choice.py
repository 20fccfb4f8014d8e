"""Policies of augmentation over a user's images: shown, audited against the labels, chosen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from augment import Augmenter, Policy, audit, choose_policy, preview
from augment.choosing.choose import sized_candidates

from ..core.errors import InputError
from ..core.shown import Shown
from ..core.signatures import checked
from .augmentation import pilot_runs, read_policies, read_policy, read_training_images
from .pages.preview_page import write_preview_page
from .read_options import ImageOptions
from .sources import path_of

if TYPE_CHECKING:
    from augment import AuditReport, PolicyChoice

PathLike = str | os.PathLike[str]
AUDITED = 600
SetAside = tuple[tuple[str, str], ...]


@dataclass(frozen=True, repr=False)
class Preview(Shown):
    """A page or image of rows under policies; ``set_aside`` names rows that cannot be used."""

    path: Path
    policies: list[str]
    rows: int
    set_aside: SetAside = ()


@dataclass(frozen=True, repr=False)
class Audit(Shown):
    """What labels say of a policy; ``set_aside`` names rows that cannot be used."""

    policy: str
    report: AuditReport
    set_aside: SetAside = ()


@dataclass(frozen=True, repr=False)
class Choice(Shown):
    """A policy that was chosen, and why; ``set_aside`` names rows that cannot be used."""

    chosen: PolicyChoice
    set_aside: SetAside = ()


@checked
def augment_preview(
    data: Any,
    *,
    out: PathLike,
    policies: Sequence[str] = (),
    rows: int = 6,
    views: int = 8,
    size: int = 64,
    random_state: int = 0,
    **options: Unpack[ImageOptions],
) -> Preview:
    """Draw rows of a user's under one or several policies.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes; images.
    out : path-like
        A ``.html`` page or a ``.png`` image.
    policies : sequence of str
        Names of policies, or saved JSON files; all when left out.
    rows, views : int
        Rows shown, evenly over the classes, and versions of each.
    size : int
        Images are cut and scaled to squares of this side.
    random_state : int
    **options

    Returns
    -------
    Preview

    Raises
    ------
    InputError
        For data without images.

    Examples
    --------
    >>> from thresher.app import augment_preview
    >>> augment_preview("digits", out="page.html", policies=["standard"], size=16).policies
    ['standard']
    """
    path = Path(out)
    if path.suffix not in (".html", ".png"):
        raise InputError(f"`--out` must end in .html or .png, got {path.name}.")
    if rows < 1:
        raise InputError(f"`--rows` must be at least 1, got {rows}.")
    listed = read_policies(policies, size=size)
    images = read_training_images(data, size=size, limit=rows, **options)
    if path.suffix == ".html":
        origin = path_of(data) or "rows in memory"
        write_preview_page(path, listed, images, views=views, seed=random_state, origin=origin)
    else:
        ids = images.row_ids.tolist()
        drawn = preview(
            images.pixels, policies=listed, row_ids=ids, views=views, random_state=random_state
        )
        drawn.save(path)
    return Preview(path, [one.name for one in listed], len(images.pixels), images.set_aside)


@checked
def augment_audit(
    data: Any,
    *,
    policy: str = "trivial_augment",
    rows: int = AUDITED,
    size: int = 32,
    pilots: int = 0,
    budget_s: float = 300.0,
    margin: float = 1.0,
    random_state: int = 0,
    **options: Unpack[ImageOptions],
) -> Audit:
    """Say for each operation of a policy whether the labels speak against it.

    Only trainings (`pilots`) can assure that an operation does no harm: without them none is ever
    called ``"keep"``.

    Parameters
    ----------
    data, size, random_state
        As in `augment_preview`.
    policy : str
        A name or a JSON file.
    rows : int
        Labeled rows used at most.
    pilots : int
        Pairs of short trainings of each operation at most, with and without it; 0: none.
    budget_s : float
        Seconds that they may take.
    margin : float
        Points of accuracy: ``"keep"`` says that a larger loss is excluded, at 95 %.
    **options

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        For data without images.

    Examples
    --------
    >>> from thresher.app import augment_audit
    >>> augment_audit("digits", policy="standard", rows=100, size=16).report.rows
    100
    """
    wanted = read_policy(policy, size=size)
    images = read_training_images(data, size=size, limit=rows, **options)
    steps = [Policy(step.op, (step,)) for step in wanted.steps]
    report = audit(
        images.pixels,
        images.labels,
        policy=wanted,
        max_rows=rows,
        fit=pilot_runs(images, steps, budget_s=budget_s, rounds=pilots, out=None),
        rounds=max(1, pilots),
        margin=margin,
        budget_s=budget_s,
        random_state=random_state,
    )
    return Audit(wanted.name, report, images.set_aside)


@checked
def augment_choose(
    data: Any,
    *,
    out: PathLike | None = None,
    budget_s: float = 10.0,
    pilots: int = 0,
    policies: Sequence[str] = (),
    rows: int = AUDITED,
    size: int = 32,
    random_state: int = 0,
    **options: Unpack[ImageOptions],
) -> Choice:
    """Choose a policy for a user's images and say why.

    Without pilots, operations that the labels speak against are taken out of the first policy; with
    them, training decides.

    Parameters
    ----------
    data, size, random_state
        As in `augment_preview`.
    out : path-like, optional
        The policy goes there as JSON, and finished pilots beside it, where the same call goes on.
    budget_s : float
        Seconds that the choice may take.
    pilots : int
        Short training runs of each candidate at most; 0: none.
    policies : sequence of str
        The candidates.
    rows : int
        Labeled rows used at most.
    **options

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        For data without images, and pilots without labels.

    Examples
    --------
    >>> from thresher.app import augment_choose
    >>> found = augment_choose("digits", rows=100, size=16, out="policy.json")
    >>> found.chosen.policy.name.startswith("standard")
    True
    """
    path = None if out is None else Path(out)
    listed = read_policies(policies, size=size) if policies else list(sized_candidates(size))
    images = read_training_images(data, size=size, limit=rows, **options)
    fit = pilot_runs(images, listed, budget_s=budget_s, rounds=pilots, out=path)
    chosen = choose_policy(
        images.pixels,
        images.labels,
        candidates=listed,
        fit=fit,
        budget_s=budget_s,
        rounds=max(1, pilots),
        random_state=random_state,
    )
    if path is not None:
        Augmenter(chosen.policy, random_state=random_state).save(path)
    return Choice(chosen, images.set_aside)
