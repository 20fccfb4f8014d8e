"""Which column is what: as asked for, or guessed with a reason, or an error that lists them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..choice import Choice
from ..columns import is_binary, is_list, is_number, is_string
from ..errors import InputError, check_column
from .cells import is_numeric_text
from .column_names import ID_NAMES, INDEX_NAMES, LABEL_NAMES, SPLIT_COLUMNS, TEXT_NAMES
from .files import IMAGE_SUFFIXES, check_image
from .parts import SPLIT_NAMES

NO_LABEL = "none"


@dataclass(frozen=True)
class Wanted:
    """The roles that the user gave; None is a role to guess."""

    label: str | None = None
    text: str | None = None
    image: str | None = None
    features: Sequence[str] | None = None
    split: str | None = None
    row_id: str | None = None


@dataclass
class Roles:
    """The roles of the columns, with the reason for each that was guessed."""

    modality: str = ""
    inputs: tuple[str, ...] = ()
    label: str | None = None
    split: str | None = None
    row_id: str | None = None
    choices: dict[str, Choice] = field(default_factory=dict)

    def taken(self) -> set[str]:
        """Return the columns that have a role other than input."""
        return {name for name in (self.label, self.split, self.row_id) if name is not None}


def choose_roles(
    table: pa.Table,
    wanted: Wanted,
    *,
    folders: Iterable[Path | None],
    needs_label: bool = True,
) -> Roles:
    """Settle every role.

    Parameters
    ----------
    table : pyarrow.Table
    wanted : Wanted
    folders : iterable of Path or None
        Where relative image paths may start.
    needs_label : bool
        Whether it is an error when several columns could be the label; else there is none.
    """
    _check_wanted(table, wanted)
    roles = Roles()
    _choose_split(table, wanted, roles)
    _choose_row_id(table, wanted, roles)
    if wanted.label is not None:
        roles.label = None if wanted.label == NO_LABEL else wanted.label
        roles.choices["label"] = Choice(wanted.label, "given")
    elif named := _named(table, LABEL_NAMES, roles.taken() | _wanted_inputs(wanted)):
        roles.label = named
        roles.choices["label"] = Choice(named, "named like a label")
    _choose_inputs(table, wanted, roles, list(folders))
    if wanted.label is None and roles.label is None:
        _guess_label(table, roles, needed=needs_label)
    return roles


def _wanted_inputs(wanted: Wanted) -> set[str]:
    single = {name for name in (wanted.text, wanted.image) if name is not None}
    return single | set(wanted.features or ())


def _check_wanted(table: pa.Table, wanted: Wanted) -> None:
    names = table.column_names
    for role in ("label", "text", "image", "split", "row_id"):
        value = getattr(wanted, role)
        if value is not None and not (role == "label" and value == NO_LABEL):
            check_column(value, names, role=f"{role} column")
    for name in wanted.features or ():
        check_column(name, names, role="feature column")
    given = [role for role in ("image", "text", "features") if getattr(wanted, role)]
    if len(given) > 1:
        raise InputError(f"Give one kind of input, not {' and '.join(f'`{g}`' for g in given)}.")


def _named(table: pa.Table, names: Iterable[str], excluded: set[str]) -> str | None:
    """Return the first of the names that is a column, whatever its case."""
    lower = {column.lower(): column for column in reversed(table.column_names)}
    found = (lower[name] for name in names if name in lower)
    return next((name for name in found if name not in excluded and _has_values(table, name)), None)


def _has_values(table: pa.Table, name: str) -> bool:
    return len(table) == 0 or table.column(name).null_count < len(table)


def _choose_split(table: pa.Table, wanted: Wanted, roles: Roles) -> None:
    if wanted.split is not None:
        roles.split = wanted.split
        roles.choices["split column"] = Choice(wanted.split, "given")
        return
    taken = {wanted.label or "", *_wanted_inputs(wanted)}
    for name in table.column_names:
        column = table.column(name)
        if name.lower() not in SPLIT_COLUMNS or name in taken or not is_string(column.type):
            continue
        values = pc.unique(column.drop_null()).to_pylist()
        unknown = [value for value in values if value.strip().lower() not in SPLIT_NAMES]
        if values and not unknown:
            roles.split = name
            roles.choices["split column"] = Choice(name, "holds names of splits")
            return
        reason = f"{name!r} holds {unknown[0]!r}, no name of a split" if unknown else "empty"
        roles.choices["split column"] = Choice("none", reason)


def _choose_row_id(table: pa.Table, wanted: Wanted, roles: Roles) -> None:
    if wanted.row_id is not None:
        roles.row_id = wanted.row_id
        roles.choices["row_id"] = Choice(wanted.row_id, "given")
        return
    name = _named(table, ID_NAMES, {wanted.label or "", *_wanted_inputs(wanted)})
    if name is not None and _is_key(table.column(name)):
        roles.row_id = name
        roles.choices["row_id"] = Choice(name, "named like a key, and unique")
    else:
        roles.choices["row_id"] = Choice("content hash", "no unique column named like a key")


def _is_key(column: pa.ChunkedArray) -> bool:
    if column.null_count or not (is_string(column.type) or pa.types.is_integer(column.type)):
        return False
    distinct = pc.count_distinct(column.cast(pa.string())).as_py()
    return bool(distinct == len(column)) and "" not in column.slice(0, 1).to_pylist()


def _choose_inputs(
    table: pa.Table, wanted: Wanted, roles: Roles, folders: list[Path | None]
) -> None:
    if wanted.image is not None:
        kind = table.schema.field(wanted.image).type
        if not (_is_struct_image(kind) or is_binary(kind) or is_string(kind)):
            raise InputError(f"The image column {wanted.image!r} holds {kind}, not bytes or paths.")
        return _settle(roles, "image", (wanted.image,), "given")
    if wanted.text is not None:
        if not is_string(table.schema.field(wanted.text).type):
            kind = table.schema.field(wanted.text).type
            raise InputError(f"The text column {wanted.text!r} holds {kind}, not text.")
        return _settle(roles, "text", (wanted.text,), "given")
    if wanted.features:
        return _settle(roles, "features", tuple(wanted.features), "given")
    images = [
        name
        for name in table.column_names
        if name not in roles.taken() and is_image_column(table.column(name), folders)
    ]
    if len(images) == 1:
        return _settle(roles, "image", (images[0],), "the only column that holds images")
    if images:
        raise InputError(
            _unclear(table, f"Several columns hold images ({', '.join(images)})", "image")
        )
    return _choose_text_or_features(table, roles)


def _settle(roles: Roles, modality: str, inputs: tuple[str, ...], reason: str) -> None:
    if roles.label in inputs:
        raise InputError(f"The column {roles.label!r} cannot be both label and {modality}.")
    roles.modality, roles.inputs = modality, inputs
    shown = inputs if len(inputs) <= 6 else (*inputs[:5], f"… {len(inputs)} in all")
    roles.choices[modality] = Choice(", ".join(shown), reason)


def _choose_text_or_features(table: pa.Table, roles: Roles) -> None:
    numeric, texts, ignored = [], {}, []
    for name in table.column_names:
        if name in roles.taken() or name.lower() in INDEX_NAMES:
            continue
        column = table.column(name)
        if _is_feature(column):
            numeric.append(name)
        elif is_string(column.type):
            texts[name] = _mean_length(column)
        else:
            ignored.append(name)
    text = _best_text(texts, table, numeric)
    if text is not None:
        reason = "named like a text" if text.lower() in TEXT_NAMES else "the longest text column"
        return _settle(roles, "text", (text,), f"{reason}, {texts[text]:.0f} characters on average")
    filled = [name for name in numeric if table.column(name).null_count * 2 <= len(table)]
    if not filled:
        raise InputError(
            _unclear(table, "No column is clearly an image, a text or numbers", "text")
        )
    left_out = [name for name in table.column_names if name not in {*filled, *roles.taken()}]
    reason = "all numeric columns" + (f"; not used: {', '.join(left_out)}" if left_out else "")
    return _settle(roles, "features", tuple(filled), reason)


def _best_text(texts: dict[str, float], table: pa.Table, numeric: list[str]) -> str | None:
    """Return the column that reads like free text, if there is one."""
    free = [
        name
        for name in texts
        if name.lower() in TEXT_NAMES or not numeric or texts[name] >= 20
        if name.lower() in TEXT_NAMES or _distinct(table.column(name)) > 0.2 * len(table)
    ]
    return max(free, key=lambda name: (name.lower() in TEXT_NAMES, texts[name]), default=None)


def _is_feature(column: pa.ChunkedArray) -> bool:
    kind = column.type
    if is_list(kind):
        return is_number(kind.value_type)
    return is_number(kind) or (is_string(kind) and is_numeric_text(column))


def _mean_length(column: pa.ChunkedArray) -> float:
    return float(pc.mean(pc.utf8_length(column)).as_py() or 0)


def _distinct(column: pa.ChunkedArray) -> int:
    return int(pc.count_distinct(column).as_py())


def _is_struct_image(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)


def is_image_column(column: pa.ChunkedArray, folders: list[Path | None]) -> bool:
    """Tell from its type and some entries whether a column holds images or paths of images."""
    if _is_struct_image(column.type):
        return True
    sample = column.drop_null().slice(0, 20).to_pylist()
    if is_binary(column.type):
        return any(check_image(data) is None for data in sample)
    if not is_string(column.type) or not sample:
        return False
    paths = [path for path in sample if Path(path).suffix.lower() in IMAGE_SUFFIXES]
    return 2 * len(paths) >= len(sample) and any(
        (folder or Path()).joinpath(path).is_file() for path in paths for folder in folders
    )


def _guess_label(table: pa.Table, roles: Roles, *, needed: bool) -> None:
    """Take the only column with few values, text before numbers, as the label."""
    free = [
        name
        for name in table.column_names
        if name not in {*roles.inputs, *roles.taken()} and name.lower() not in INDEX_NAMES
    ]
    found = [name for name in free if _is_low_cardinality(table.column(name))]
    if len(found) == 1:
        roles.label = found[0]
        distinct = _distinct(table.column(found[0]))
        roles.choices["label"] = Choice(
            found[0], f"the only other column with few values ({distinct})"
        )
    elif found and not needed:
        reason = f"several columns could be the label ({', '.join(found)})"
        roles.choices["label"] = Choice(NO_LABEL, reason)
    elif found:
        raise InputError(
            _unclear(table, f"Several columns could be the label ({', '.join(found)})", "label")
        )
    else:
        roles.choices["label"] = Choice(NO_LABEL, "no column looks like a label")


def _is_low_cardinality(column: pa.ChunkedArray) -> bool:
    kind = column.type
    if not (is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return False
    return 2 <= _distinct(column) <= max(2, min(1000, len(column) // 5))


def _unclear(table: pa.Table, what: str, option: str) -> str:
    columns = ", ".join(f"{item.name} ({item.type})" for item in table.schema)
    also = f', or "{NO_LABEL}" for no label' if option == "label" else ""
    others = "`image`, `text` or `features`" if option == "text" else f"`{option}`"
    return f"{what}. Say which with {others}{also}. Columns: {columns}."
