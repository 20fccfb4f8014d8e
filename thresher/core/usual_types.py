"""Columns of Arrow types that `datasets` does not know, brought to types that it does, and back.

Files hold maps, UUIDs, pandas periods, small decimals, views, run-end encoded columns. Nobody asks
about most of them, so none may stop a file, and what is written has the type that came.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_kinds import is_string

# In the metadata of a field: the categories of a column, as a stream of Arrow.
CATEGORIES = b"thresher:categories"


def usual_type(kind: pa.DataType) -> pa.DataType:
    """Return the type, itself or a like one, that `datasets` holds; text where there is none."""
    if isinstance(kind, pa.BaseExtensionType):
        return usual_type(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return usual_type(kind.value_type)
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return pa.decimal128(kind.precision, kind.scale)
    if pa.types.is_string_view(kind) or pa.types.is_union(kind) or pa.types.is_interval(kind):
        return pa.string()
    few = pa.types.is_fixed_size_binary(kind) and not _holds_few_bytes()
    return pa.binary() if few or pa.types.is_binary_view(kind) else _usual_nested(kind)


@cache
def _holds_few_bytes() -> bool:
    """Tell whether this version of `datasets` holds bytes of one length; 5.0 does not, 5.2 does."""
    from datasets import Features

    try:
        Features.from_arrow_schema(pa.schema([("x", pa.binary(1))]))
    except ValueError:
        return False
    return True


def _usual_nested(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_map(kind):
        pair = [("key", usual_type(kind.key_type)), ("value", usual_type(kind.item_type))]
        return pa.list_(pa.struct(pair))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(usual_type(kind.value_type), kind.list_size)
    if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(usual_type(kind.value_type))
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(usual_type(kind.value_type))
    if pa.types.is_struct(kind):  # Parquet holds none without fields, as of {} in JSON
        items = [item.with_type(usual_type(item.type)) for item in kind]
        return pa.struct(items) if items else pa.string()
    return kind


def to_usual(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column in the type that `usual_type` names; its values stay."""
    target = usual_type(column.type)
    if target == column.type:
        return column
    chunks = [_converted(chunk, target) for chunk in column.chunks]
    return pa.chunked_array(chunks, target)


