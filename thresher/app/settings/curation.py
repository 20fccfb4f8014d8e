"""Settings of rows, and of what is found in them and done about it."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from .group import Auto, Count, Group, setting


class DataSettings(Group):
    """Which columns to use, and which rows."""

    label: str | None = setting(
        "Label column; several of 0 and 1, separated by commas, are one set of classes."
    )
    task: Literal["classification", "multi_label", "regression"] | None = setting(
        "What the label column holds: classification, multi_label or regression; else found out."
    )
    image: str | None = setting("Image column (bytes or paths).")
    text: str | None = setting("Text column; several, separated by commas, are taken as one text.")
    features: list[str] | None = setting("Numeric columns.")
    split: str | None = setting("Column that names the split of each row.")
    row_id: str | None = setting("Column with ids of the rows; else they are made.")
    where: dict[str, str] | None = setting(
        "Keep only the rows that have these values in these columns."
    )
    delimiter: str | None = setting(
        "What stands between columns of a text file: ;, | or tab; else found out."
    )
    header: bool | None = setting(
        "Whether the first line of a text file names the columns; else found out."
    )
    encoding: str | None = setting("Encoding of text files, such as gb18030; else found out.")
    max_unpacked: float | None = setting(
        "GiB to which a packed file may unpack; else 200 times its size.", gt=0
    )
    na: list[str] = setting("Entries that stand for a missing value, such as ?.", [])
    test_fraction: float = setting(
        "Share of each class held out for test, where the source has no test rows.",
        0.2,
        ge=0,
        lt=1,
    )
    keep_unlabeled: bool = setting(
        "Keep rows without a label and rows alone in their class, to clean data rather than to "
        "train on them.",
        False,
    )
    limit: int | None = setting("Use at most this many rows.", ge=1)
    image_size: Count | Auto = setting("Side in pixels to which images are scaled.", "auto")


class PlantSettings(Group):
    """Faults of known place, to see that the checks find them; shares of the training rows."""

    copies: float = setting("Exact copies.", 0.0, ge=0, le=0.5)
    near_copies: float = setting("Copies that were changed a little.", 0.0, ge=0, le=0.5)
    swapped_labels: float = setting("Rows that get the label of another class.", 0.0, ge=0, le=0.5)
    leaked: float = setting("Training rows that are copies of test rows.", 0.0, ge=0, le=0.5)


class EmbedSettings(Group):
    """How rows become vectors."""

    encoder: str = setting(
        "A built-in encoder, or a pretrained one by PREFIX:NAME, where NAME may be a folder.",
        "auto",
    )


class FindSettings(Group):
    """How duplicates, leaks, wrong labels and outliers are found."""

    near_threshold: float | Auto = setting(
        "Similarity from which rows are near duplicates.", "auto"
    )
    near_precision: float = setting(
        "Share of right pairs that a threshold chosen for texts aims at.", 0.95, gt=0, le=1
    )
    recall: float = setting(
        "Share of the near neighbors that the search has to find.", 0.999, gt=0, le=1
    )
    label_method: str = setting("How wrong labels are found.", "auto")
    keep: str = setting(
        "Which copy stays: connected, first, medoid, label_agreement, resolution, length or "
        "column:NAME.",
        "connected",
    )
    compare: Literal["auto", "crops", "turns"] = setting(
        "Which copies of images are looked for: crops finds cropped and mirrored ones too, turns "
        "also those turned by quarters.",
        "auto",
    )

    @field_validator("keep")
    @classmethod
    def _check_keep(cls, keep: str) -> str:
        from curation.curator.keep_policies import check_keep

        return check_keep(keep)


class DecideSettings(Group):
    """What is done about what was found. Test rows are only ever reported."""

    near_duplicates: Literal["drop", "review", "none"] = setting(
        "What becomes of near duplicates.", "drop"
    )
    labels: Literal["auto", "drop", "relabel", "review", "none"] = setting(
        "What becomes of rows whose label looks wrong; auto drops them where the data shows that "
        "there are wrong labels at all, and marks them for review where it does not. A run that "
        "trains also drops them where a trial shows that a small network without them is surely "
        "better on rows that it has not seen.",
        "auto",
    )
    outliers: Literal["drop", "review", "none"] = setting("What becomes of outliers.", "review")


class BudgetSettings(Group):
    """Train on a core set."""

    rows: int | None = setting("Keep only this many training rows.", ge=1)
    method: str = setting("How they are chosen, as in select_coreset.", "auto")


class LabelSettings(Group):
    """Active learning: train on few labels."""

    budget: int | None = setting(
        "Train on this many chosen labels, as if those of the other training rows were not known: "
        "none of the others decides anything, and encoders and core sets learn from none at all. "
        "Those that are chosen are looked through for wrong ones, as `decide.labels` says. "
        "The labels of validation rows come on top; the report's learning curves alone know all.",
        ge=2,
    )
    strategy: str = setting("How they are chosen, as in active_learning.query.", "auto")
    rounds: int = setting("Rounds in which they are chosen.", 5, ge=1)
