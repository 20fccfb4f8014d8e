"""Take an applied manifest back: every row as it was, in its old place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..core.arrow_kinds import is_string
from ..core.counted import counted
from ..core.errors import InputError
from ..core.files import read_json
from ..core.loading.parts import stacked
from ..core.loading.sources import read_source
from ..core.loading.table_form import TableForm
from ..core.manifest import Manifest
from ..core.packing import data_suffix
from ..core.schema import ROW_ID
from ..core.usual_types import described_schema
from ..core.writing import JSON_FORMATS, SUFFIXES, TEXT_FORMATS, choose_format
from .clean_places import HEADER, places_of_clean, undo_folder
from .cleaning import CHANGED, LINES, ORDER, write_clean
from .given import as_dataset, digest
from .layout import SplitLayout
from .unread_files import bring_back
from .unread_lines import UnreadLines


def undo_manifest(
    manifest: Manifest,
    clean: Path,
    out: Path,
    *,
    format: str | None = None,  # noqa: A002 — as in write_dataset
) -> int:
    """Write the rows as they were before `apply_manifest`, and return their number.

    Parameters
    ----------
    manifest : Manifest
        The one that was applied.
    clean : Path
        What was written then, unchanged, with ``NAME.undo`` beside it.
    out : Path
    format : str, optional
        Default by the suffix of `out`; without one, the format of `clean`.

    Raises
    ------
    InputError
        When the clean data were changed since, or another manifest was applied.
    """
    header = _checked_header(manifest, clean)
    order = pq.read_table(undo_folder(clean) / ORDER)
    changed = pq.read_table(undo_folder(clean) / CHANGED)
    features = datasets.Features.from_dict(header["features"])
    layouts = tuple(map(SplitLayout.from_json, header.get("layouts", [])))
    form = TableForm(
        header["delimiter"] or ",",
        header.get("titles") != [],
        encoding="utf-8",
        preamble=_preamble(header),
    )
    forms = {each.name: replace(form, header=each.titles != ()) for each in layouts}
    parts = [
        _kept(path, _of_split(order, name), changed.schema, features, forms.get(name, form))
        for name, path in places_of_clean(clean, header).items()
    ]
    rows = pa.concat_tables([*parts, changed]).combine_chunks()
    place = pc.index_in(order[ROW_ID], value_set=rows[ROW_ID].combine_chunks())
    rows = rows.take(place.combine_chunks())
    if format is None and not out.suffix and SUFFIXES.get(data_suffix(clean)) == "directory":
        format = header["format"]  # noqa: A001
    kind = choose_format(out, format)
    if kind == "json" and format is None and header["format"] == "jsonl":
        kind = "jsonl"
    write_clean(
        as_dataset(rows, features),
        out,
        kind=kind,
        style={
            "label": (header["label"] or "label") if kind == "imagefolder" else None,
            "delimiter": header["delimiter"] if kind == "csv" else None,
            "titles": header.get("titles") if kind == "csv" else None,
            "line_end": header.get("line_end") if kind == "csv" else None,
            "preamble": _preamble(header) if kind == "csv" else None,
            "order_mark": kind in TEXT_FORMATS and header.get("order_mark", False),
            "stored": _stored(clean, header) if header["format"] == "parquet" else None,
        },
        layouts=layouts,
        splits=order["split"].to_numpy() if layouts else None,
        own_id=header["own_id"],
        lines=_lines(clean, header, order) if kind in JSON_FORMATS else None,
        broken=UnreadLines.load(undo_folder(clean)).among(
            np.ones(len(order), bool), order["split"].to_numpy() if layouts else None, form=kind
        ),
    )
    if kind == "imagefolder":
        bring_back(undo_folder(clean), out)
    return len(rows)


def _preamble(header: dict[str, Any]) -> str | None:
    """Return what stands above the header of CSV; older releases knew one line that says sep=;."""
    found: str | None = header.get("preamble", header.get("sep_line"))
    return found


def _lines(clean: Path, header: dict[str, Any], order: pa.Table) -> np.ndarray | None:
    """Return all rows as lines of JSON, where source and clean data are of such; else None."""
    file = undo_folder(clean) / LINES
    if not file.is_file():
        return None
    line_of = dict(zip(*(column.to_pylist() for column in pq.read_table(file)), strict=True))
    for name, path in places_of_clean(clean, header).items():
        own = _of_split(order, name)
        stays = own.filter(pc.not_equal(own["action"], "drop"))[ROW_ID].to_pylist()
        if not stays:
            continue
        (part,) = read_source(str(path), TableForm(encoding="utf-8")).parts
        assert part.lines is not None  # a file of JSON
        line_of = dict(zip(stays, part.lines.to_pylist(), strict=True)) | line_of
    return np.array([line_of[row_id] for row_id in order[ROW_ID].to_pylist()], dtype=object)


def _stored(clean: Path, header: dict[str, Any]) -> pa.Schema | None:
    """Return the types in the Parquet files that were written, where all have the same."""
    places = places_of_clean(clean, header).values()
    first, *more = [_described(path) for path in places]
    return first if all(schema == first for schema in more) else None


def _described(path: Path) -> pa.Schema:
    """Return the schema of a Parquet file with the categories of its columns."""
    file = pq.ParquetFile(path)
    schema = file.schema_arrow
    coded = [item.name for item in schema if pa.types.is_dictionary(item.type)]
    for item in described_schema(file.read(columns=coded)) if coded else ():
        schema = schema.set(schema.get_field_index(item.name), item)
    return schema


def _of_split(order: pa.Table, name: str) -> pa.Table:
    return order.filter(pc.equal(order["split"], name)) if name else order


def _checked_header(manifest: Manifest, clean: Path) -> dict[str, Any]:
    folder = undo_folder(clean)
    if not clean.exists() and not folder.is_dir():
        raise InputError(f"There is no file or folder {clean}.")
    if not (folder / HEADER).is_file():
        raise InputError(
            f"There is no {folder}, which `apply` leaves beside what it writes, so that the rows "
            "it dropped are not known. Go back to the data that the manifest was applied to."
        )
    header: dict[str, Any] = read_json(folder / HEADER)
    if header["manifest"] != manifest.fingerprint:
        raise InputError(f"{clean} was made with another manifest than this one.")
    places = places_of_clean(clean, header)
    lost = [path for path in places.values() if not path.exists()]
    if lost:
        raise InputError(f"There is no file or folder {lost[0]}.")
    if header["clean"] != digest(*places.values()):
        raise InputError(
            f"{clean} was changed since the manifest was applied. Rows can be put back only into "
            "what was written then; `thresher curate diff` shows what the manifest did."
        )
    return header


def _kept(
    clean: Path,
    order: pa.Table,
    schema: pa.Schema,
    features: datasets.Features,
    form: TableForm,
) -> pa.Table:
    """Return the rows that were neither dropped nor changed, with their ids, as `schema` has it."""
    actions = order["action"].to_numpy()
    stays = order.filter(pa.array(actions != "drop"))
    same = pa.array(np.isin(stays["action"].to_numpy(), ["keep", "review"]))
    if not len(stays):
        return schema.empty_table()
    table, _ = stacked(read_source(str(clean), form).parts)
    if "path" in order.column_names:  # an image folder, read in the order of names
        place = pc.index_in(stays["path"], value_set=table[ROW_ID].combine_chunks())
        table = table.take(place.combine_chunks())
    if len(table) != len(stays):
        raise InputError(
            f"{clean} holds {counted(len(table), 'row')}, but {len(stays)} were written."
        )
    if ROW_ID in table.column_names:
        table = table.drop_columns([ROW_ID])
    table = table.append_column(ROW_ID, stays[ROW_ID]).filter(same)
    return pa.table([_column(table, item, features[item.name]) for item in schema], schema=schema)


def _column(table: pa.Table, item: pa.Field, feature: Any) -> pa.ChunkedArray:
    if item.name not in table.column_names:
        return pa.chunked_array([pa.nulls(len(table), item.type)])
    column = table.column(item.name)
    names = getattr(feature, "names", None)
    if names is not None and is_string(column.type):
        column = pc.index_in(column, value_set=pa.array(names, column.type))
    try:
        return column if column.type == item.type else column.cast(item.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"The column {item.name!r} was {item.type} and is {column.type} in the clean file, "
            f"which does not go back ({str(error).splitlines()[0]}). Use .parquet for it."
        ) from error
