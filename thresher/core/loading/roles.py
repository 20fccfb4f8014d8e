"""Which column is what: as asked for, or guessed with a reason, or an error that lists them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..arrow_kinds import is_binary, is_string
from ..choice import Choice
from ..errors import InputError, check_column
from ..schema import TASKS
from ..split_names import SPLIT_NAMES
from .column_kinds import Kind, column_kinds, is_struct_image, is_unique
from .column_names import ID_NAMES, SPLIT_COLUMNS, names_a_key, plain_name
from .input_roles import Inputs, choose_inputs, listed, other_columns, unclear
from .label_roles import NO_LABEL, LabelGuess, guess_label, named_label


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
    task: str = TASKS[0]
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
        Conversations are texts already (`turns`).
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
    leave = roles.taken() | _wanted_inputs(wanted) | {wanted.label or ""}
    kinds = column_kinds(table, folders, leave=leave)
    guess = named_label(kinds) if wanted.label is None else None
    if wanted.label is not None:
        roles.label = None if wanted.label == NO_LABEL else wanted.label
        roles.choices["label"] = Choice(wanted.label, "given")
    elif guess is not None and guess.label is not None:
        _take(roles, guess)
    others = [kind for name, kind in kinds.items() if name not in roles.taken()]
    inputs = _inputs_as_wanted(table, wanted) or choose_inputs(others, table)
    _settle(roles, inputs)
    if wanted.label is None and roles.label is None:
        _guess(table, roles, others, needed=needs_label, named=guess)
    unused = other_columns(table, {*roles.inputs, *roles.taken()}, kinds)
    if unused:
        roles.choices["not used"] = Choice(
            unused, "neither compared as the rows' content nor learned"
        )
    return roles


def _take(roles: Roles, guess: LabelGuess) -> None:
    roles.label = guess.label
    roles.choices["label"] = Choice(guess.label or NO_LABEL, guess.reason)


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


def _choose_split(table: pa.Table, wanted: Wanted, roles: Roles) -> None:
    if wanted.split is not None:
        roles.split = wanted.split
        roles.choices["split column"] = Choice(wanted.split, "given")
        return
    taken = {wanted.label or "", *_wanted_inputs(wanted)}
    for name in table.column_names:
        column = table.column(name)
        if plain_name(name) not in SPLIT_COLUMNS or name in taken or not is_string(column.type):
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
    taken = {wanted.label or "", *_wanted_inputs(wanted), roles.split}
    usual = [n for key in ID_NAMES for n in table.column_names if plain_name(n) == key]
    like = [name for name in table.column_names if names_a_key(name)]
    for name in dict.fromkeys([*usual, *like]):
        if name not in taken and is_unique(table.column(name)):
            roles.row_id = name
            roles.choices["row_id"] = Choice(name, "named like a key, and unique")
            return
    roles.choices["row_id"] = Choice("content hash", "no unique column named like a key")


def _inputs_as_wanted(table: pa.Table, wanted: Wanted) -> Inputs | None:
    """Return the inputs that the user named, or None."""
    if wanted.image is not None:
        kind = table.schema.field(wanted.image).type
        if not (is_struct_image(kind) or is_binary(kind) or is_string(kind)):
            raise InputError(f"The image column {wanted.image!r} holds {kind}, not bytes or paths.")
        return Inputs("image", (wanted.image,), "given")
    if wanted.text is not None:
        kind = table.schema.field(wanted.text).type
        if not is_string(kind):
            raise InputError(f"The text column {wanted.text!r} holds {kind}, not text.")
        return Inputs("text", (wanted.text,), "given")
    return Inputs("features", tuple(wanted.features), "given") if wanted.features else None


def _settle(roles: Roles, inputs: Inputs) -> None:
    if roles.label in inputs.columns:
        raise InputError(f"The column {roles.label!r} cannot be both label and {inputs.modality}.")
    roles.modality, roles.inputs = inputs.modality, inputs.columns
    roles.choices[inputs.modality] = Choice(listed(inputs.columns), inputs.reason)


def _guess(
    table: pa.Table,
    roles: Roles,
    others: list[Kind],
    *,
    needed: bool,
    named: LabelGuess | None,
) -> None:
    """Take the column that is most likely the label, if one is; it is then no input."""
    as_features = roles.modality == "features" and roles.choices["features"].reason != "given"
    fixed = set() if as_features else set(roles.inputs)
    guess = guess_label([kind for kind in others if kind.name not in fixed], tabular=as_features)
    if guess.label is None and len(guess.candidates) > 1 and needed and not as_features:
        could = ", ".join(guess.candidates)
        what = f"Several columns could be the label ({could})"
        raise InputError(unclear(table, what, f'`label`, or "{NO_LABEL}" for no label'))
    if guess.label is None and named is not None and not guess.candidates:
        guess = named
    _take(roles, guess)
    if roles.label in roles.inputs:
        left = tuple(name for name in roles.inputs if name != roles.label)
        if not left:
            roles.label, roles.choices["label"] = None, Choice(NO_LABEL, "no other column is there")
            return
        reason = roles.choices["features"].reason
        roles.inputs, roles.choices["features"] = left, Choice(listed(left), reason)
