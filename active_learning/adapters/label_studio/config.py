"""The labeling configuration of a Label Studio project: written for a task, and read back.

Label Studio describes a project's page in XML: objects (what is shown) and controls (what is
answered), tied by names. Its reference: https://labelstud.io/tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from thresher.core.errors import InputError, check_choice

from ...tasks import Task

KINDS = ("text", "image", "numbers")
CONTROLS = {
    "classification": ("Choices", "Choice"),
    "multi_label": ("Choices", "Choice"),
    "regression": ("Number", ""),
    "spans": ("Labels", "Label"),
    "boxes": ("RectangleLabels", "Label"),
}
# What annotators must see for marks to be made on it.
MARKED = {"spans": "text", "boxes": "image"}
HOTKEYS = "1234567890"
# Characters that XML cannot hold, even escaped.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class Shown:
    """What annotators see of a row.

    Attributes
    ----------
    kind : {"text", "image", "numbers"}
    columns : tuple of str
        One column of images, or columns of text or numbers.
    cells : callable
        Takes row ids and returns, by row id, the values of the columns by name; images as the
        bytes of their files.
    """

    kind: str
    columns: tuple[str, ...]
    cells: Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        if not self.columns or (self.kind == "image" and len(self.columns) > 1):
            raise InputError(
                f"`columns` must be one column of images, or columns of text or numbers, got "
                f"{list(self.columns)} of kind '{self.kind}'."
            )

    @property
    def keys(self) -> tuple[str, ...]:
        """Names in a task's data: Label Studio takes no spaces and dots in them."""
        if self.kind != "text" or len(self.columns) == 1:
            return (self.kind,)
        return tuple(f"text_{number}" for number in range(1, len(self.columns) + 1))


@dataclass(frozen=True)
class Control:
    """The control of a project whose answers are labels.

    Attributes
    ----------
    name, shown : str
        Of the control, and of the object that it belongs to.
    key : str
        Of the object's content in a task's data.
    """

    name: str
    shown: str
    key: str


def control_of(shown: Shown) -> Control:
    """Return the control that `labeling_config` writes."""
    return Control("label", shown.keys[0], shown.keys[0])


def labeling_config(task: Task, shown: Shown) -> str:
    """Return the XML of a project for a task.

    Raises
    ------
    InputError
        When a class name cannot stand in XML, or the task needs texts or images to mark.
    """
    needed = MARKED.get(task.name)
    if needed not in (None, shown.kind):
        raise InputError(
            f"Label Studio marks {task.name} on rows of kind '{needed}', these are '{shown.kind}'."
        )
    return "\n".join(["<View>", *_objects(shown), *_control(task, shown), "</View>"]) + "\n"


def _objects(shown: Shown) -> list[str]:
    tag = {"text": "Text", "image": "Image", "numbers": "Table"}[shown.kind]
    lines = []
    for key, column in zip(shown.keys, shown.columns, strict=shown.kind == "text"):
        if len(shown.keys) > 1:
            lines.append(f"  <Header value={_attribute(column)}/>")
        lines.append(f'  <{tag} name="{key}" value="${key}"/>')
    return lines


def _control(task: Task, shown: Shown) -> list[str]:
    control = control_of(shown)
    tag, inner = CONTROLS[task.name]
    named = f'  <{tag} name="{control.name}" toName="{control.shown}"'
    if not inner:
        limits = {"min": task.options().get("low"), "max": task.options().get("high")}
        given = "".join(
            f' {name}="{value!r}"' for name, value in limits.items() if value is not None
        )
        return [f'{named} required="true"{given} step="any"/>']
    more = {
        "classification": ' choice="single" required="true" showInline="true"',
        "multi_label": ' choice="multiple" showInline="true"',
        "boxes": ' canRotate="false"',
    }.get(task.name, "")
    lines = [f"{named}{more}>"]
    for number, name in enumerate(task.classes):
        hotkey = f' hotkey="{HOTKEYS[number]}"' if number < len(HOTKEYS) else ""
        lines.append(f"    <{inner} value={_attribute(name)}{hotkey}/>")
    return [*lines, f"  </{tag}>"]


def _attribute(text: str) -> str:
    if NOT_XML.search(text):
        raise InputError(
            f"The name {text!r} holds a control character, which Label Studio cannot take. Rename "
            "the class or column."
        )
    return quoteattr(text, {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})


def find_control(config: str, task: Task) -> Control:
    """Return the control of an existing project that asks for what the task needs.

    Raises
    ------
    InputError
        When there is none or more than one, or its classes are not those of the task.
    """
    tag, inner = CONTROLS[task.name]
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise InputError(f"The project's labeling configuration is not XML ({error}).") from error
    found = [element for element in root.iter() if element.tag.lower() == tag.lower()]
    fitting = [element for element in found if _values(element, inner) == set(task.classes)]
    if len(fitting) != 1:
        there = "; ".join(str(sorted(_values(element, inner))) for element in found) or "none"
        raise InputError(
            f"The project needs exactly one <{tag}> with the session's classes "
            f"{list(task.classes)}; it has {len(found)} <{tag}> with the values {there}. Mend its "
            "labeling configuration, or leave the project out to have one made."
        )
    control = fitting[0]
    shown = control.get("toName", "").split(",")[0]
    for element in root.iter():
        if element.get("name") == shown:
            key = element.get("value", element.get("valueList", "")).lstrip("$")
            return Control(control.get("name", ""), shown, key)
    raise InputError(f"The project's <{tag}> belongs to '{shown}', which it does not show.")


def _values(control: ElementTree.Element, inner: str) -> set[str]:
    """Return what results call the choices: their aliases, where they have some."""
    return {
        element.get("alias", "") or element.get("value", "")
        for element in control.iter()
        if inner and element.tag.lower() == inner.lower()
    }
