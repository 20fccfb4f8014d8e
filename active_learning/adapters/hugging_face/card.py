"""The dataset's card: a README that the Hub reads and people too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from thresher.core.counted import counted

from ...sessions.session import Session
from .columns import COLUMNS
from .gathered import AUDIT, CHOSEN, TOLD, Gathered

if TYPE_CHECKING:
    import datasets

SHOWN = 50
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))
OF_TEXT = {
    "classification": "text-classification",
    "multi_label": "text-classification",
    "regression": "text-classification",
    "spans": "token-classification",
}
OF_IMAGE = {
    "classification": "image-classification",
    "multi_label": "image-classification",
    "boxes": "object-detection",
}


def make_card(
    session: Session, found: Gathered, splits: datasets.DatasetDict, *, title: str
) -> str:
    """Return Markdown with a YAML header."""
    header = _header(session, splits, title=title)
    lines = [
        f"# {_plain(title)}",
        "",
        f"{counted(len(found.row_ids), 'labeled row')}, collected by active learning with Thresher "
        f"{version('thresher')}.",
        "",
        *_table(("column", "holds"), [(f"`{name}`", text) for name, text in COLUMNS.items()]),
        *_counts(session, found),
        *_agreement(found),
        *_accuracy(found),
        *_choice(session, found),
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        'rows = load_dataset("this/folder")',
        "```",
    ]
    return f"---\n{header}\n---\n\n" + "\n".join(lines) + "\n"


def _header(session: Session, splits: datasets.DatasetDict, *, title: str) -> str:
    from datasets.info import DatasetInfo, DatasetInfosDict
    from huggingface_hub import DatasetCardData

    rows = sum(len(part) for part in splits.values())
    first = next(iter(splits.values()))
    data = DatasetCardData(
        pretty_name=title,
        tags=["active-learning", "thresher"],
        size_categories=[next((name for most, name in SIZES if rows < most), "n>1M")],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"data/{name}-*"} for name in splits],
            }
        ],
    )
    kinds = {type(feature).__name__ for feature in first.features.values()}
    category = (OF_IMAGE if "Image" in kinds else OF_TEXT).get(session.task.name)
    if category is not None and ("Image" in kinds or _holds_text(first)):
        data["task_categories"] = [category]
    infos = DatasetInfosDict({"default": DatasetInfo(features=first.features)})
    infos.to_dataset_card_data(data)
    return str(data.to_yaml()).strip()


def _holds_text(dataset: datasets.Dataset) -> bool:
    ours = set(COLUMNS)
    features = dataset.features.items()
    return any(name not in ours and getattr(f, "dtype", "") == "string" for name, f in features)


def _counts(session: Session, found: Gathered) -> list[str]:
    answers = Counter(answer.annotator for given in found.answers for answer in given)
    lines = ["", "## Labels", ""]
    lines.append(
        f"Labels: {sum(answers.values()):,}. Annotators: {len(answers):,}. Skips: {found.skips:,}."
    )
    listed = [(_plain(name) or "(unnamed)", f"{n:,}") for name, n in answers.most_common(SHOWN)]
    lines += ["", *_table(("annotator", "labels"), listed)]
    if session.classes:
        counts = found.report.classes
        listed = [(_plain(name), f"{n:,}") for name, n in list(counts.items())[:SHOWN]]
        lines += ["", *_table(("class", "rows"), listed)]
        more = len(counts) - SHOWN
        lines += ["", f"… and {counted(more, 'class', 'classes')} more."] if more > 0 else []
    return lines


def _agreement(found: Gathered) -> list[str]:
    rows, share = found.agreement()
    if not rows:
        return ["", "No row has labels of two annotators: agreement is not known."]
    return [
        "",
        f"{counted(rows, 'row has', 'rows have')} labels of two or more annotators; of the pairs "
        f"of labels {100 * share:.1f} % are equal.",
    ]


def _accuracy(found: Gathered) -> list[str]:
    report = found.report
    lines = ["", "## How good a model of these labels is", ""]
    if report.accuracy is None:
        return [*lines, "Not known: fewer than five rows were drawn at random and labeled."]
    value = report.accuracy
    return [
        *lines,
        f"A model of these labels has the {report.measure} {value.value:.3f} on the "
        f"{report.accuracy_of}, with a 95 % interval of {value.low:.3f} to {value.high:.3f}, "
        f"measured on {counted(value.labels, 'row')} drawn at random.",
    ]


def _choice(session: Session, found: Gathered) -> list[str]:
    arms = Counter(found.arms)
    return [
        "",
        "## How the rows were chosen",
        "",
        f"From a pool of {counted(found.report.pool, 'row')}, in "
        f"{counted(len(session.asks()), 'batch', 'batches')}, by the strategy "
        f"`{session.policy.strategy.name}` with the seed {session.policy.seed}; a share of "
        f"{session.audit:g} was drawn at random. Only the rows of the arm `{AUDIT}` are a "
        "random sample of the pool: measure by them.",
        "",
        *_table(("arm", "rows"), [(f"`{arm}`", f"{arms[arm]:,}") for arm in (CHOSEN, AUDIT, TOLD)]),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _plain(text: str) -> str:
    """Return a name that cannot be Markdown, HTML or two cells."""
    marked: Mapping[str, Any] = {sign: f"\\{sign}" for sign in "\\`*_{}[]()#+-!|~"}
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(marked.get(sign, sign) for sign in " ".join(safe.split()))
