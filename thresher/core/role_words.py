"""The roles of the columns in words: what was taken for what, and what a reader should know."""

from __future__ import annotations

from collections.abc import Mapping

from .choice import Choice

KIND = {"image": "images", "text": "text", "features": "numbers"}
TASK = {"classification": "", "multi_label": "sets of classes", "regression": "numbers"}
NOT_CHECKED = "NO LABEL COLUMN, so that labels are not checked"
ALONE = (
    *(
        "above the header",
        "header",
        "column names",
        "delimiter",
        "lines",
        "encoding",
        "packed",
        "quotes",
        "long rows",
    ),
    *("decimal commas", "no numbers"),
    *("classes", "metadata", "left out"),
)
HASHED = "content hash"


def describe_roles(
    choices: Mapping[str, Choice], *, modality: str, inputs: tuple[str, ...], label: str | None
) -> dict[str, str]:
    """Return what each role was given to, in words.

    Parameters
    ----------
    choices : mapping of str to Choice
        What was found out while loading.
    modality, inputs, label
        As in `thresher.core.schema.Schema`.
    """
    seen = choices.get(modality)
    named = ", ".join(inputs) if seen is None or modality != "features" else seen.value
    roles = {KIND[modality]: named + (" (conversations)" if "conversations" in choices else "")}
    said = choices.get("label")
    roles["label"] = _label(label, said, choices.get("task"))
    key = choices.get("row_id")
    roles["key"] = "none, rows are counted" if key is None or key.value == HASHED else key.value
    column, split = choices.get("split column"), choices.get("split")
    if column is not None and column.value != "none":
        roles["split"] = column.value
    elif split is not None and split.reason == "as in the source":
        roles["split"] = f"{split.value} ({split.reason})"
    if "not used" in choices:
        roles["beside"] = choices["not used"].value
    return roles


def _label(label: str | None, said: Choice | None, task: Choice | None) -> str:
    if label is None:
        if said is None or said.reason == "given":
            return "not read" if said is not None else "none"
        hint = "; give --label" if said.reason.startswith("could be") else ""
        return f"none ({said.reason}{hint})"
    kind = TASK.get(task.value, "") if task is not None else ""
    why = [] if said is None or said.reason == "given" else [said.reason]
    if kind:
        why.insert(0, kind if task is None or task.reason == "given" else f"{kind}: {task.reason}")
    return f"{label} ({'; '.join(why)})" if why else label


def role_lines(choices: Mapping[str, Choice], roles: Mapping[str, str]) -> list[str]:
    """Return the roles as lines for people: all in one, and each warning or guess on its own."""
    lines = ["; ".join(f"{role}: {column}" for role, column in roles.items())]
    if roles["label"].startswith("none (") or roles["label"] == "none":
        lines.append(f"{NOT_CHECKED}. If there is one, name it: --label COLUMN")
    for name in ALONE:
        choice = choices.get(name)
        if choice is not None and choice.reason != "given":
            lines.append(f"{name}: {choice}")
    return lines
