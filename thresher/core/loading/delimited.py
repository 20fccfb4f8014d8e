"""Files of delimited text: CSV, TSV and their like; every line that cannot be a row is named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv

from ..broken_lines import CSV, BrokenLines, lines_at
from ..choice import Choice
from ..counted import counted
from .csv_records import HIDDEN_LINES, cut_records
from .encoding import UNKNOWN, Decoded, UnclearEncoding
from .kept_records import Records
from .parts import Part, Source, bad_row
from .sep_line import delimiter_in, without_sep_line
from .table_form import Layout, find_layout
from .text_files import read_text
from .title_lines import said_of_titles, without_titles

LEAST_BLOCK = 2**20  # bytes that Arrow parses at once; a record has to fit in


def read_delimited(path: Path, name: str, source: Source, *, usual: str | None) -> Part:
    """Read a file of delimited text; all columns are text.

    Parameters
    ----------
    path : Path
    name : str
        How the file is called in messages.
    source : Source
        Says what the user told of the file; takes the lines that are broken.
    usual : str or None
        The delimiter that the file's suffix stands for.
    """
    decoded = read_text(path, name, source)
    data, preamble = without_sep_line(decoded.data)
    if preamble is not None and source.form.delimiter is None:
        usual = delimiter_in(preamble)
        if usual != ",":
            source.choices["delimiter"] = Choice(repr(usual), f"the first line is {preamble}")
    if preamble is None:
        data, preamble = without_titles(data, source.form)
        if preamble is not None:
            source.choices["above the header"] = said_of_titles(preamble)
    line_end = "\r\n" if decoded.data.partition(b"\n")[0].endswith(b"\r") else None
    layout = find_layout(data, source.form, usual=usual)
    source.choices |= layout.choices
    records = cut_records(data, delimiter=layout.delimiter, mark=decoded.mark, fault=decoded.fault)
    del data
    _check_header(records, layout, decoded.question)
    source.bad += [bad_row(f"{name}:{line}", reason) for line, reason in records.bad]
    source.choices |= _said(records)
    broken: list[pc_csv.InvalidRow] = []
    table = _parsed(records, layout, broken)
    lines = records.lines.tolist()
    spans = list(zip((line for line, _ in records.bad), records.bad_spans, strict=True))
    for row in broken:
        at = row.number - 1
        span = int(records.spans[at])
        where = "" if span == 1 else f" to {lines[at] + span - 1}"
        spans.append((lines[at], span))
        columns = f"{counted(row.actual_columns, 'column')}, not {row.expected_columns}"
        source.bad.append(bad_row(f"{name}:{lines[at]}{where}", f"broken line ({columns})"))
    usable = np.ones(len(lines), bool)
    usable[[row.number - 1 for row in broken]] = False
    usable[: int(layout.header)] = False
    numbers = records.lines[usable]
    return Part(
        name,
        table,
        numbers=numbers,
        titles=layout.titles,
        line_end=line_end,
        preamble=preamble,
        order_mark=decoded.order_mark,
        broken=_broken(decoded, sorted(spans), numbers),
    )


def _broken(
    decoded: Decoded, spans: list[tuple[int, int]], numbers: np.ndarray
) -> BrokenLines | None:
    if not spans:
        return None
    lines = lines_at(decoded.data, spans, decoded.raw)
    if decoded.mark:
        lines = [line.replace(decoded.mark, UNKNOWN) for line in lines]
    return BrokenLines(CSV, np.searchsorted(numbers, [line for line, _ in spans]), lines)


def _check_header(records: Records, layout: Layout, question: str) -> None:
    first = int(records.lines[0]) if len(records.lines) else 0
    lost = [reason for line, reason in records.bad if line < first or not first]
    if layout.header and lost and question:
        raise UnclearEncoding(question)
    if layout.header and lost:
        raise ValueError(f"the first line, which names the columns, is no such line: {lost[0]}")


def _said(records: Records) -> dict[str, Choice]:
    said = {}
    if records.mended:
        shown = ", ".join(map(str, records.mended[:5]))
        more = ", …" if len(records.mended) > 5 else ""
        said["quotes"] = Choice(
            f"plain characters on {counted(len(records.mended), 'line')}",
            f"they open or close no cell on line {shown}{more}",
        )
    longest = int(records.spans.argmax()) if len(records.spans) else 0
    if len(records.spans) and records.spans[longest] > HIDDEN_LINES:
        line, span = int(records.lines[longest]), int(records.spans[longest])
        said["long rows"] = Choice(
            f"{counted(int((records.spans > HIDDEN_LINES).sum()), 'row')} of more than "
            f"{HIDDEN_LINES} lines",
            f"quotes hold lines together, most of them {line} to {line + span - 1} "
            f"({counted(span, 'line')}): if these are rows of their own, a quote is missing or too "
            "many",
        )
    return said


def _parsed(records: Records, layout: Layout, broken: list[pc_csv.InvalidRow]) -> pa.Table:
    def skip(row: pc_csv.InvalidRow) -> str:
        broken.append(row)
        return "skip"

    return pc_csv.read_csv(
        # Empty lines are no rows, but Arrow skips one in the place of the header.
        io.BytesIO(records.data.lstrip(b"\r\n")),
        read_options=pc_csv.ReadOptions(
            use_threads=False,
            block_size=max(LEAST_BLOCK, 2 * records.longest),
            column_names=layout.names,
            skip_rows_after_names=layout.header,
        ),
        parse_options=pc_csv.ParseOptions(
            delimiter=layout.delimiter,
            newlines_in_values=records.several,
            invalid_row_handler=skip,
        ),
        # As text: a type guessed from the first block fails on a stray word further down.
        convert_options=pc_csv.ConvertOptions(
            column_types=dict.fromkeys(layout.names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