def from_usual(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column that `to_usual` gave in the type it had.

    Raises
    ------
    pyarrow.ArrowException
        For types that are text here: unions and intervals of months, which no file holds.
    """
    if column.type == kind:
        return column
    return pa.chunked_array([_restored(chunk, kind) for chunk in column.chunks], kind)


def usual_table(table: pa.Table) -> pa.Table:
    """Return a table in which every column has its usual type, without metadata."""
    for place, item in enumerate(table.schema):
        column = to_usual(table.column(place))
        if column.type != item.type:
            table = table.set_column(place, item.name, column)
    return table.replace_schema_metadata(None)


def described_schema(table: pa.Table) -> pa.Schema:
    """Return the schema of a table; columns of categories tell in it which there are, in order."""
    items = [_with_categories(item, table.column(place)) for place, item in enumerate(table.schema)]
    return pa.schema(items, metadata=table.schema.metadata)


def without_categories(schema: pa.Schema) -> pa.Schema:
    """Return a schema without what `described_schema` has told in it."""
    items = []
    for item in schema:
        metadata = {name: v for name, v in (item.metadata or {}).items() if name != CATEGORIES}
        items.append(item.with_metadata(metadata or None))
    return pa.schema(items, metadata=schema.metadata)


def _with_categories(item: pa.Field, column: pa.ChunkedArray) -> pa.Field:
    if not pa.types.is_dictionary(item.type) or not column.num_chunks:
        return item
    kind = item.type.value_type
    if not (is_string(kind) or pa.types.is_primitive(kind)):  # which nothing looks up in Arrow
        return item
    values = column.unify_dictionaries().chunk(0).dictionary
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("values", values.type)])) as stream:
        stream.write_batch(pa.record_batch([values], ["values"]))
    return item.with_metadata({**(item.metadata or {}), CATEGORIES: sink.getvalue().to_pybytes()})


def stored_schema(usual: pa.Schema, stored: pa.Schema) -> pa.Schema:
    """Return a schema of usual types with those that columns had where they came from.

    What pandas says of columns comes along where there are the same ones. What `datasets` says does
    not go with types that it does not know.
    """
    items, odd = [], False
    for item in usual:
        place = stored.get_field_index(item.name)
        known = place >= 0 and usual_type(stored.field(place).type) == item.type
        items.append(stored.field(place) if known else item)
        kind = items[-1].type
        odd |= kind != item.type and not pa.types.is_dictionary(kind)
    metadata = {} if odd else dict(usual.metadata or {})
    if usual.names == stored.names and b"pandas" in (stored.metadata or {}):
        metadata[b"pandas"] = stored.metadata[b"pandas"]
    return pa.schema(items, metadata=metadata or None)


def as_stored(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table of usual types in those of a schema that `stored_schema` gave."""
    columns = []
    for place, item in enumerate(schema):
        known = (item.metadata or {}).get(CATEGORIES)
        column = table.column(place)
        restored = from_usual(column, item.type) if known is None else _coded(column, item, known)
        columns.append(restored)
    return pa.Table.from_arrays(columns, schema=schema)


def _coded(column: pa.ChunkedArray, item: pa.Field, known: bytes) -> pa.ChunkedArray:
    """Return a column of categories with those that it had, in their order, and new ones after."""
    values = pa.ipc.open_stream(known).read_all().column(0).combine_chunks()
    own = column.cast(values.type)
    new = pc.unique(own.drop_null())
    fresh = new.filter(pc.invert(pc.is_in(new, value_set=values)))
    values = pa.concat_arrays([values, fresh])
    index = item.type.index_type
    codes = [pc.index_in(chunk, values, skip_nulls=True).cast(index) for chunk in own.chunks]
    ordered = item.type.ordered
    coded = [pa.DictionaryArray.from_arrays(each, values, ordered=ordered) for each in codes]
    return pa.chunked_array(coded, item.type)


def _converted(chunk: pa.Array, target: pa.DataType) -> pa.Array:
    if isinstance(chunk, pa.ExtensionArray):
        return _converted(chunk.storage, target)
    if chunk.type == target:
        return chunk
    if pa.types.is_run_end_encoded(chunk.type):
        return _converted(pc.run_end_decode(chunk), target)
    if pa.types.is_union(chunk.type) or pa.types.is_interval(chunk.type):
        return pa.array([_shown(value) for value in chunk.to_pylist()], target)
    try:
        if _holds_view(chunk.type):  # whose cast loses the last entry (pyarrow 26)
            raise pa.ArrowNotImplementedError
        return chunk.cast(target)
    except pa.ArrowException:
        return pa.array([_plain(value, target) for value in chunk.to_pylist()], target)


def _holds_view(kind: pa.DataType) -> bool:
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return True
    return any(_holds_view(kind.field(place).type) for place in range(kind.num_fields))


def _restored(chunk: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _restored(chunk, kind.storage_type))
    if pa.types.is_dictionary(kind):
        return chunk.dictionary_encode().cast(kind)
    if pa.types.is_run_end_encoded(kind):
        return pc.run_end_encode(chunk, run_end_type=kind.run_end_type)
    try:
        return chunk.cast(kind)
    except pa.ArrowException:
        return pa.array([_original(value, kind) for value in chunk.to_pylist()], kind)


def _plain(value: Any, target: pa.DataType) -> Any:
    """Return a Python value as the target type has it: pairs of a map as mappings, and so on."""
    if value is None:
        return None
    if pa.types.is_struct(target):
        return {item.name: _plain(value[item.name], item.type) for item in target}
    if pa.types.is_list(target) or pa.types.is_large_list(target):
        inner = target.value_type
        pairs = pa.types.is_struct(inner) and [item.name for item in inner] == ["key", "value"]
        if pairs and all(isinstance(item, tuple) for item in value):
            value = [{"key": key, "value": entry} for key, entry in value]
        return [_plain(item, inner) for item in value]
    return _shown(value) if pa.types.is_string(target) and not isinstance(value, str) else value


def _original(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [(pair["key"], _original(pair["value"], kind.item_type)) for pair in value]
    if pa.types.is_struct(kind):
        return {item.name: _original(value[item.name], item.type) for item in kind}
    if isinstance(value, list):
        return [_original(item, kind.value_type) for item in value]
    return value


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
